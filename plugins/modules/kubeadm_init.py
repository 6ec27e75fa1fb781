#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_init
short_description: Makes this host the control plane of a new cluster
version_added: 0.1.0
description:
  - Runs C(kubeadm init) unless the host's cluster is there already.
  - An C(init) that was killed or failed is recognised. If its API server came to life, it is continued on what is there.
    Otherwise it is undone by C(kubeadm reset) and started over.
  - Bootstrap tokens that runs of this collection, cut short, have left are deleted.
  - A cluster that has lived is never undone. If its API server does not come up within O(timeout), the module fails
    and says what to look at.
options:
  config:
    description:
      - kubeadm's configuration documents, among them one of kind V(InitConfiguration).
      - They never reach the disk, nor a command line.
    type: list
    elements: dict
    required: true
  images:
    description: Images to pull before C(kubeadm init), see M(bare.mesh.node_images). Where the cluster is there, none is looked for.
    type: list
    elements: str
    default: []
  token:
    description:
      - The bootstrap token that C(kubeadm init) makes, for the workers that join right after; see M(bare.mesh.kubeadm_token) for its form.
      - Whoever names one deletes it when the workers have joined. Without it, none is left.
    type: str
  token_ttl:
    description: Lifetime of the bootstrap token, in case it is never deleted.
    type: str
    default: 15m
  kubeconfig_user:
    description:
      - User of this host who gets the cluster's admin kubeconfig as C(~/.kube/config), mode 0600. Empty for none.
      - A different file that is there is kept as a backup beside it.
    type: str
    default: ""
  timeout:
    description: Seconds to wait for the API server of a cluster that exists.
    type: int
    default: 120
attributes:
  check_mode:
    support: full
    description: Looks at the state of the host as the real run does.
  diff_mode:
    support: full
    description: Shows the state of the control plane before and after.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Start a control plane
  bare.mesh.kubeadm_init:
    config:
      - apiVersion: kubeadm.k8s.io/v1beta4
        kind: InitConfiguration
      - apiVersion: kubeadm.k8s.io/v1beta4
        kind: ClusterConfiguration
        kubernetesVersion: v1.36.3
    kubeconfig_user: admin
"""

RETURN = r"""
state:
  description: >-
    What was found: V(absent), V(ready), V(unfinished) (its API server lives, C(kubeadm init) never came to its end),
    V(broken) (never came to life), V(stopped) (has lived, does not answer).
  returned: always
  type: str
initialised:
  description: Whether a new cluster was, or in check mode would be, made.
  returned: always
  type: bool
token_made:
  description: Whether O(token) is good for joining.
  returned: always
  type: bool
ca_certificate:
  description: The cluster's certificate authority.
  returned: when O(token) was made
  type: str
ca_cert_hash:
  description: The hash by which a joining node knows the certificate authority.
  returned: when O(token) was made
  type: str
backup:
  description: Where the user's previous kubeconfig was kept.
  returned: when there was a different one
  type: str
"""

import os
import pwd
import secrets
import string
import time
from glob import glob
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._host.images import ImageError, Images
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.node import (
    ADMIN_CONF,
    API_SERVER_MANIFEST,
    CA,
    KUBELET_CONF,
    KUBERNETES,
    TOKEN_MARK,
    TOKENS,
    UNFINISHED,
    ApiServer,
    Kubeadm,
    KubeadmError,
    Kubelet,
    api_ready,
    begin,
    ca_cert_hash,
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
CURE = (
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
        raise KubeadmError(
            f"this host is a worker of a cluster already ({KUBELET_CONF} is there, {ADMIN_CONF} is not). "
            "To make a control plane of it, run the playbook bare.mesh.reset on it first."
        )
    if not killed and not os.path.exists(ADMIN_CONF) and not glob(f"{KUBERNETES}/manifests/*.yaml") and not has_lived(etcd):
        return "absent"
    if api_ready():
        return "unfinished" if killed else "ready"
    if has_lived(etcd):
        return "stopped"
    if not killed:
        raise KubeadmError(
            f"{KUBERNETES} holds a control plane that this module did not begin, its API server does not answer, and {etcd} has no "
            "data of it. Nothing was touched. Start it, or, if it is to be given up, run the playbook bare.mesh.reset on this host first."
        )
    return "broken"


def with_token(config: list[dict[str, Any]], token: str, ttl: str, ignored: list[str]) -> list[dict[str, Any]]:
    """The documents with a bootstrap token of our own, since kubeadm's own would live for a day."""
    groups = ["system:bootstrappers:kubeadm:default-node-token"]
    description = f"{TOKEN_MARK}the workers of a new cluster join"
    bootstrap = {"token": token, "ttl": ttl, "description": description, "groups": groups, "usages": ["signing", "authentication"]}
    changed = []
    for entry in config:
        if entry.get("kind") == "InitConfiguration":
            registration = dict(entry.get("nodeRegistration") or {})
            registration["ignorePreflightErrors"] = list(registration.get("ignorePreflightErrors") or []) + ignored
            entry = {**entry, "bootstrapTokens": [bootstrap], "nodeRegistration": registration}
        changed.append(entry)
    return changed


def random_token() -> str:
    letters = string.ascii_lowercase + string.digits
    return ".".join("".join(secrets.choice(letters) for _place in range(length)) for length in (6, 16))


def initialise(kubeadm: Kubeadm, kubelet: Kubelet, params: dict[str, Any], resume: bool) -> dict[str, str]:
    """Runs kubeadm init; what a worker has to know of the cluster's certificate authority."""
    token = params["token"] or random_token()
    # kubeadm may print it where it fails.
    kubeadm.module.no_log_values.add(token)
    begin()
    kubelet.do("enable")
    documents = with_token(params["config"], token, params["token_ttl"], LEFT_BY_INIT if resume else [])
    # Its output holds the token and stays here.
    out = kubeadm.run("init", config=documents)
    if not params["token"]:
        kubeadm.run("token", "delete", token.split(".")[0])
    finish()
    with open(CA, encoding="utf-8") as file:
        return {"ca_certificate": file.read(), "ca_cert_hash": ca_cert_hash(out)}


def user_kubeconfig(user: str) -> tuple[pwd.struct_passwd, str]:
    """Where the user's kubeconfig belongs, and the user."""
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise KubeadmError(f"kubeadm_user names {user}, and this host has no such user; create it or name another") from None
    return account, os.path.join(account.pw_dir, ".kube", "config")


def differs(path: str) -> bool:
    try:
        with open(path, "rb") as ours, open(ADMIN_CONF, "rb") as admin:
            return ours.read() != admin.read() or os.stat(path).st_mode & 0o777 != 0o600
    except OSError:
        return True


def give_kubeconfig(account: pwd.struct_passwd, path: str) -> str | None:
    """Copies admin.conf; an open file never has more rights than its owner's."""
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        os.mkdir(directory, 0o700)
        os.chown(directory, account.pw_uid, account.pw_gid)
    backup = None
    if os.path.exists(path):
        backup = f"{path}.{time.strftime('%Y%m%d%H%M%S')}~"
        os.rename(path, backup)
    with open(ADMIN_CONF, "rb") as source, open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(source.read())
        os.fchown(file.fileno(), account.pw_uid, account.pw_gid)
    return backup


def converge(module: AnsibleModule, kubeadm: Kubeadm, kubelet: Kubelet, found: str) -> dict[str, Any]:
    """Leads to a running control plane. found is the state seen before."""
    config = module.params["config"]
    if found == "stopped":
        kubelet.do("enable", "--now")
        if not wait_ready(module.params["timeout"]):
            raise KubeadmError(f"the cluster of this host exists, but its API server does not come up. {CURE}")
        found = find_state(etcd_directory(config))
    if found == "broken":
        NodeReset(module, kubeadm).clean()
    if found in ("unfinished", "ready"):
        server = ApiServer.of(ADMIN_CONF)
        for name in left_tokens(server):
            server.request(f"{TOKENS}/{name}", method="DELETE")
    if found in ("absent", "broken", "unfinished"):
        images = Images(module)
        images.pull(images.missing(module.params["images"]))
        return initialise(kubeadm, kubelet, module.params, resume=found == "unfinished")
    if kubelet.idle():
        kubelet.do("enable", "--now")
    return {}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "config": {"type": "list", "elements": "dict", "required": True},
            "images": {"type": "list", "elements": "str", "default": []},
            "token": {"type": "str", "no_log": True},
            "token_ttl": {"type": "str", "default": "15m", "no_log": False},
            "kubeconfig_user": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    kubeadm, kubelet = Kubeadm(module), Kubelet(module)
    if not document(module.params["config"], "InitConfiguration"):
        module.fail_json(msg="config holds no document of kind InitConfiguration")
    user, result = module.params["kubeconfig_user"], {}
    try:
        account, path = user_kubeconfig(user) if user else (None, "")
        if not module.check_mode:
            kubeadm.acquire()
        found = find_state(etcd_directory(module.params["config"]))
        changed = found != "ready" or kubelet.idle() or bool(left_tokens(ApiServer.of(ADMIN_CONF)))
        if changed and not module.check_mode:
            result = converge(module, kubeadm, kubelet, found)
        if account and differs(path):
            changed = True
            if not module.check_mode:
                result["backup"] = give_kubeconfig(account, path)
    except (KubeadmError, ImageError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=changed,
        state=found,
        initialised=found in ("absent", "broken"),
        token_made=bool(module.params["token"] and "ca_cert_hash" in result),
        diff={"before": f"control plane: {found}\n", "after": "control plane: ready\n"},
        **{key: value for key, value in result.items() if value},
    )


if __name__ == "__main__":
    main()
