# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the cluster of this host was made with, from the files that kubeadm wrote: the API server may be down."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.node import (
    ADMIN_CONF,
    API_SERVER_MANIFEST,
    KUBELET_CERTIFICATE,
    KUBELET_CONF,
    KUBERNETES,
    UNFINISHED,
    ApiServer,
)

CONTROLLER_MANAGER = f"{KUBERNETES}/manifests/kube-controller-manager.yaml"
KUBELET_CONFIG = "/var/lib/kubelet/config.yaml"
# Where kubeadm records the socket of the container runtime: from 1.35 on in the first one, before in the other.
INSTANCE_CONFIG = "/var/lib/kubelet/instance-config.yaml"
KUBELET_FLAGS = "/var/lib/kubelet/kubeadm-flags.env"
# Setting: the ConfigMap in kube-system in which kubeadm keeps the document, and its key there.
DOCUMENTS = {
    "cluster_config": ("kubeadm-config", "ClusterConfiguration"),
    "kubelet_config": ("kubelet-config", "kubelet"),
    "kube_proxy_config": ("kube-proxy", "config.conf"),
}
# Lines of a document that say nothing: kubeadm writes every field.
UNSET = re.compile(r"""^ *\w+: (?:0s|null|""|\{\})\n""", re.MULTILINE)
# The subject of a kubelet's certificate: https://kubernetes.io/docs/reference/access-authn-authz/node/
NODE_USER = b"system:node:"


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _find(pattern: str, path: str) -> str:
    found = re.search(pattern, _text(path), re.MULTILINE)
    return found.group(1) if found else ""


def node_name(certificate: str) -> str:
    """The node's name in a kubelet's PEM certificate; empty where it has none."""
    block = re.search("-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", certificate, re.DOTALL)
    try:
        data = base64.b64decode(block.group(1)) if block else b""
    except ValueError:
        return ""
    place = data.find(NODE_USER)
    # In DER, a short string follows its length: ITU-T X.690, 8.1.3.4.
    return data[place + len(NODE_USER) : place + data[place - 1]].decode(errors="replace") if place > 0 else ""


def cri_socket() -> str:
    """The socket of the container runtime that this node was made with; empty where no file tells it."""
    return _find(r"^containerRuntimeEndpoint: \"?([^\s\"]+)", INSTANCE_CONFIG) or _find(
        r"--container-runtime-endpoint=([^\s\"]+)", KUBELET_FLAGS
    )


def documents() -> dict[str, str]:
    """The documents that kubeadm keeps in the cluster, as YAML; {} where the API server of this host tells none."""
    found = {}
    try:
        server = ApiServer.of(ADMIN_CONF)
        for setting, (name, key) in DOCUMENTS.items():
            status, body = server.request(f"/api/v1/namespaces/kube-system/configmaps/{name}", timeout=3)
            text = json.loads(body).get("data", {}).get(key, "") if status == 200 else ""
            if text:
                found[setting] = UNSET.sub("", f"{text}\n")
    except (OSError, ValueError):
        # A host without admin.conf is a worker. Preflight goes on without an API server.
        pass
    return found


def read_settings() -> dict[str, Any]:
    """The settings that a cluster keeps for life, and its release, empty ones where no file tells them.

    {} where no kubeadm has come to its end. pod_cidr, service_cidr, kubernetes_version and documents are told by a
    control plane host alone.
    """
    if _text(UNFINISHED) or not _text(KUBELET_CONF):
        return {}
    return {
        "pod_cidr": _find(r"--cluster-cidr=(\S+)", CONTROLLER_MANAGER),
        "service_cidr": _find(r"--service-cluster-ip-range=(\S+)", CONTROLLER_MANAGER),
        "kubernetes_version": _find(r"image: \S+/kube-controller-manager:v(\d+\.\d+\.\d+)", CONTROLLER_MANAGER),
        "dns_domain": _find(r"^clusterDomain: (\S+)", KUBELET_CONFIG),
        "api_server": _find(r"^\s+server: https://(\S+)", KUBELET_CONF),
        "cri_socket": cri_socket(),
        "feature_gates": _find(r"--feature-gates=(\S+)", API_SERVER_MANIFEST),
        "node_name": node_name(_text(KUBELET_CERTIFICATE)),
        "documents": documents(),
    }
