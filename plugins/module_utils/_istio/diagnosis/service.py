# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether there is something to call: the Service, its port, its protocol, its endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import namespace, spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.hosts import service as meaning
from ansible_collections.bare.mesh.plugins.module_utils._istio.diagnosis.subject import (
    Finding,
    Object,
    Subject,
    named,
    selected,
    words,
)
from ansible_collections.bare.mesh.plugins.module_utils._k8s.commands import ready
from ansible_collections.bare.mesh.plugins.module_utils._k8s.diagnosis import pod_trouble

# https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
PROTOCOLS = (
    "grpc", "grpc-web", "http", "http2", "https", "tcp", "tls", "mongo", "mysql", "redis", "udp",
)  # fmt: skip
# What Kubernetes itself calls HTTP/2 without TLS, and websockets.
STANDARD = {"kubernetes.io/h2c": "http2", "kubernetes.io/ws": "http", "kubernetes.io/wss": "https"}
# Proxies read requests of these, so routes for HTTP apply.
HTTP = ("grpc", "grpc-web", "http", "http2")


def protocol(port: dict[str, Any]) -> str:
    """The protocol that a port of a Service declares, as Istio reads it; empty where it declares none."""
    said = str(port.get("appProtocol") or "").lower()
    if said:
        said = STANDARD.get(said, said)
        return said if said in PROTOCOLS else ""
    name = str(port.get("name") or "").lower()
    if name == "grpc-web" or name.startswith("grpc-web-"):
        return "grpc-web"
    first = name.partition("-")[0]
    return first if first in PROTOCOLS else ""


def check(subject: Subject) -> Iterator[Finding]:
    """The findings up to the first fault: without a Service there are no endpoints."""
    service = subject.service
    if service is None:
        yield _elsewhere(subject)
        return
    yield Finding("service", True, f"Service {named(service)} exists")
    ports = spec(service).get("ports") or []
    port = next((one for one in ports if one.get("port") == subject.port), None)
    if port is None or (port.get("protocol") or "TCP") != "TCP":
        has = ", ".join(f"{one['port']} ({one.get('protocol') or 'TCP'})" for one in ports) or "none"
        fix = "Call one of these, or add the port to the Service"
        yield Finding("port", False, f"Service {named(service)} has no TCP port {subject.port}; it has {has}. {fix}")
        return
    yield Finding("port", True, f"Service {named(service)} has the port {subject.port}")
    yield _protocol(subject, service, port)
    if spec(service).get("type") != "ExternalName":
        yield _endpoints(subject, service, port)


def _elsewhere(subject: Subject) -> Finding:
    if not subject.entries:
        meant = meaning(subject.host, namespace(subject.client))
        where = f" (it would be Service {meant[1]}/{meant[0]})" if meant else ""
        fix = "Correct the name (a name without dots is in the client's namespace), or create it"
        message = f"{subject.host} is neither a Service{where} nor a host of a ServiceEntry. {fix}"
        return Finding("service", False, message)
    ports = {one.get("number") for entry in subject.entries for one in spec(entry).get("ports") or []}
    owners = ", ".join(f"ServiceEntry {named(entry)}" for entry in subject.entries)
    if subject.port in ports:
        return Finding("service", True, f"{owners} has {subject.host} and its port {subject.port}")
    fix = "Add the port to it"
    has = ", ".join(sorted(map(str, ports))) or "none"
    return Finding("port", False, f"{owners} has {subject.host} without the port {subject.port}; it has {has}. {fix}")


def _protocol(subject: Subject, service: Object, port: dict[str, Any]) -> Finding:
    """Not being declared is no fault: proxies then look at the first bytes."""
    declared = protocol(port)
    where = f"port {subject.port} of Service {named(service)}"
    if not declared:
        hint = "name it http-..., grpc-... or tcp-..., or set appProtocol, if requests fail with odd errors"
        return Finding("protocol", True, f"{where} declares no protocol, so proxies guess it: {hint}")
    if declared == "udp":
        fix = "Correct its name or appProtocol"
        return Finding("protocol", False, f"{where} is TCP, and declares udp, which proxies ignore. {fix}")
    return Finding("protocol", True, f"{where} declares {declared}")


def _endpoints(subject: Subject, service: Object, port: dict[str, Any]) -> Finding:
    """Whether the port has ready endpoints. Notes the pods behind them."""
    found, names = 0, set()
    for piece in _slices(subject, service):
        for one in piece.get("ports") or []:
            if (one.get("name") or "") != (port.get("name") or ""):
                continue
            able = [each for each in piece.get("endpoints") or [] if _ready(each)]
            found += len(able)
            names |= {(each.get("targetRef") or {}).get("name") for each in able}
            if able and isinstance(one.get("port"), int):
                subject.targets.add(one["port"])
    subject.servers = [pod for pod in subject.pods if pod["metadata"]["name"] in names]
    if found:
        return Finding("endpoints", True, f"Service {named(service)} has {found} ready endpoints")
    return Finding(
        "endpoints", False, f"Service {named(service)} has no ready endpoint: {_why(subject, service, port)}"
    )


def _slices(subject: Subject, service: Object) -> list[Object]:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{quote(subject.home, safe='')}/endpointslices"
    query = {"labelSelector": f"kubernetes.io/service-name={service['metadata']['name']}"}
    return list(subject.api.pages(path, query))


def _ready(endpoint: dict[str, Any]) -> bool:
    """What is not said is true."""
    return (endpoint.get("conditions") or {}).get("ready") is not False


def _why(subject: Subject, service: Object, port: dict[str, Any]) -> str:
    selector = spec(service).get("selector") or {}
    if not selector:
        return "it has no selector, and its EndpointSlices have none. Add a selector, or ready endpoints"
    pods = selected(subject.pods, selector)
    if not pods:
        fix = "Correct spec.selector or the pods' labels, or start the workload"
        return f"its selector {words(selector)} matches no pod. {fix}"
    unready = [pod for pod in pods if not ready(pod)]
    if unready:
        shown = "; ".join(f"{named(pod)} {pod_trouble(pod)}".strip() for pod in unready[:3])
        return f"{len(unready)} of {len(pods)} pods are not ready: {shown}. See their logs and readiness probes"
    target = port.get("targetPort")
    if isinstance(target, str):
        return f"no container of its pods has a port named {target!r} (targetPort). Correct targetPort"
    return f"its {len(pods)} pods are ready, and its EndpointSlices do not have them (yet)"
