# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pulling images into containerd for the kubelet."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure

ATTEMPTS = 3
PARALLEL = 3
# containerd's directory of registry hosts, the same that the kubelet's pulls use.
HOSTS = "/etc/containerd/certs.d"


def pull(command: list[str]) -> str:
    """The reason why an image could not be pulled; empty if it could."""
    reason = ""
    for _attempt in range(ATTEMPTS):
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if not done.returncode:
            return ""
        reason = "\n".join(done.stderr.strip().splitlines()[-3:])
    return reason


class Images:
    """The kubelet's images on this host."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.ctr = module.get_bin_path("ctr")

    def missing(self, wanted: Iterable[str]) -> list[str]:
        """The images that are not there. In check mode containerd need not be installed yet."""
        if not self.ctr and not self.module.check_mode:
            raise Failure("ctr is not installed on this host; run the containerd role first")
        code, out, err = (
            self.module.run_command([self.ctr, "-n", "k8s.io", "images", "ls", "-q"]) if self.ctr else (1, "", "")
        )
        if code and not self.module.check_mode:
            raise Failure(f"containerd does not answer: {err.strip()}; see: systemctl status containerd")
        present = set() if code else set(out.split())
        return sorted(set(wanted) - present)

    def pull(self, images: list[str]) -> None:
        command = [self.ctr, "-n", "k8s.io", "images", "pull", "--hosts-dir", HOSTS]
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            reasons = list(pool.map(pull, ([*command, image] for image in images)))
        failed = [f"{image}: {reason}" for image, reason in zip(images, reasons) if reason]
        if failed:
            fix = "Check that the registry of bare_mesh_source serves them."
            if any("no space left on device" in reason for reason in failed):
                fix = "Free space in /var/lib/containerd."
            raise Failure("\n".join([f"could not pull {failed[0]}", *failed[1:], fix]))
