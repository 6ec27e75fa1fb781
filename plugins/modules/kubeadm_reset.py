#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_reset
short_description: Removes what a cluster left on this host
version_added: 0.1.0
description:
  - Runs C(kubeadm reset) and removes what that leaves, which is containers, mounts, network links and namespaces,
    firewall rules, certificates, etcd's data and the admin kubeconfig of a user.
  - Works even if the container runtime, the API server or kubeadm itself is broken or missing.
  - Packages and images stay, so that a new cluster is made quickly.
  - It does not drain the node, nor remove the node from a cluster that goes on without it.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  kubeconfig_user:
    description: User of this host whose C(~/.kube/config) is removed if it is this cluster's. Empty for none.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Lists what is there, and what is left of it afterwards.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Take the node back to before kubeadm
  bare.mesh.kubeadm_reset:
    kubeconfig_user: admin
"""

RETURN = r"""
removed:
  description: What was, or in check mode would be, removed.
  returned: always
  type: list
  elements: str
  sample: ["link cni0", "file /etc/kubernetes/admin.conf"]
"""

import os
import pwd
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.node import ADMIN_CONF, Kubeadm, field
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.reset import NodeReset


def kubeconfig_of(user: str) -> str | None:
    """The user's kubeconfig, if it leads to this host's cluster."""
    try:
        path = os.path.join(pwd.getpwnam(user).pw_dir, ".kube", "config")
        with open(path, encoding="utf-8") as theirs, open(ADMIN_CONF, encoding="utf-8") as ours:
            same = field(theirs.read(), "certificate-authority-data") == field(
                ours.read(), "certificate-authority-data"
            )
    except (KeyError, OSError, ValueError):
        # No such user, no file, or one that is not kubeadm's.
        return None
    return path if same else None


def lines(found: list[str]) -> str:
    return "".join(f"{entry}\n" for entry in found)


def work(module: AnsibleModule) -> dict[str, Any]:
    kubeadm = Kubeadm(module)
    reset = NodeReset(module, kubeadm)
    if not module.check_mode:
        kubeadm.acquire()
    kubeconfig = kubeconfig_of(module.params["kubeconfig_user"]) if module.params["kubeconfig_user"] else None
    found = reset.leftovers() + ([f"file {kubeconfig}"] if kubeconfig else [])
    left = []
    if found and not module.check_mode:
        reset.clean()
        if kubeconfig:
            os.remove(kubeconfig)
        left = reset.leftovers()
        if left:
            reasons = "\n".join(reset.warnings)
            raise Failure(f"could not remove: {', '.join(left)}. Reboot the host and run it again.\n{reasons}".strip())
    return {"changed": bool(found), "removed": found, "diff": {"before": lines(found), "after": lines(left)}}


def main() -> None:
    run(work, {"kubeconfig_user": {"type": "str", "default": ""}})


if __name__ == "__main__":
    main()
