#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: node_images
short_description: Pulls images into containerd for the kubelet
version_added: 0.1.0
description:
  - Asks containerd once which of the images are there, and pulls the missing ones.
  - Registry mirrors come from the same directory that the kubelet's pulls use.
options:
  images:
    description: Images with registry and tag, such as V(registry.k8s.io/pause:3.10.2).
    type: list
    elements: str
    required: true
  parallel:
    description: Pulls at a time.
    type: int
    default: 3
  hosts_directory:
    description: containerd's directory of registry hosts.
    type: path
    default: /etc/containerd/certs.d
attributes:
  check_mode:
    support: full
    description: Where containerd is not installed yet, every image is missing.
  diff_mode:
    support: full
    description: Lists the images before and after.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Pull the pause image
  bare.mesh.node_images:
    images: ["registry.k8s.io/pause:3.10.2"]
"""

RETURN = r"""
pulled:
  description: The images that were, or in check mode would be, pulled.
  returned: always
  type: list
  elements: str
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule

ATTEMPTS = 3


def pull(command):
    """The reason why an image could not be pulled; empty if it could."""
    reason = ""
    for _attempt in range(ATTEMPTS):
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if not done.returncode:
            return ""
        reason = "\n".join(done.stderr.strip().splitlines()[-3:])
    return reason


def lines(images):
    return "".join(f"{image}\n" for image in images)


def main():
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "str", "required": True},
            "parallel": {"type": "int", "default": 3},
            "hosts_directory": {"type": "path", "default": "/etc/containerd/certs.d"},
        },
        supports_check_mode=True,
    )
    wanted = sorted(set(module.params["images"]))
    ctr = module.get_bin_path("ctr")
    present = set()
    if ctr:
        code, out, err = module.run_command([ctr, "-n", "k8s.io", "images", "ls", "-q"])
        # A containerd that does not run yet is started by the real run before it comes here.
        if code and not module.check_mode:
            module.fail_json(msg=f"containerd does not answer: {err.strip()}; see: systemctl status containerd")
        present = set(out.split()) if not code else set()
    elif not module.check_mode:
        module.fail_json(msg="ctr is not installed on this host; run the containerd role first")
    missing = [image for image in wanted if image not in present]
    if missing and not module.check_mode:
        command = [ctr, "-n", "k8s.io", "images", "pull", "--hosts-dir", module.params["hosts_directory"]]
        with ThreadPoolExecutor(max_workers=module.params["parallel"]) as pool:
            reasons = list(pool.map(pull, ([*command, image] for image in missing)))
        failed = [f"{image}: {reason}" for image, reason in zip(missing, reasons) if reason]
        if failed:
            module.fail_json(msg="could not pull " + "\n".join(failed) + "\nIs the registry of bare_mesh_source reachable?")
    module.exit_json(
        changed=bool(missing),
        pulled=missing,
        diff={"before": lines(image for image in wanted if image in present), "after": lines(wanted)},
    )


if __name__ == "__main__":
    main()
