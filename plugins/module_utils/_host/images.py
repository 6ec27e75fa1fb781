# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pulling images into the container runtime for the kubelet."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure

ATTEMPTS = 3
PARALLEL = 3
# containerd's directory of registry hosts, the same that the kubelet's pulls use.
HOSTS = "/etc/containerd/certs.d"
# Where the role docker keeps names and passwords for docker's command, if there are any.
DOCKER_CONFIG = "/etc/docker/bare-mesh"


class Images:
    """The kubelet's images on this host."""

    program = ""
    unit = ""
    role = ""
    data = ""
    # Arguments that list the images, and those that pull one, whose name follows.
    listing: tuple[str, ...] = ()
    pulling: tuple[str, ...] = ()

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.path = module.get_bin_path(self.program)

    def name(self, image: str) -> str:
        """The name of an image in the runtime's own list."""
        return image

    def missing(self, wanted: Iterable[str]) -> list[str]:
        """The images that are not there. In check mode the runtime need not be installed yet."""
        if not self.path and not self.module.check_mode:
            raise Failure(f"{self.program} is not installed on this host; run the role {self.role} first")
        code, out, err = self.module.run_command([self.path, *self.listing]) if self.path else (1, "", "")
        if code and not self.module.check_mode:
            raise Failure(f"{self.unit} does not answer: {err.strip()}; see: systemctl status {self.unit}")
        present = set() if code else set(out.split())
        return sorted(image for image in set(wanted) if self.name(image) not in present)

    def pull_one(self, image: str) -> str:
        """The reason why an image could not be pulled; empty if it could."""
        reason = ""
        for _attempt in range(ATTEMPTS):
            code, _out, err = self.module.run_command([self.path, *self.pulling, image])
            if not code:
                return ""
            reason = "\n".join(err.strip().splitlines()[-3:])
        return reason

    def pull(self, images: list[str]) -> None:
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            reasons = list(pool.map(self.pull_one, images))
        failed = [f"{image}: {reason}" for image, reason in zip(images, reasons) if reason]
        if failed:
            fix = "Check that the registry of bare_mesh_source serves them."
            if any("no space left on device" in reason for reason in failed):
                fix = f"Free space in {self.data}."
            raise Failure("\n".join([f"could not pull {failed[0]}", *failed[1:], fix]))


class Containerd(Images):
    """containerd, in the namespace of its CRI plugin."""

    program = "ctr"
    unit = "containerd"
    role = "containerd"
    data = "/var/lib/containerd"
    listing = ("-n", "k8s.io", "images", "ls", "-q")
    pulling = ("-n", "k8s.io", "images", "pull", "--hosts-dir", HOSTS)


class Docker(Images):
    """Docker Engine."""

    program = "docker"
    unit = "docker"
    role = "docker"
    data = "/var/lib/docker and /var/lib/containerd"
    listing = ("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
    pulling: tuple[str, ...] = ("pull", "--quiet")

    def __init__(self, module: AnsibleModule) -> None:
        super().__init__(module)
        if os.path.exists(f"{DOCKER_CONFIG}/config.json"):
            self.pulling = ("--config", DOCKER_CONFIG, *self.pulling)

    def name(self, image: str) -> str:
        """docker leaves its own registry out of a name, and library/ of its official images."""
        return image.removeprefix("docker.io/").removeprefix("library/")


RUNTIMES: dict[str, type[Images]] = {"containerd": Containerd, "docker": Docker}
