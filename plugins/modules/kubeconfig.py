#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig
short_description: Keeps copies of the host's admin kubeconfig, on the controller and for a user of the host
version_added: 0.1.0
description:
  - Reads the kubeconfig of the control plane host and writes it to the controller, mode 0600, with an address of the
    API server that the controller reaches.
  - A file that is not such a copy, such as the user's kubeconfig of another cluster, is never replaced or removed.
  - On request it also gives a user of the host a copy, C(~/.kube/config), as it is, mode 0600. A different file that is
    there is kept as a backup beside it.
  - The result does not hold the content, so the task needs no C(no_log).
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  src:
    description: The kubeconfig on the host.
    type: path
    default: /etc/kubernetes/admin.conf
  dest:
    description: The file on the controller. Its directory is made if it is missing.
    type: path
    required: true
  server:
    description: URL of the API server for the copy.
    type: str
    required: true
  ssh_tunnel:
    description:
      - Whether the controller reaches the API server through SSH, by way of this task's host and its connection.
        O(server) is then the end of the tunnel on the controller, such as V(https://127.0.0.1:16443).
      - The copy describes the tunnel, and the modules of this collection open it where it is closed. It closes itself
        an hour after its last use. It needs a connection of the type C(ssh) without a password.
    type: bool
    default: false
    version_added: 0.2.0
  user:
    description: User of the host who gets a copy. Empty for none.
    type: str
    default: ""
  state:
    description:
      - Whether the copy on the controller is to exist.
      - With V(absent) the host is not asked; the user's copy is removed by M(bare.mesh.kubeadm_reset).
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
    details: A kubeconfig that the host does not have yet is predicted as a change of the copy.
  diff_mode:
    support: none
    details: The content is secret.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Fetch the kubeconfig
  bare.mesh.kubeconfig:
    dest: ~/.kube/bare_mesh.kubeconfig
    server: https://192.0.2.10:6443
    user: admin

- name: Fetch the kubeconfig of a cluster that is behind a bastion
  bare.mesh.kubeconfig:
    dest: ~/.kube/bare_mesh.kubeconfig
    server: https://127.0.0.1:16443
    ssh_tunnel: true

- name: Forget the cluster
  bare.mesh.kubeconfig:
    dest: ~/.kube/bare_mesh.kubeconfig
    server: https://192.0.2.10:6443
    state: absent
"""

RETURN = r"""
dest:
  description: The file on the controller.
  returned: always
  type: str
backup:
  description: Where the user's previous kubeconfig was kept.
  returned: when there was a different one
  type: str
"""

import base64
import os
import pwd
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run


def user_kubeconfig(user: str) -> tuple[pwd.struct_passwd, str]:
    """The user's account, and where the user's kubeconfig belongs; fails where there is no such user."""
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        fix = "create it, or set kubeadm_user (option user) to a user of this host, or to '' for none"
        raise Failure(f"kubeadm_user: this host has no user {user}; {fix}") from None
    return account, os.path.join(account.pw_dir, ".kube", "config")


def differs(path: str, content: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read() != content or os.stat(path).st_mode & 0o777 != 0o600
    except OSError:
        return True


def give(account: pwd.struct_passwd, path: str, content: bytes) -> str | None:
    """Writes the user's copy, which nobody else can read; returns where a different file was kept."""
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        os.mkdir(directory, 0o700)
        os.chown(directory, account.pw_uid, account.pw_gid)
    backup = None
    if os.path.exists(path):
        backup = f"{path}.{time.strftime('%Y%m%d%H%M%S')}~"
        os.rename(path, backup)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        os.fchown(file.fileno(), account.pw_uid, account.pw_gid)
        file.write(content)
    return backup


def work(module: AnsibleModule) -> dict[str, Any]:
    """The host's part.

    The action plugin asks for it, keeps content from the result, and writes the controller's copy.
    """
    src, user = module.params["src"], module.params["user"]
    account, path = user_kubeconfig(user) if user else (None, "")
    if module.check_mode and not os.path.exists(src):
        # The real run comes after the task that makes it.
        return {"changed": True}
    try:
        with open(src, "rb") as file:
            content = file.read()
    except OSError as error:
        raise Failure(f"cannot read {src} of the host: {error.strerror}") from error
    result: dict[str, Any] = {"changed": False, "content": base64.b64encode(content).decode()}
    if account and differs(path, content):
        result["changed"] = True
        backup = None if module.check_mode else give(account, path, content)
        if backup:
            result["backup"] = backup
    return result


def main() -> None:
    run(
        work,
        {
            "src": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
            "dest": {"type": "path", "required": True},
            "server": {"type": "str", "required": True},
            "ssh_tunnel": {"type": "bool", "default": False},
            "user": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
    )


if __name__ == "__main__":
    main()
