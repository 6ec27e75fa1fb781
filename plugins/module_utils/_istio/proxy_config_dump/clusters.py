# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clusters, which are the proxy's destinations, and the endpoints of each."""

from __future__ import annotations

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.dump import (
    address,
    at,
    configs,
    dicts,
    kind,
    number,
    parsed,
    source,
    text,
    texts,
)

LIMITS = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
OUTLIER_NUMBERS = ("consecutive_5xx", "consecutive_gateway_failure", "max_ejection_percent")
OUTLIER_TIMES = ("interval", "base_ejection_time")
TLS = "UpstreamTlsContext"


def tls(cluster: Any) -> tuple[str, str]:
    """The mode of TLS in the words of a DestinationRule, and the server name that is sent.

    AUTO is Istio's choice: mutual TLS with endpoints that have a proxy, plain text with others.
    """
    sockets = [at(one, "transport_socket") for one in dicts(cluster, "transport_socket_matches")]
    sockets += [at(cluster, "transport_socket")] if at(cluster, "transport_socket") else []
    secured = next((one for one in sockets if kind(one) == TLS), None)
    if secured is None:
        return "DISABLE", ""
    config = at(secured, "typed_config")
    common = at(config, "common_tls_context")
    if any(kind(one) == "RawBuffer" for one in sockets):
        mode = "AUTO"
    # Istio names its own protocol only with its own certificates.
    elif "istio" in texts(common, "alpn_protocols"):
        mode = "ISTIO_MUTUAL"
    else:
        own = dicts(common, "tls_certificate_sds_secret_configs") or dicts(common, "tls_certificates")
        mode = "MUTUAL" if own else "SIMPLE"
    return mode, text(config, "sni")


def limits(cluster: Any) -> dict[str, Any]:
    """The thresholds of requests of normal priority."""
    found = [one for one in dicts(cluster, "circuit_breakers", "thresholds") if text(one, "priority") != "HIGH"]
    return {name: number(found[0], name) for name in LIMITS} if found else {}


def outliers(cluster: Any) -> dict[str, Any]:
    config = at(cluster, "outlier_detection")
    if not isinstance(config, dict):
        return {}
    return {
        **{name: number(config, name) for name in OUTLIER_NUMBERS},
        **{name: text(config, name) for name in OUTLIER_TIMES},
    }


def cluster(one: dict[str, Any]) -> dict[str, Any]:
    name = text(one, "name")
    of_name = parsed(name)
    # The names of inbound clusters have no host.
    services = dicts(one, "metadata", "filter_metadata", "istio", "services")
    mode, server_name = tls(one)
    return {
        "name": name,
        **of_name,
        "host": of_name["host"] or (text(services[0], "host") if services else ""),
        "type": text(one, "type") or text(one, "cluster_type", "name"),
        "lb_policy": text(one, "lb_policy"),
        "connect_timeout": text(one, "connect_timeout"),
        "tls": mode,
        "sni": server_name,
        "circuit_breaker": limits(one),
        "outlier_detection": outliers(one),
        "destination_rule": source(one, "destination-rule"),
    }


def clusters(dump: Any) -> list[dict[str, Any]]:
    """The clusters that are in use, sorted by name."""
    entries = configs(dump, "ClustersConfigDump", "static_clusters", "dynamic_active_clusters")
    found = [at(entry, "cluster") for entry in entries]
    return sorted((cluster(one) for one in found if isinstance(one, dict)), key=lambda one: str(one["name"]))


def locality(group: Any) -> str:
    """Region, zone and part of the zone, as Istio writes them: region/zone/subzone."""
    return "/".join(text(group, "locality", name) for name in ("region", "zone", "sub_zone")).rstrip("/")


def endpoint(one: dict[str, Any]) -> dict[str, Any]:
    place, port = address(at(one, "endpoint"))
    weight = number(one, "load_balancing_weight")
    return {
        "address": place,
        "port": port,
        "health": text(one, "health_status") or "UNKNOWN",
        # Envoy counts what has no weight as 1.
        "weight": 1 if weight is None else weight,
        "workload": text(one, "metadata", "filter_metadata", "istio", "workload").partition(";")[0],
    }


def endpoints(dump: Any) -> list[dict[str, Any]]:
    """The endpoints of all clusters, sorted by cluster."""
    entries = configs(dump, "EndpointsConfigDump", "static_endpoint_configs", "dynamic_endpoint_configs")
    found = []
    for assigned in sorted((at(one, "endpoint_config") for one in entries), key=lambda one: text(one, "cluster_name")):
        for group in dicts(assigned, "endpoints"):
            common = {"locality": locality(group), "priority": number(group, "priority") or 0}
            found += [
                {"cluster": text(assigned, "cluster_name"), **endpoint(one), **common}
                for one in dicts(group, "lb_endpoints")
            ]
    return found
