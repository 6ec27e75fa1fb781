# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a role's settings of a gateway are in an IstioOperator, and what is wrong with them.

The settings are those of the role istio for the default gateway and of the role istio_gateway for others, without the
prefix of their names: service_type, ports, annotations, min_replicas, max_replicas, resources, host_network,
node_selector, tolerations, rolling_update.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

# Ports that a gateway's Envoy, which is not root, cannot open: it listens on these instead, as Istio's chart has it.
TARGETS = {80: 8080, 443: 8443}
CLUSTER_IP = "ClusterIP"
# The old pod goes before the new one starts.
REPLACE_FIRST = {"maxSurge": 0, "maxUnavailable": 1}
# As Istio's charts have it.
DEFAULT_MOST = 5
# Names of namespaces and Services.
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
NAME_RULE = "Use lower case letters, digits and hyphens"
PROTOCOLS = ("TCP", "UDP", "SCTP")


class SettingFault(NamedTuple):
    """A setting with a value that cannot be."""

    where: str
    what: str
    fix: str


def spread_over_nodes(labels: dict[str, str]) -> dict[str, Any]:
    """The affinity of pods that would rather not share a node: with fewer nodes than pods they still start."""
    term = {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def service_ports(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ports of a Service, complete."""
    return [
        {
            "protocol": "TCP",
            "targetPort": TARGETS.get(int(one["port"]), int(one["port"])),
            # A template makes text of a number.
            **{name: int(value) if _number(value) is not None else value for name, value in one.items()},
            "name": str(one["name"]),
        }
        for one in given
    ]


def _host_network(name: str) -> list[dict[str, Any]]:
    """The overlay for a pod in its node's network, which needs the cluster's DNS all the same to find istiod."""
    return [
        {
            "kind": "Deployment",
            "name": name,
            "patches": [
                {"path": "spec.template.spec.hostNetwork", "value": True},
                {"path": "spec.template.spec.dnsPolicy", "value": "ClusterFirstWithHostNet"},
            ],
        }
    ]


def replicas(settings: dict[str, Any], at_least: int = 1) -> tuple[int, int] | None:
    """(fewest, most) pods, or None where the settings leave both to the profile."""
    fewest, most, host_network = (settings.get(name) for name in ("min_replicas", "max_replicas", "host_network"))
    if fewest is None and most is None and at_least == 1 and not host_network:
        return None
    low = max(at_least, int(fewest) if fewest is not None else 1)
    # Two pods in the network of one node would want the same ports, so nothing adds pods there unasked.
    unasked = low if host_network else DEFAULT_MOST
    return low, max(low, int(most) if most is not None else unasked)


def kubernetes_settings(name: str, settings: dict[str, Any], high_availability: bool, labels: dict[str, str]) -> Any:
    """The field k8s of a gateway in an IstioOperator. Empty for settings that are all as the profile has them."""
    found: dict[str, Any] = {}
    service: dict[str, Any] = {}
    if settings.get("service_type"):
        service["type"] = settings["service_type"]
    if settings.get("ports"):
        service["ports"] = service_ports(settings["ports"])
    if service:
        found["service"] = service
    if settings.get("annotations"):
        found["serviceAnnotations"] = settings["annotations"]
    count = replicas(settings, 2 if high_availability else 1)
    if count:
        found["hpaSpec"] = {"minReplicas": count[0], "maxReplicas": count[1]}
    if high_availability:
        found["affinity"] = spread_over_nodes(labels)
    for setting, field in (
        ("resources", "resources"),
        ("node_selector", "nodeSelector"),
        ("tolerations", "tolerations"),
    ):
        if settings.get(setting):
            found[field] = settings[setting]
    # A new pod waits for ever for the ports of the old one on the same node.
    update = settings.get("rolling_update") or (REPLACE_FIRST if settings.get("host_network") else None)
    if update:
        found["strategy"] = {"rollingUpdate": update}
    if settings.get("host_network"):
        found["overlays"] = _host_network(name)
    return found


def _number(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and not isinstance(value, bool) else None


def _port_faults(where: str, given: list[Any], service_type: str) -> list[SettingFault]:
    found = []
    seen: dict[str, set[Any]] = {"name": set(), "port": set(), "nodePort": set()}
    for index, one in enumerate(given):
        at = f"{where}[{index}]"
        if not isinstance(one, dict) or not one.get("name"):
            found.append(SettingFault(at, "is not a port with a name", "Write {name: http2, port: 80}"))
            continue
        unknown = sorted(set(one) - {"name", "port", "targetPort", "nodePort", "protocol"})
        if unknown:
            found.append(
                SettingFault(at, f"has the unknown field {', '.join(unknown)}", "Use the fields of a Service's port")
            )
        for field in ("port", "targetPort", "nodePort"):
            number = _number(one.get(field, 1 if field != "port" else None))
            if number is None or not 1 <= number <= 65535:
                found.append(SettingFault(f"{at}.{field}", f"is {one.get(field)!r}", "Give a number from 1 to 65535"))
        if one.get("protocol", "TCP") not in PROTOCOLS:
            what = f"is {one['protocol']!r}"
            found.append(SettingFault(f"{at}.protocol", what, f"Use {', '.join(PROTOCOLS)}, or leave it out"))
        if one.get("nodePort") and service_type == CLUSTER_IP:
            found.append(
                SettingFault(
                    f"{at}.nodePort", "is set, and the service type is ClusterIP", "Use NodePort or LoadBalancer"
                )
            )
        for field, values in seen.items():
            if one.get(field) is not None and str(one[field]) in values:
                found.append(
                    SettingFault(
                        f"{at}.{field}", f"is {one[field]!r} as that of an earlier port", "Give each port its own"
                    )
                )
            values.add(str(one.get(field)))
    return found


def gateway_faults(prefix: str, settings: dict[str, Any]) -> list[SettingFault]:
    """What is wrong with the settings of a gateway. The prefix is that of the variables' names."""
    found = _port_faults(f"{prefix}ports", settings.get("ports") or [], settings.get("service_type") or "")
    for name in ("annotations", "node_selector"):
        found += text_faults(f"{prefix}{name}", settings.get(name) or {})
    update = settings.get("rolling_update") or {}
    if update and all(str(update.get(name, "25%")).rstrip("%") == "0" for name in ("maxSurge", "maxUnavailable")):
        what = "has 0 for maxSurge and for maxUnavailable, so no pod could ever be replaced"
        found.append(SettingFault(f"{prefix}rolling_update", what, "Make one of them larger"))
    return found + replica_faults(prefix, settings)


def text_faults(where: str, given: dict[str, Any]) -> list[SettingFault]:
    """Values of annotations or labels that YAML does not take for text."""
    return [
        SettingFault(f"{where}.{name}", f"is {value!r}, which is not text", f'Write "{str(value).lower()}" in quotes')
        for name, value in given.items()
        if not isinstance(value, str)
    ]


def name_faults(where: str, names: list[Any]) -> list[SettingFault]:
    """Names that no namespace or Service can have."""
    return [
        SettingFault(where, f"has the name {name!r}, which Kubernetes does not allow", NAME_RULE)
        for name in names
        if not NAME.fullmatch(str(name))
    ]


def replica_faults(prefix: str, settings: dict[str, Any]) -> list[SettingFault]:
    """What is wrong with min_replicas and max_replicas."""
    fewest, most = settings.get("min_replicas"), settings.get("max_replicas")
    found = [
        SettingFault(f"{prefix}{name}", f"is {value}", "Give a number of at least 1")
        for name, value in (("min_replicas", fewest), ("max_replicas", most))
        if value is not None and not _number(value)
    ]
    if not found and fewest is not None and most is not None and int(fewest) > int(most):
        what = f"is {fewest}, which is more than {prefix}max_replicas, {most}"
        found.append(SettingFault(f"{prefix}min_replicas", what, "Make it smaller, or the other one larger"))
    return found
