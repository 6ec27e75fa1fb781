# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the client's proxy knows of the destination, and how it works with it now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio import envoy, proxies
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import namespace
from ansible_collections.bare.mesh.plugins.module_utils._istio.diagnosis.subject import Finding, Subject, named
from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.clusters import clusters
from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.dump import (
    address,
    at,
    dicts,
    flag,
    parsed,
    text,
)
from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.routes import routes
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

# Istio's way to say that there is no limit.
UNLIMITED = 4294967295


@dataclass
class Proxy:
    """What the proxy says. wanted: the names of the clusters to which requests for the destination go."""

    wanted: list[str]
    clusters: dict[str, dict[str, Any]]
    hosts: dict[str, list[dict[str, Any]]]


def synced(subject: Subject, istio: str, timeout: int) -> Finding:
    """Whether the proxy has what istiod has sent."""
    meta = subject.client["metadata"]
    try:
        found = proxies.read(subject.api, proxies.istiods(subject.api, istio, None), timeout)
    except Failure as error:
        return Finding("proxy-synced", False, f"istiod does not say what the proxies have: {error}. See its pods")
    whole = (meta["name"], meta["namespace"])
    one = next((proxy for proxy, _sent in found if (proxy["name"], proxy["namespace"]) == whole), None)
    if one is None:
        fix = f"See the logs of its container {envoy.PROXY} and of istiod"
        return Finding("proxy-synced", False, f"the proxy of {named(subject.client)} is connected to no istiod. {fix}")
    if not one["synced"]:
        late = ", ".join(part for part in proxies.TYPES if one[part] == proxies.STALE) or "everything"
        fix = f"Wait, then see the logs of {one['istiod']}: a proxy refuses what is wrong"
        message = f"the proxy of {named(subject.client)} has not got the latest: {late}. {fix}"
        return Finding("proxy-synced", False, message)
    return Finding("proxy-synced", True, f"the proxy of {named(subject.client)} has the latest of {one['istiod']}")


def read(subject: Subject, timeout: int) -> Proxy:
    """Raises Failure if the proxy does not answer."""
    where, name = namespace(subject.client), subject.client["metadata"]["name"]
    dump = envoy.page(subject.api, where, name, envoy.PROXY, envoy.CONFIGURATION, timeout)
    status = envoy.page(subject.api, where, name, envoy.PROXY, envoy.CLUSTERS, timeout)
    hosts = {text(one, "name"): dicts(one, "host_statuses") for one in dicts(status, "cluster_statuses")}
    known = {one["name"]: one for one in clusters(dump)}
    return Proxy(_wanted(subject, dump), known, hosts)


def _wanted(subject: Subject, dump: dict[str, Any]) -> list[str]:
    own = f"{subject.host}:{subject.port}"
    found = {
        target["name"]
        for route in routes(dump)
        for target in route["clusters"]
        if route["virtual_host"] == own or (target["host"], target["port"]) == (subject.host, subject.port)
    }
    return sorted(found or {f"outbound|{subject.port}||{subject.host}"})


def check(subject: Subject, proxy: Proxy) -> Iterator[Finding]:
    """What is not said of a cluster to which requests fail for a reason that was found already."""
    where = f"the proxy of {named(subject.client)}"
    names = [name for name in proxy.wanted if not _explained(subject, name)]
    missing = [name for name in names if name not in proxy.clusters]
    for name in missing:
        fix = "Look for a Sidecar that hides the host, exportTo that does not name the client's namespace, or a change"
        message = f"{where} has no cluster {name}, so it answers 503 (NC). {fix} that it has not got yet"
        yield Finding("proxy-clusters", False, message)
    there = [name for name in names if name in proxy.clusters]
    if there and not missing:
        yield Finding("proxy-clusters", True, f"{where} has {', '.join(there)}")
    for name in there:
        # Such a cluster takes the address that the client has asked for.
        if proxy.clusters[name]["type"] != "ORIGINAL_DST":
            yield _endpoints(where, name, proxy.hosts.get(name, []))
        yield _limits(where, name, proxy.clusters[name], proxy.hosts.get(name, []))


def _explained(subject: Subject, name: str) -> bool:
    found = parsed(name)
    # What fails for a host as a whole fails for each of its subsets.
    return bool({(found["host"], found["subset"]), (found["host"], "")} & subject.explained)


def _endpoints(where: str, name: str, hosts: list[dict[str, Any]]) -> Finding:
    if not hosts:
        fix = "Look for labels of the subset that no pod has, and for a change that the proxy has not got yet"
        return Finding("proxy-endpoints", False, f"{where} has no endpoint of {name}, so it answers 503 (UH). {fix}")
    ejected = [_place(one) for one in hosts if flag(one, "health_status", "failed_outlier_check")]
    if ejected:
        message = f"{where} leaves out {len(ejected)} of {len(hosts)} endpoints of {name} after errors (outlier"
        fix = "See the logs of these pods, or correct outlierDetection of the DestinationRule"
        return Finding("proxy-endpoints", False, f"{message} detection): {', '.join(ejected)}. {fix}")
    ill = [_place(one) for one in hosts if _ill(one)]
    if len(ill) == len(hosts):
        message = f"{where} knows no healthy endpoint of {name}, so it answers 503 (UH): {', '.join(ill)}"
        return Finding("proxy-endpoints", False, f"{message}. See the readiness of these pods")
    return Finding("proxy-endpoints", True, f"{where} has {len(hosts) - len(ill)} healthy endpoints of {name}")


def _ill(host: dict[str, Any]) -> bool:
    status = at(host, "health_status")
    return flag(status, "failed_active_health_check") or text(status, "eds_health_status") in ("UNHEALTHY", "TIMEOUT")


def _place(host: dict[str, Any]) -> str:
    found, port = address(host)
    return f"{found}:{port}" if port else found


def _limits(where: str, name: str, cluster: dict[str, Any], hosts: list[dict[str, Any]]) -> Finding:
    """Whether as many requests as the circuit breaker lets through are on their way at this moment."""
    breaker = cluster["circuit_breaker"]
    limits = {field: limit for field, limit in breaker.items() if limit is not None and limit != UNLIMITED}
    flows = [limits[field] for field in ("max_connections", "max_requests") if field in limits]
    busy = sum(_active(one) for one in hosts)
    shown = ", ".join(f"{field} {limit}" for field, limit in limits.items()) or "no limits"
    if flows and busy >= min(flows):
        rule = (
            f"DestinationRule {cluster['destination_rule']}" if cluster["destination_rule"] else "the DestinationRule"
        )
        message = f"{where} has {busy} requests to {name} on their way, and its limits are used up ({shown}), so it"
        fix = f"Raise connectionPool of {rule}, or send fewer at a time"
        return Finding("circuit-breaker", False, f"{message} answers further ones with 503 (UO). {fix}")
    return Finding("circuit-breaker", True, f"{where} has {busy} requests to {name} on their way, and {shown}")


def _active(host: dict[str, Any]) -> int:
    """Requests on their way. Envoy leaves out the value 0, and writes numbers of 64 bits as texts."""
    return sum(int(one.get("value") or 0) for one in dicts(host, "stats") if text(one, "name") == "rq_active")
