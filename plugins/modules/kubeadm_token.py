#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_token
short_description: Makes and deletes a bootstrap token on a control plane host
version_added: 0.1.0
description:
  - The caller chooses the token, so that it is in no module's result. It is on no command line and in no file, either.
  - To be used for one join and deleted again.
options:
  token:
    description: The token, six characters, a dot and sixteen characters, of small letters and digits.
    type: str
    required: true
  state:
    description: Whether the token is there.
    type: str
    choices: [present, absent]
    default: present
  ttl:
    description: Lifetime, in case the token is never deleted.
    type: str
    default: 15m
  node:
    description: >-
      Name of the node that is to join. A Node object of this name is deleted if it has the address O(node_ip): it is what an
      earlier life of the same host left, and kubeadm would refuse to join beside it. Empty to leave it.
    type: str
    default: ""
  node_ip:
    description: See O(node).
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Always reports a change, since the token is new.
  diff_mode:
    support: none
    description: A token is secret.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Let a worker join
  bare.mesh.kubeadm_token:
    token: "{{ token }}"
"""

RETURN = r"""
ca_certificate:
  description: The cluster's certificate authority.
  returned: when the token was made
  type: str
ca_cert_hash:
  description: The hash by which a joining node knows the cluster's certificate authority.
  returned: when the token was made
  type: str
"""

import json
import os
import re
from typing import Any
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.node import (
    ADMIN_CONF,
    CA,
    TOKEN_MARK,
    UNFINISHED,
    ApiServer,
    Kubeadm,
    KubeadmError,
    ca_cert_hash,
)

BOOTSTRAPPERS = "system:bootstrappers:kubeadm:default-node-token"


def forget(node: str, address: str) -> None:
    """Deletes the Node object of a host that is about to join, if the object is of the same host."""
    path = f"/api/v1/nodes/{quote(node, safe='')}"
    try:
        server = ApiServer.of(ADMIN_CONF)
    except (OSError, ValueError) as error:
        fix = "make it anew by: kubeadm init phase kubeconfig admin"
        raise KubeadmError(f"{ADMIN_CONF} of the control plane is not usable: {error}; {fix}") from error
    try:
        status, body = server.request(path)
        if status != 200:
            return
        addresses = json.loads(body).get("status", {}).get("addresses", [])
        if any(entry["type"] == "InternalIP" and entry["address"] == address for entry in addresses):
            server.request(path, method="DELETE")
    except OSError as error:
        raise KubeadmError(f"the API server at {server.url} does not answer: {error}") from error


def create(kubeadm: Kubeadm, params: dict[str, Any]) -> dict[str, str]:
    if os.path.exists(UNFINISHED) or not os.path.exists(ADMIN_CONF):
        raise KubeadmError(
            "the control plane that the worker is to join is not there: kubeadm init has not come to its end on this host. "
            "If a task of that host failed, cure that first; if it was left out by --limit, run without."
        )
    if params["node"]:
        forget(params["node"], params["node_ip"])
    usages = {"groups": [BOOTSTRAPPERS], "usages": ["signing", "authentication"]}
    token = {"token": params["token"], "ttl": params["ttl"], "description": f"{TOKEN_MARK}{params['node']} joins", **usages}
    config = {"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "InitConfiguration", "bootstrapTokens": [token]}
    out = kubeadm.run("token", "create", "--print-join-command", config=[config])
    with open(CA, encoding="utf-8") as file:
        return {"ca_certificate": file.read(), "ca_cert_hash": ca_cert_hash(out)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "token": {"type": "str", "required": True, "no_log": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "ttl": {"type": "str", "default": "15m"},
            "node": {"type": "str", "default": ""},
            "node_ip": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    if not re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", module.params["token"]):
        module.fail_json(msg="token is not of the form abcdef.0123456789abcdef")
    result = {}
    try:
        if not module.check_mode and module.params["state"] == "present":
            result = create(Kubeadm(module), module.params)
        elif not module.check_mode:
            Kubeadm(module).run("token", "delete", module.params["token"].split(".")[0])
    except KubeadmError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()
