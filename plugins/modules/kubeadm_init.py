#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_init
short_description: Makes this host the control plane of a new cluster
version_added: 0.1.0
description:
  - Runs C(kubeadm init) unless the host's cluster is there already.
  - An C(init) that was killed or failed is recognised. If its API server has been up, it is continued on what is there.
    Otherwise it is undone by C(kubeadm reset) and started over.
  - No bootstrap token is left, and those that interrupted runs of this collection have left are deleted.
  - A cluster that has been up is never undone. If its API server does not come up within O(wait_timeout), the module
    fails and says what to look at.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  config:
    description:
      - kubeadm's configuration documents, among them one of kind V(InitConfiguration). Those of kubeadm's own kinds may
        leave C(apiVersion) out.
      - They are written neither to the disk nor to a command line.
    type: list
    elements: dict
    required: true
  wait_timeout:
    description: Seconds to wait for the API server of a cluster that exists.
    type: int
    default: 120
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Shows the state of the control plane.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Start a control plane
  bare.mesh.kubeadm_init:
    config:
      - kind: InitConfiguration
      - kind: ClusterConfiguration
        kubernetesVersion: v1.36.5
"""

RETURN = r"""
state:
  description: >-
    What was found: V(absent), V(ready), V(unfinished) (its API server answers, but C(kubeadm init) did not finish),
    V(broken) (has never been up), V(stopped) (has been up, but does not answer).
  returned: always
  type: str
initialised:
  description: Whether a new cluster was, or in check mode would be, made.
  returned: always
  type: bool
"""

import os
from glob import glob
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._base.token import MARK, random_token
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.node import (
    ADMIN_CONF,
    API_SERVER_MANIFEST,
    API_VERSION,
    KUBELET_CONF,
    KUBERNETES,
    TOKENS,
    UNFINISHED,
    ApiServer,
    Kubeadm,
    Kubelet,
    api_ready,
    begin,
    finish,
    has_lived,
    left_tokens,
    wait_ready,
)
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.reset import NodeReset

# What kubeadm finds in its way when it continues an init whose control plane runs already.
LEFT_BY_INIT = [
    "DirAvailable--var-lib-etcd",
    *(f"Port-{port}" for port in (6443, 10259, 10257, 10250, 2379, 2380)),
    *(
        f"FileAvailable--etc-kubernetes-manifests-{name}.yaml"
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
    ),
]
OWN_KINDS = ("InitConfiguration", "ClusterConfiguration")
FIX = (
    "See `journalctl -u kubelet` and `ctr -n k8s.io containers ls` on this host. "
    "If the cluster is to be given up, run the playbook bare.mesh.reset and then this one again."
)


def document(config: list[dict[str, Any]], kind: str) -> dict[str, Any] | None:
    return next((entry for entry in config if entry.get("kind") == kind), None)


def etcd_directory(config: list[dict[str, Any]]) -> str:
    cluster = document(config, "ClusterConfiguration") or {}
    local = (cluster.get("etcd") or {}).get("local") or {}
    return local.get("dataDir", "/var/lib/etcd")


def find_state(etcd: str) -> str:
    """See RETURN. Looks, and changes nothing."""
    killed = os.path.exists(UNFINISHED)
    if not killed and os.path.exists(KUBELET_CONF) and not any(map(os.path.exists, (API_SERVER_MANIFEST, ADMIN_CONF))):
        raise Failure(
            f"this host is a worker of a cluster already ({KUBELET_CONF} is there, {ADMIN_CONF} is not). "
            "To make a control plane of it, run the playbook bare.mesh.reset on it first."
        )
    if (
        not killed
        and not os.path.exists(ADMIN_CONF)
        and not glob(f"{KUBERNETES}/manifests/*.yaml")
        and not has_lived(etcd)
    ):
        return "absent"
    if api_ready():
        return "unfinished" if killed else "ready"
    if has_lived(etcd):
        return "stopped"
    if not killed:
        raise Failure(
            f"{KUBERNETES} holds a control plane that this module did not begin, its API server does not answer, and"
            f" {etcd} has no data of it. Nothing was touched. Start it, or, if it is to be given up, run the playbook"
            " bare.mesh.reset on this host first."
        )
    return "broken"


def complete(config: list[dict[str, Any]], token: str, ignored: list[str]) -> list[dict[str, Any]]:
    """The documents with kubeadm's API version, and a bootstrap token of our own.

    kubeadm's would be valid for a day.
    """
    bootstrap = {"token": token, "ttl": "15m", "description": f"{MARK}kubeadm init"}
    changed = []
    for entry in config:
        if entry.get("kind") in OWN_KINDS:
            entry = {"apiVersion": API_VERSION, **entry}
        if entry.get("kind") == "InitConfiguration":
            registration = dict(entry.get("nodeRegistration") or {})
            registration["ignorePreflightErrors"] = list(registration.get("ignorePreflightErrors") or []) + ignored
            entry = {**entry, "bootstrapTokens": [bootstrap], "nodeRegistration": registration}
        changed.append(entry)
    return changed


def initialise(kubeadm: Kubeadm, kubelet: Kubelet, config: list[dict[str, Any]], resume: bool) -> None:
    """Runs kubeadm init."""
    token = random_token()
    # kubeadm may print it where it fails.
    kubeadm.module.no_log_values.add(token)
    begin()
    kubelet.do("enable")
    # Its output holds the token and is not returned.
    kubeadm.run("init", config=complete(config, token, LEFT_BY_INIT if resume else []))
    # Without a name, kubeadm takes ~/.kube/config first, which may belong to another cluster.
    kubeadm.run("token", "delete", "--kubeconfig", ADMIN_CONF, token.partition(".")[0])
    finish()


def converge(module: AnsibleModule, kubeadm: Kubeadm, kubelet: Kubelet, found: str) -> None:
    """Brings up the control plane. found is the state seen before."""
    config = module.params["config"]
    if found == "stopped":
        kubelet.do("enable", "--now")
        if not wait_ready(module.params["wait_timeout"]):
            raise Failure(f"the cluster of this host exists, but its API server does not come up. {FIX}")
        found = find_state(etcd_directory(config))
    if found == "broken":
        NodeReset(module, kubeadm).clean()
    if found in ("unfinished", "ready"):
        server = ApiServer.of(ADMIN_CONF)
        for name in left_tokens(server):
            server.request(f"{TOKENS}/{name}", method="DELETE")
    if found in ("absent", "broken", "unfinished"):
        initialise(kubeadm, kubelet, config, resume=found == "unfinished")
    elif kubelet.idle():
        kubelet.do("enable", "--now")


def work(module: AnsibleModule) -> dict[str, Any]:
    kubeadm, kubelet = Kubeadm(module), Kubelet(module)
    if not document(module.params["config"], "InitConfiguration"):
        raise Failure("config holds no document of kind InitConfiguration; add one")
    if not module.check_mode:
        kubeadm.acquire()
    found = find_state(etcd_directory(module.params["config"]))
    changed = found != "ready" or kubelet.idle() or bool(left_tokens(ApiServer.of(ADMIN_CONF)))
    if changed and not module.check_mode:
        converge(module, kubeadm, kubelet, found)
    return {
        "changed": changed,
        "state": found,
        "initialised": found in ("absent", "broken"),
        "diff": {"before": f"control plane: {found}\n", "after": "control plane: ready\n"},
    }


def main() -> None:
    run(
        work,
        {
            "config": {"type": "list", "elements": "dict", "required": True},
            "wait_timeout": {"type": "int", "default": 120},
        },
    )


if __name__ == "__main__":
    main()
