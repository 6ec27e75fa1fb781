# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Kubernetes objects of a gateway whose proxy istiod injects.

Source: https://istio.io/latest/docs/setup/additional-setup/gateway/ (gateway injection). Such a gateway is no part of
an IstioOperator, so no upgrade of the mesh touches it: its pods get the new proxy when they are restarted.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_settings import (
    CLUSTER_IP,
    DEFAULT_MOST,
    REPLACE_FIRST,
    replicas,
    service_ports,
    spread_over_nodes,
)

DEFAULTS: dict[str, Any] = {
    "namespace": "istio-gateways",
    "type": "ingress",
    "revision": "",
    "network": "",
    "annotations": {},
    "host_network": False,
    "node_selector": {},
    "tolerations": [],
    "rolling_update": {},
    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
    "servers": [],
    "egress_hosts": [],
}
SERVICE_TYPES = {"ingress": "LoadBalancer", "egress": CLUSTER_IP}
STATUS = {"name": "status-port", "port": 15021}
PORTS = {
    "ingress": [STATUS, {"name": "http2", "port": 80}, {"name": "https", "port": 443}],
    "egress": [{"name": "http2", "port": 80}, {"name": "https", "port": 443}],
}
# Of a gateway through which other networks come in, as Istio's own chart has them: calls of services, and of istiods.
NETWORK_PORTS = [
    STATUS,
    {"name": "tls", "port": 15443},
    {"name": "tls-istiod", "port": 15012},
    {"name": "tls-webhook", "port": 15017},
]
NETWORK_LABEL = "topology.istio.io/network"
# The value is the owner: a role finds by it what it once made.
OWNER_LABEL = "bare.mesh/gateway"
# Istio's images run as this user.
USER = 1337


def complete(gateway: dict[str, Any]) -> dict[str, Any]:
    """The gateway with the defaults of what it does not say."""
    given = {name: value for name, value in gateway.items() if value is not None}
    found = {**DEFAULTS, **given}
    found.setdefault("service_type", SERVICE_TYPES[found["type"]])
    usual = NETWORK_PORTS if found["network"] else PORTS[found["type"]]
    found["ports"] = service_ports(found.get("ports") or usual)
    found["min_replicas"], found["max_replicas"] = replicas({"min_replicas": 1, **given}) or (1, DEFAULT_MOST)
    if found["host_network"] and not found["rolling_update"]:
        # A new pod waits for the ports of the old one, so the old one goes first.
        found["rolling_update"] = REPLACE_FIRST
    return found


def _labels(gateway: dict[str, Any]) -> dict[str, str]:
    return {"app": gateway["name"], "istio": gateway["name"]}


def _network(gateway: dict[str, Any]) -> dict[str, str]:
    """The label by which istiod knows that the gateway, whose Service has it too, leads into a network."""
    return {NETWORK_LABEL: gateway["network"]} if gateway["network"] else {}


def _object(api: str, kind: str, gateway: dict[str, Any], owner: str, **fields: Any) -> dict[str, Any]:
    labels = {**_labels(gateway), OWNER_LABEL: owner}
    metadata = {"name": gateway["name"], "namespace": gateway["namespace"], "labels": labels}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def _node_ports(gateway: dict[str, Any]) -> list[dict[str, Any]]:
    """The ports of the node that lead to the pod.

    The pod itself stays out of the node's network: istiod injects no proxy into pods that are in it.
    """
    wanted = {(one["targetPort"], one["protocol"]): None for one in gateway["ports"]}
    return [{"containerPort": port, "hostPort": port, "protocol": protocol} for port, protocol in wanted]


def _container(gateway: dict[str, Any]) -> dict[str, Any]:
    ports: list[dict[str, Any]] = [{"containerPort": 15090, "protocol": "TCP", "name": "http-envoy-prom"}]
    container = {
        "name": "istio-proxy",
        # The word that istiod replaces by its own proxy's image.
        "image": "auto",
        "ports": ports + (_node_ports(gateway) if gateway["host_network"] else []),
        "resources": gateway["resources"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsGroup": USER,
            "runAsNonRoot": True,
            "runAsUser": USER,
        },
    }
    if gateway["network"]:
        # What comes in from other networks stays in this one.
        container["env"] = [{"name": "ISTIO_META_REQUESTED_NETWORK_VIEW", "value": gateway["network"]}]
    return container


def _deployment(gateway: dict[str, Any], owner: str) -> dict[str, Any]:
    labels = {**_labels(gateway), **_network(gateway), "sidecar.istio.io/inject": "true"}
    if gateway["revision"]:
        labels["istio.io/rev"] = gateway["revision"]
    pod: dict[str, Any] = {
        "serviceAccountName": gateway["name"],
        "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER},
        "containers": [_container(gateway)],
        "affinity": spread_over_nodes(_labels(gateway)),
    }
    if gateway["node_selector"]:
        pod["nodeSelector"] = gateway["node_selector"]
    if gateway["tolerations"]:
        pod["tolerations"] = gateway["tolerations"]
    annotations = {"inject.istio.io/templates": "gateway"}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": _labels(gateway)},
        "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod},
    }
    if not _scaled(gateway):
        spec["replicas"] = gateway["min_replicas"]
    if gateway["rolling_update"]:
        spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": gateway["rolling_update"]}
    return _object("apps/v1", "Deployment", gateway, owner, spec=spec)


def _scaled(gateway: dict[str, Any]) -> bool:
    return int(gateway["min_replicas"]) < int(gateway["max_replicas"])


def _autoscaler(gateway: dict[str, Any], owner: str) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": 80}
    spec = {
        "minReplicas": gateway["min_replicas"],
        "maxReplicas": gateway["max_replicas"],
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": gateway["name"]},
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return _object("autoscaling/v2", "HorizontalPodAutoscaler", gateway, owner, spec=spec)


def _budget(gateway: dict[str, Any], owner: str) -> dict[str, Any]:
    spec = {"minAvailable": 1, "selector": {"matchLabels": _labels(gateway)}}
    return _object("policy/v1", "PodDisruptionBudget", gateway, owner, spec=spec)


def _access(gateway: dict[str, Any], owner: str) -> list[dict[str, Any]]:
    """The right to read the secrets of its own namespace, where the TLS credentials are."""
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}]
    rbac = "rbac.authorization.k8s.io"
    role = {"apiGroup": rbac, "kind": "Role", "name": gateway["name"]}
    subject = {"kind": "ServiceAccount", "name": gateway["name"]}
    return [
        _object("v1", "ServiceAccount", gateway, owner),
        _object(f"{rbac}/v1", "Role", gateway, owner, rules=rules),
        _object(f"{rbac}/v1", "RoleBinding", gateway, owner, roleRef=role, subjects=[subject]),
    ]


def gateway_objects(given: dict[str, Any], owner: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(the objects of a gateway, those that it would have with other settings)."""
    gateway = complete(given)
    service = _object("v1", "Service", gateway, owner)
    service["metadata"]["labels"] |= _network(gateway)
    service["spec"] = {"type": gateway["service_type"], "selector": _labels(gateway), "ports": gateway["ports"]}
    if gateway["annotations"]:
        service["metadata"]["annotations"] = gateway["annotations"]
    # An autoscaler of a fixed number stays, because one that goes would first undo the number that is written.
    wanted = [*_access(gateway, owner), _deployment(gateway, owner), service, _autoscaler(gateway, owner)]
    unwanted: list[dict[str, Any]] = []
    # With a single pod, a budget would only keep its node from being drained.
    (wanted if int(gateway["min_replicas"]) > 1 else unwanted).append(_budget(gateway, owner))
    return wanted, unwanted
