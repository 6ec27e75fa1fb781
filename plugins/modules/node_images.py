#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: node_images
short_description: Pulls images into the container runtime for the kubelet
version_added: 0.1.0
description:
  - Asks the container runtime once which of the images are there, and pulls the missing ones.
  - Registry mirrors come from the same directory that the kubelet's pulls use.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  images:
    description: Images with registry and tag, such as V(registry.k8s.io/pause:3.10.2).
    type: list
    elements: str
    default: []
  runtime:
    description: Container runtime of the node.
    type: str
    choices: [containerd, docker]
    default: containerd
  kubernetes_version:
    description:
      - Release of Kubernetes, such as V(1.36.5), whose images are pulled too.
      - C(kubeadm) lists them, so it must be installed.
    type: str
  control_plane:
    description: Whether the images of O(kubernetes_version) include those of a control plane.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    details: Where the container runtime is not installed yet, every image is missing. Where kubeadm is not installed
      yet, only the images of O(kubernetes_version) whose tag is the version are predicted.
  diff_mode:
    support: full
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Pull the pause image
  bare.mesh.node_images:
    images: ["registry.k8s.io/pause:3.10.2"]

- name: Pull all images of a worker
  bare.mesh.node_images:
    kubernetes_version: 1.36.5
"""

RETURN = r"""
pulled:
  description: The images that were, or in check mode would be, pulled.
  returned: always
  type: list
  elements: str
"""

from collections.abc import Iterable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host.images import RUNTIMES
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.images import list_images


def lines(images: Iterable[str]) -> str:
    return "".join(f"{image}\n" for image in images)


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    wanted = set(params["images"])
    if params["kubernetes_version"]:
        wanted |= set(list_images(module, params["kubernetes_version"], params["control_plane"]))
    images = RUNTIMES[params["runtime"]](module)
    missing = images.missing(wanted)
    if missing and not module.check_mode:
        images.pull(missing)
    return {
        "changed": bool(missing),
        "pulled": missing,
        "diff": {"before": lines(sorted(wanted - set(missing))), "after": lines(sorted(wanted))},
    }


def main() -> None:
    run(
        work,
        {
            "images": {"type": "list", "elements": "str", "default": []},
            "runtime": {"type": "str", "choices": ["containerd", "docker"], "default": "containerd"},
            "kubernetes_version": {"type": "str"},
            "control_plane": {"type": "bool", "default": False},
        },
    )


if __name__ == "__main__":
    main()
