#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: remote_secret
short_description: Lets istiod read another cluster, by a token that is short-lived and rotated
version_added: 0.2.0
description:
  - Writes the Secret by which the istiod of one cluster reads the services and endpoints of another one, as
    C(istioctl create-remote-secret) does. That command's token never ends; this one ends, and each run of the
    module replaces it in time.
  - The usual options of the connection (O(kubeconfig) and so on) are those of the cluster that gets the Secret.
    O(remote_kubeconfig) is that of the cluster that is read.
  - The Secret is written anew if its token ends within O(renew_before) seconds, is refused by the other API server, or
    belongs to another account, and if the other cluster has another address, CA or name than the Secret says. Otherwise
    nothing is changed.
  - istiod replaces the connection when it sees the new Secret, and restarts nothing.
  - Whoever reads the Secret can read all that Istio's account may read in the other cluster, its Secrets included.
  - Tokens cannot be revoked one by one. One that has been replaced, or whose Secret has been removed, works until it
    ends, so keep O(token_seconds) short. To revoke all tokens of the account at once, delete its ServiceAccount in the
    other cluster, install the mesh there again, which creates it, and run this module.
  - The other cluster needs the ServiceAccount and its rights. Istio brings them, also with the profile V(remote).
  - Needs the rights to create C(serviceaccounts/token) and to get ServiceAccounts and ConfigMaps in the other cluster,
    to write Secrets in this one, and to list Deployments in both.
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
options:
  cluster_name:
    description: Name of the other cluster, as its own istiod has it in
      C(values.global.multiCluster.clusterName). It consists of small letters, digits and hyphens.
    type: str
    required: true
  state:
    description: Whether the Secret exists. With V(absent), istiod forgets the other cluster. The token still works
      until it ends, see RV(expires).
    type: str
    choices: [present, absent]
    default: present
  remote_kubeconfig:
    description:
      - Path of a kubeconfig of the other cluster. Needed with O(state=present).
      - If it describes an SSH tunnel (O(bare.mesh.kubeconfig#module:ssh_tunnel)), the tunnel is opened, as that of
        O(kubeconfig) is. Their ports on the controller have to differ.
    type: path
  remote_context:
    description: Context of O(remote_kubeconfig). By default its current context.
    type: str
  server:
    description:
      - Address of the other API server as a pod of this cluster reaches it, such as V(https://192.0.2.10:6443). The
        certificate of that server has to name it.
      - By default that of O(remote_kubeconfig), or the one to which its SSH tunnel leads.
    type: str
  istio_namespace:
    description: Namespace of the istiod that reads.
    type: str
    default: istio-system
  remote_istio_namespace:
    description: Namespace of the ServiceAccount in the other cluster.
    type: str
    default: istio-system
  service_account:
    description: Account of the other cluster that the token is for. The default one may read what istiod needs.
    type: str
    default: istio-reader-service-account
  token_seconds:
    description: For how long a token lives. The default is 30 days, the least 600 seconds. An API server may give less.
    type: int
    default: 2592000
  renew_before:
    description: How many seconds before its end a token is replaced. By default a third of O(token_seconds). Run the
      module more often than that.
    type: int
attributes:
  check_mode:
    support: full
    details: Says whether the Secret would be written, and why, without requesting a token. A namespace or account that
      is missing yet is a warning, because an earlier task may create it.
  diff_mode:
    support: full
    details: Names the fields that differ, with the addresses, and fingerprints of the CA. Tokens are hidden.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Let the istiod of east read west
  bare.mesh.remote_secret:
    kubeconfig: ~/.kube/east.kubeconfig
    remote_kubeconfig: ~/.kube/west.kubeconfig
    cluster_name: west
    server: https://192.0.2.20:6443

- name: Keep tokens for a day, and replace them after half of it
  bare.mesh.remote_secret:
    kubeconfig: ~/.kube/east.kubeconfig
    remote_kubeconfig: ~/.kube/west.kubeconfig
    cluster_name: west
    token_seconds: 86400
    renew_before: 43200

- name: Let it forget west
  bare.mesh.remote_secret:
    kubeconfig: ~/.kube/east.kubeconfig
    cluster_name: west
    state: absent
"""

RETURN = r"""
expires:
  description: When the Secret's token ends. In check mode, of a token that would be made, about when. With
    O(state=absent), until when the token of the removed Secret works. Empty if there is none.
  returned: success
  type: str
  sample: '2026-12-26T12:00:00Z'
rotated:
  description: Why a new token was made, or in check mode would be. Empty if there was no reason.
  returned: success
  type: str
  sample: its token ends in 3600 seconds
objects:
  description: The Secret and its action.
  returned: success
  type: list
  elements: dict
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._istio import remote_secrets
from ansible_collections.bare.mesh.plugins.module_utils._istio.remote_secrets import Access
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.change import outcome
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, hide_secrets, run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.tunnel import tunnel_of

MANAGER = "bare-mesh"
ARGUMENTS: dict[str, Any] = {
    "cluster_name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "remote_kubeconfig": {"type": "path"},
    "remote_context": {"type": "str"},
    "server": {"type": "str"},
    "istio_namespace": {"type": "str", "default": "istio-system"},
    "remote_istio_namespace": {"type": "str", "default": "istio-system"},
    "service_account": {"type": "str", "default": "istio-reader-service-account"},
    # A number, and no secret.
    "token_seconds": {"type": "int", "default": 2592000, "no_log": False},
    "renew_before": {"type": "int"},
}


class Work:
    """The run of the module: what it has found so far."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params = module.params
        self.name: str = self.params["cluster_name"]
        if self.params["renew_before"] is None:
            self.before = self.params["token_seconds"] // 3
        else:
            self.before = self.params["renew_before"]
        self.faults = remote_secrets.option_faults(self.params)
        self.local: Client | None = None
        self.remote: Client | None = None

    def hide(self, secret: dict[str, Any], token: str) -> None:
        """Keep the token out of all output, also as a part of the Secret."""
        hide_secrets(self.module, [secret])
        if token:
            self.module.no_log_values.add(token)

    def later(self, fault: str) -> None:
        """Note what keeps a real run from working. In check mode, an earlier task may mend it."""
        if self.module.check_mode:
            self.module.warn(f"{fault}. Unless an earlier task mends that, the run fails here.")
        else:
            self.faults.append(fault)

    def reach(self) -> None:
        """Connect to both clusters, as far as they are needed."""
        present = self.params["state"] == "present"
        try:
            doing = "the secret counts as new" if present else "there is nothing to remove"
            self.local = connect(self.module, doing)
        except Failure as error:
            self.faults.append(f"the cluster that gets the secret: {error}")
        if present and self.params["remote_kubeconfig"]:
            there = {"kubeconfig": self.params["remote_kubeconfig"], "context": self.params["remote_context"]}
            try:
                self.remote = connect(self.module, "its CA and its answer to the token are not known", there)
            except Failure as error:
                self.faults.append(f"the cluster that is read: {error}")

    def server(self) -> str:
        """The address of the other API server for istiod; empty if it is not known yet."""
        if self.params["server"] is not None:
            return str(self.params["server"]).rstrip("/")
        if self.remote is None:
            return ""
        path = self.params["remote_kubeconfig"]
        tunnel = tunnel_of(path)
        found = f"https://{tunnel.target}" if tunnel else str(self.remote.host)
        self.faults += remote_secrets.server_faults(found, f"the server of {path}")
        return found

    def judge_local(self) -> None:
        """Look for what is wrong with the cluster that gets the secret."""
        namespace = self.params["istio_namespace"]
        if self.local is None:
            return
        if self.local.get(f"/api/v1/namespaces/{namespace}") is None:
            self.later(
                f"the cluster that gets the secret has no namespace {namespace}: install the mesh there, or set"
                " istio_namespace to the one of its istiod"
            )
        elif self.name in remote_secrets.istiod_names(self.local, namespace):
            self.faults.append(
                f"cluster_name is {self.name}, but that is the name of the cluster that gets the secret, whose istiod"
                " would ignore it: set values.global.multiCluster.clusterName of each mesh to another name"
            )

    def judge_remote(self) -> str:
        """Look for what is wrong with the other cluster. Returns its CA; empty if it is not known yet."""
        if self.remote is None:
            return ""
        namespace, account = self.params["remote_istio_namespace"], self.params["service_account"]
        if self.remote.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}") is None:
            self.later(
                f"the cluster that is read has no ServiceAccount {namespace}/{account}: install the mesh there, with"
                " the profile remote if it shall have no istiod of its own, or set remote_istio_namespace and"
                " service_account"
            )
            return ""
        names = remote_secrets.istiod_names(self.remote, namespace)
        if names and self.name not in names:
            self.module.warn(
                f"The istiod of the cluster that is read calls it {' and '.join(sorted(names))}, not {self.name}. Its"
                " proxies say so too, so set its values.global.multiCluster.clusterName, or cluster_name, to the same."
            )
        # Every namespace has it: it is what pods trust the API server by.
        published = self.remote.get(f"/api/v1/namespaces/{namespace}/configmaps/kube-root-ca.crt") or {}
        ca: str = (published.get("data") or {}).get("ca.crt", "")
        if not ca:
            self.later(
                f"the cluster that is read has no CA in the ConfigMap {namespace}/kube-root-ca.crt, which its"
                " controller manager writes: check that it runs"
            )
        return ca

    def reasons(self, live: dict[str, Any], found: Access | None, wanted: Access) -> list[str]:
        """Why the Secret cannot stay as it is."""
        if found is None:
            return ["it has another form than this module writes, or another cluster name"]
        reasons = []
        if set(live["data"]) != {self.name}:
            reasons.append("it has other entries, which istiod takes for other clusters")
        if wanted.server and found.server != wanted.server:
            reasons.append(f"the server is {wanted.server}, not {found.server}")
        if wanted.ca and found.ca.strip() != wanted.ca.strip():
            reasons.append("the CA of the other cluster is another one")
        end = remote_secrets.end_of(found.token)
        left = 0 if end is None else int(end - time.time())
        if end is None:
            reasons.append("its token never ends, or cannot be read")
        elif left <= 0:
            reasons.append("its token has ended")
        elif left <= self.before:
            reasons.append(f"its token ends in {left} seconds")
        if self.remote and (end is None or left > 0):
            account = f"{self.params['remote_istio_namespace']}:{self.params['service_account']}"
            user = remote_secrets.user_of(remote_secrets.as_bearer(self.remote, found.token))
            if not user:
                reasons.append("the other API server refuses its token")
            elif user != f"system:serviceaccount:{account}":
                reasons.append(f"its token is of {user}")
        return reasons

    def new_token(self) -> str:
        """A token of the account; a word in its place in check mode. Raises Failure if it would end too soon."""
        if self.module.check_mode or not self.remote:
            return "made-by-the-real-run"
        namespace, account = self.params["remote_istio_namespace"], self.params["service_account"]
        token = remote_secrets.request_token(self.remote, namespace, account, self.params["token_seconds"])
        end = remote_secrets.end_of(token) or 0
        left = int(end - time.time())
        if left <= self.before:
            raise Failure(
                f"the other API server has made a token for {left} seconds only, so each run would replace it: set"
                f" token_seconds to what it allows (its setting service-account-max-token-expiration), and"
                f" renew_before ({self.before}) to less; check that the clocks agree. Nothing was written."
            )
        return token

    def present(self) -> dict[str, Any]:
        self.judge_local()
        wanted = Access(self.server(), self.judge_remote(), "")
        remote_secrets.refuse(self.faults)
        namespace = self.params["istio_namespace"]
        stub = remote_secrets.definition(self.name, namespace, "")
        live, text = self.read(stub)
        found = remote_secrets.access_of(text, self.name) if live else None
        reasons = self.reasons(live, found, wanted) if live else ["there is no such Secret"]
        after = found
        expires = remote_secrets.end_of(found.token) if found else None
        if reasons or not found:
            after = Access(wanted.server, wanted.ca, self.new_token())
            predicted = time.time() + self.params["token_seconds"]
            expires = int(predicted) if self.module.check_mode else remote_secrets.end_of(after.token)
            text = remote_secrets.kubeconfig(self.name, after)
        secret = remote_secrets.definition(self.name, namespace, text)
        self.hide(secret, after.token if after else "")
        result = self.apply(secret, sorted(set(live.get("data") or {}) - {self.name}))
        if self.module._diff and found != after:
            before, then = remote_secrets.shown(found, after)
            header = f"kubeconfig of {self.name}"
            result["diff"].append(
                {"before_header": header, "after_header": header, "before": before, "after": then},
            )
        return {
            **result,
            "expires": remote_secrets.iso(expires) if expires else "",
            "rotated": "; ".join(reasons),
        }

    def read(self, stub: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """The live Secret and its kubeconfig's text, both empty if there is none. They are hidden from here on."""
        if self.local is None:
            return {}, ""
        namespace, name = stub["metadata"]["namespace"], stub["metadata"]["name"]
        live = self.local.get(f"/api/v1/namespaces/{namespace}/secrets/{name}") or {}
        text = remote_secrets.text_of(live, self.name)
        found = remote_secrets.access_of(text, self.name)
        self.hide({**live, "kind": "Secret"}, found.token if found else "")
        return live, text

    def engine(self) -> Engine:
        check = self.module.check_mode
        return Engine(self.local, MANAGER, check=check, namespace=self.params["istio_namespace"])

    def apply(self, secret: dict[str, Any], others: list[str]) -> dict[str, Any]:
        """Write the Secret, and remove its other entries, which an apply leaves to their owners."""
        engine = self.engine()
        changes = engine.present([secret])
        if others and self.local:
            namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
            path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
            self.local.patch(path, {"data": dict.fromkeys(others)}, MANAGER, dry_run=self.module.check_mode)
        for note in engine.notes:
            self.module.warn(note)
        return outcome(changes, self.module._diff)

    def absent(self) -> dict[str, Any]:
        remote_secrets.refuse(self.faults)
        stub = remote_secrets.definition(self.name, self.params["istio_namespace"], "")
        _live, text = self.read(stub)
        found = remote_secrets.access_of(text, self.name)
        end = remote_secrets.end_of(found.token) if found else None
        result = outcome(self.engine().absent([stub]), self.module._diff)
        return {**result, "expires": remote_secrets.iso(end) if end else "", "rotated": ""}


def work(module: AnsibleModule) -> dict[str, Any]:
    """Write or remove the Secret. Raises Failure with all faults before anything is written."""
    run_of = Work(module)
    run_of.reach()
    return run_of.present() if module.params["state"] == "present" else run_of.absent()


def main() -> None:
    run(work, ARGUMENTS)


if __name__ == "__main__":
    main()
