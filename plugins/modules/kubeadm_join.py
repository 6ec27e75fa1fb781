#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_join
short_description: Joins this host to a cluster as a worker
version_added: 0.1.0
description:
  - Runs C(kubeadm join) unless the host is a node of the cluster already. It asks the API server with the kubelet's own
    certificate.
  - A C(join) that was killed or failed is undone as by M(bare.mesh.kubeadm_reset), and so is the membership in a
    cluster that has been made again since. Then the host joins.
  - A host that is to join gets a bootstrap token of its own. The controller makes it through the API server, with
    O(kubeconfig), and deletes it when the join has ended, well or not.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  api_server:
    description: The API server as nodes reach it, V(host:port).
    type: str
    required: true
  kubeconfig:
    description:
      - An admin kubeconfig of the cluster on the controller. It is read where a host is to join.
      - By default C(KUBECONFIG) or V(~/.kube/config), as with M(bare.mesh.k8s).
    type: path
  token_ttl:
    description: Seconds after which the cluster deletes the token of a run that was killed.
    type: int
    default: 900
  token:
    description: A bootstrap token of your own, in place of one that is made. It is written neither to the disk nor to a
      command line.
    type: str
  ca_cert_hash:
    description: Hash of the cluster's certificate authority as kubeadm prints it, V(sha256:...). Needed with O(token).
    type: str
  ca_certificate:
    description: The certificate authority itself, to wait until the cluster knows O(token). Without it, joining may
      take seconds longer.
    type: str
  node_registration:
    description: kubeadm's C(nodeRegistration).
    type: dict
    default: {}
  node_ip:
    description:
      - The node's own address. A Node object of its name that has this address is left from an earlier membership of
        the host, and is deleted before the join.
      - Without it, no Node object is deleted.
    type: str
  own_resolver:
    description:
      - Whether a host without systemd-resolved takes its name servers from C(/etc/resolv.conf), whatever the cluster's
        configuration of kubelets says.
      - kubeadm before 1.36.5 writes the file of systemd-resolved into that configuration where the control plane's host
        has it, and no pod starts on a node without that file.
    type: bool
    default: true
    version_added: 0.2.0
  wait_timeout:
    description:
      - Seconds to wait for the API server of a host that looks like a node.
      - Check mode does not wait; the state is V(unknown) then.
    type: int
    default: 30
  cluster_pending:
    description: Tells check mode that the run would make a new cluster, which ends an old membership.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    details: Asks the API server as the real run does.
  diff_mode:
    support: full
    details: Shows the state of the node.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Join the cluster
  bare.mesh.kubeadm_join:
    api_server: 192.0.2.10:6443
    kubeconfig: ~/.kube/bare_mesh.kubeconfig
    node_ip: 192.0.2.11
"""

RETURN = r"""
state:
  description: >-
    What was found: V(absent), V(joined), V(unfinished) (joined, but kubeadm did not finish), V(broken) (a join that was
    interrupted), V(foreign) (the cluster has been made again since), V(deleted) (the cluster has no such node any
    more), V(unknown) (see O(wait_timeout)).
  returned: always
  type: str
node:
  description: Name of the Node object.
  returned: always
  type: str
join:
  description: Whether the host was, or in check mode would be, joined.
  returned: always
  type: bool
"""

import os
import ssl
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.node import (
    API_SERVER_MANIFEST,
    API_VERSION,
    BOOTSTRAP_CONF,
    CA,
    KUBELET_CERTIFICATE,
    KUBELET_CONF,
    UNFINISHED,
    ApiServer,
    Kubeadm,
    Kubelet,
    begin,
    finish,
)
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.reset import NodeReset

# It is there while systemd-resolved runs.
RESOLVED = "/run/systemd/resolve/resolv.conf"
FOREIGN = -1
# OpenSSL's errors for a certificate that is not of the authority which this node knows: another signature, or an
# unknown issuer.
# https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
OTHER_AUTHORITY = (7, 18, 19, 20, 21, 30)
CERTIFICATE_FIX = "See: openssl s_client -connect HOST:PORT -showcerts"
CLOCK_FIX = "Compare the clocks of this host and of the control plane"
NAME_FIX = "Name the API server in api_server as its certificate does, or add the name to the certificate"
CERTIFICATE_FIXES = {
    9: "Correct the clocks of this host and of the control plane",
    10: f"{CLOCK_FIX}; if it has expired, run there: kubeadm certs renew all",
    62: f"{NAME_FIX} (apiServer.certSANs)",
    64: f"{NAME_FIX} (apiServer.certSANs)",
}
TO_JOIN = ("absent", "broken", "foreign")


def find_state(api_server: str, name: str, wait_timeout: float) -> str:
    """See RETURN. Looks, and changes nothing. With a wait_timeout of 0, no answer is V(unknown), otherwise an error."""
    if os.path.exists(API_SERVER_MANIFEST):
        raise Failure(
            "this host is a control plane already; to make a worker of it, run the playbook bare.mesh.reset on it first"
        )
    begun = any(os.path.exists(path) for path in (UNFINISHED, BOOTSTRAP_CONF))
    if not os.path.exists(KUBELET_CONF):
        return "broken" if begun or os.path.exists(CA) else "absent"
    try:
        server = ApiServer.of(KUBELET_CONF, KUBELET_CERTIFICATE)
    except (OSError, ValueError):
        return "broken"
    if server.url != f"https://{api_server}":
        raise Failure(
            f"this host is a node of the cluster at {server.url}, not of the one at https://{api_server}; "
            "if it is to move, run the playbook bare.mesh.reset on it first"
        )
    status = answer(server, f"/api/v1/nodes/{name}", wait_timeout)
    if status is None:
        return "unknown"
    if status == 200:
        return "unfinished" if begun else "joined"
    if status == FOREIGN:
        return "foreign"
    if status == 404:
        return "deleted"
    if status == 401:
        raise Failure(
            f"the API server at {server.url} is of this node's cluster, but refuses the node's certificate"
            f" {KUBELET_CERTIFICATE}. Nothing was touched. Compare this host's clock with its dates (openssl x509"
            " -noout -dates -in FILE): correct the clock, or, if it has expired, run the playbook bare.mesh.reset on"
            " this host, and then this one again"
        )
    # The node authorizer lets a kubelet read only the node of its own name.
    raise Failure(
        f"this host is a node of the cluster already, but may not read the node {name} (status {status}). If it has"
        " another name there, give it that name in the inventory; else run the playbook bare.mesh.reset on it first"
    )


def answer(server: ApiServer, path: str, wait_timeout: float) -> int | None:
    """The status of an answer, FOREIGN for a server with another certificate authority, None for no answer.

    A server that is overloaded or still starting (429, 5xx) has not answered.
    """
    deadline = time.monotonic() + wait_timeout
    while True:
        try:
            status = server.request(path)[0]
            if status != 429 and status < 500:
                return status
            raise ConnectionError(f"status {status}")
        except ssl.SSLCertVerificationError as error:
            if error.verify_code in OTHER_AUTHORITY:
                return FOREIGN
            raise Failure(
                f"the certificate of the API server at {server.url} is of this node's cluster, but not valid here:"
                f" {error.verify_message}. Nothing was touched. "
                + CERTIFICATE_FIXES.get(error.verify_code, CERTIFICATE_FIX)
            ) from error
        except OSError as error:
            if not wait_timeout:
                return None
            if time.monotonic() > deadline:
                raise Failure(
                    f"the API server at {server.url} does not answer this host ({error}). "
                    "Check that the control plane is up, and that no firewall between them closes the port"
                ) from error
            time.sleep(1)


def registration_of(params: dict[str, Any]) -> dict[str, Any]:
    """kubeadm's nodeRegistration, with what only this host knows."""
    given: dict[str, Any] = params["node_registration"]
    if not params["own_resolver"] or os.path.exists(RESOLVED):
        return given
    arguments = given.get("kubeletExtraArgs", [])
    return {**given, "kubeletExtraArgs": [*arguments, {"name": "resolv-conf", "value": "/etc/resolv.conf"}]}


def join(kubeadm: Kubeadm, kubelet: Kubelet, params: dict[str, Any]) -> None:
    registered = registration_of(params)
    registration = {"nodeRegistration": registered} if registered else {}
    bootstrap = {
        "apiServerEndpoint": params["api_server"],
        "token": params["token"],
        "caCertHashes": [params["ca_cert_hash"]],
    }
    document = {"apiVersion": API_VERSION, "kind": "JoinConfiguration", "discovery": {"bootstrapToken": bootstrap}}
    begin()
    kubelet.do("enable")
    if params["ca_certificate"]:
        wait_signed(
            ApiServer(f"https://{params['api_server']}", params["ca_certificate"]), params["token"].split(".")[0]
        )
    kubeadm.run("join", config=[{**document, **registration}])
    finish()


def wait_signed(server: ApiServer, identity: str, seconds: float = 30) -> None:
    """Waits until the cluster has signed its public information with the token.

    If it has not, kubeadm sleeps for five seconds.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            status, body = server.request("/api/v1/namespaces/kube-public/configmaps/cluster-info")
        except OSError:
            # kubeadm will say what is wrong.
            return
        # Where anonymous reading is forbidden there is nothing to see.
        if status != 200 or f"jws-kubeconfig-{identity}" in body:
            return
        time.sleep(0.1)


def converge(module: AnsibleModule, kubeadm: Kubeadm, kubelet: Kubelet, found: str) -> None:
    """Joins the node, or completes its join. found is the state seen before."""
    if found in TO_JOIN:
        if found != "absent":
            NodeReset(module, kubeadm).clean()
        join(kubeadm, kubelet, module.params)
    elif found == "unfinished":
        # All that kubeadm had left to do.
        if os.path.exists(BOOTSTRAP_CONF):
            os.remove(BOOTSTRAP_CONF)
        finish()
        kubelet.do("enable", "--now")
    elif found == "deleted":
        # A kubelet registers its node when it starts.
        kubelet.do("enable")
        kubelet.do("restart")
    else:
        kubelet.do("enable", "--now")


def work(module: AnsibleModule) -> dict[str, Any]:
    kubeadm, kubelet = Kubeadm(module), Kubelet(module)
    name = module.params["node_registration"].get("name") or os.uname().nodename.lower()
    if not module.check_mode:
        kubeadm.acquire()
    if module.params["cluster_pending"] and os.path.exists(KUBELET_CONF):
        # Only in check mode is there no API server to ask.
        found = "foreign"
    else:
        found = find_state(module.params["api_server"], name, 0 if module.check_mode else module.params["wait_timeout"])
    result = {"state": found, "node": name, "join": found in TO_JOIN}
    # In check mode no answer counts as no change: a real run starts the API server first.
    changed = found not in ("joined", "unknown") or kubelet.idle()
    if changed and not module.check_mode:
        if result["join"] and not module.params["token"]:
            # The action plugin makes a token and runs the module again.
            raise Failure(f"the node is to join (it is {found}): token and ca_cert_hash are needed", **result)
        converge(module, kubeadm, kubelet, found)
    diff = {"before": f"node: {found}\n", "after": f"node: {'joined' if changed else found}\n"}
    return {"changed": changed, "diff": diff, **result}


def main() -> None:
    run(
        work,
        {
            "api_server": {"type": "str", "required": True},
            "kubeconfig": {"type": "path"},
            "token_ttl": {"type": "int", "default": 900, "no_log": False},
            "token": {"type": "str", "no_log": True},
            "ca_cert_hash": {"type": "str"},
            "ca_certificate": {"type": "str"},
            "node_registration": {"type": "dict", "default": {}},
            "node_ip": {"type": "str"},
            "own_resolver": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 30},
            "cluster_pending": {"type": "bool", "default": False},
        },
        required_by={"token": "ca_cert_hash"},
    )


if __name__ == "__main__":
    main()
