# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a ServiceEntry.

https://istio.io/latest/docs/reference/config/networking/service-entry/

Rules of ValidateServiceEntry in Istio 1.31 (pkg/config/validation) and of the definition of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import workloads

_HTTP = ("http", "http2", "http_proxy", "grpc", "grpc-web")
_TLS = ("https", "tls")
# pkg/config/protocol, which ignores case
_PROTOCOLS = (*_HTTP, *_TLS, "tcp", "udp", "mongo", "redis", "mysql")
# Those that carry a host name which a proxy can look up.
_LOOKED_UP = ("http", "http2", "grpc", "tls")
_WAYPOINT = "istio.io/use-waypoint"
_DNS = ("DNS", "DNS_ROUND_ROBIN")


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec, meta = definition["spec"], definition["metadata"]
    resolution = spec.get("resolution") or "NONE"
    yield from validators.workload_selector(spec.get("workloadSelector"), "spec.workloadSelector", "labels")
    yield from _hosts(spec["hosts"])
    yield from _addresses(spec.get("addresses") or [], resolution)
    yield from _ports(spec.get("ports") or [])
    yield from _endpoints(spec, resolution)
    if resolution in _DNS:
        yield from _looked_up_once(spec, resolution)
    if resolution == "DYNAMIC_DNS":
        yield from _looked_up_per_request(spec, (meta.get("labels") or {}).get(_WAYPOINT))
    elif resolution != "NONE" and len(spec["hosts"]) > 1:
        yield from _told_apart(spec.get("ports") or [])
    yield from validators.export_to(spec.get("exportTo"), meta.get("namespace") or "default", none=True)


def _hosts(hosts: list[str]) -> Iterator[Fault]:
    for index, name in enumerate(hosts):
        wrong = "must be narrower than *: a wildcard needs a domain, such as *.example.com"
        if name != "*":
            wrong = validators.fqdn(name, wildcard=True)
        if wrong:
            yield Fault(f"spec.hosts[{index}]", wrong)


def _addresses(addresses: list[str], resolution: str) -> Iterator[Fault]:
    for index, address in enumerate(addresses):
        if wrong := validators.subnet(address):
            yield Fault(f"spec.addresses[{index}]", wrong)
        if "/" in address and resolution not in ("NONE", "STATIC"):
            yield Fault(
                f"spec.addresses[{index}]", f"{address!r}: ranges need the resolution NONE or STATIC, not {resolution}"
            )


def _protocol(port: dict[str, Any]) -> str:
    return str(port.get("protocol") or "").lower()


def _ports(ports: list[dict[str, Any]]) -> Iterator[Fault]:
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        for field in ("name", "number"):
            # One of a wrong type is left out here; the schema says so.
            given = port.get(field)
            if given is not None and any(given == other.get(field) for other in ports[:index]):
                yield Fault(f"{path}.{field}", f"there is another port with the {field} {given!r}")
        if port.get("name") is not None and not validators.dns_label(port["name"]):
            fix = "at most 63 letters, digits and - in between"
            yield Fault(f"{path}.name", f"{port['name']!r} is not the name of a port: {fix}")
        for field in ("number", "targetPort"):
            wrong = validators.port(port[field]) if port.get(field) is not None else ""
            if wrong:
                yield Fault(f"{path}.{field}", wrong)
        if _protocol(port) not in ("", *_PROTOCOLS):
            yield Fault(f"{path}.protocol", f"{port['protocol']!r} is none of {', '.join(_PROTOCOLS).upper()}")


def _endpoints(spec: dict[str, Any], resolution: str) -> Iterator[Fault]:
    endpoints, names = spec.get("endpoints"), {port["name"] for port in spec.get("ports") or [] if port.get("name")}
    if endpoints is not None and resolution == "NONE":
        yield Fault("spec.endpoints", "needs a resolution: STATIC for addresses, DNS for names")
    if endpoints and resolution == "DYNAMIC_DNS":
        yield Fault("spec.endpoints", "must not be set: with DYNAMIC_DNS, the requested hosts are looked up")
    for index, endpoint in enumerate(endpoints or []):
        path = f"spec.endpoints[{index}]"
        if resolution not in _DNS:
            yield from workloads.placed(endpoint, path)
        yield from workloads.common(endpoint, path)
        yield from validators.labels(endpoint.get("labels"), f"{path}.labels")
        for name in endpoint.get("ports") or {}:
            if name not in names:
                known = ", ".join(sorted(names)) or "no port"
                yield Fault(f"{path}.ports[{name!r}]", f"{name!r} is not the name of a port in spec.ports: {known}")
        if resolution == "STATIC":
            yield from _static(endpoint.get("address") or "", path, len(names))


def _static(address: str, path: str, ports: int) -> Iterator[Fault]:
    if address.startswith(workloads.UNIX):
        if ports != 1:
            yield Fault("spec.ports", f"has {ports} items, with a Unix socket as endpoint it must have exactly 1")
    elif address and not validators.is_ip(address):
        yield Fault(f"{path}.address", f"{address!r} is not an IP address: use one, or the resolution DNS")


def _looked_up_once(spec: dict[str, Any], resolution: str) -> Iterator[Fault]:
    endpoints = spec.get("endpoints") or []
    for index, name in enumerate([] if endpoints else spec["hosts"]):
        # What is not even a wildcard has been reported.
        if validators.fqdn(name) and not validators.fqdn(name, wildcard=True):
            yield Fault(f"spec.hosts[{index}]", f"{name!r} cannot be looked up: give a full name, or endpoints")
    if resolution == "DNS_ROUND_ROBIN" and len(endpoints) > 1:
        yield Fault("spec.endpoints", f"has {len(endpoints)} items, with DNS_ROUND_ROBIN at most 1 is possible")
    for index, endpoint in enumerate(endpoints):
        yield from workloads.host(endpoint.get("address") or "", f"spec.endpoints[{index}].address")


def _looked_up_per_request(spec: dict[str, Any], waypoint: Any) -> Iterator[Fault]:
    for index, name in enumerate(spec["hosts"]):
        if not name.startswith("*"):
            yield Fault(f"spec.hosts[{index}]", f"{name!r}: DYNAMIC_DNS is for wildcards, such as *.example.com")
    if spec.get("addresses"):
        yield Fault("spec.addresses", "must not be set: with DYNAMIC_DNS, the requested hosts are looked up")
    for index, port in enumerate(spec.get("ports") or []):
        if _protocol(port) not in _LOOKED_UP:
            known = ", ".join(_LOOKED_UP).upper()
            yield Fault(f"spec.ports[{index}].protocol", f"must be one of {known} with DYNAMIC_DNS")
    if spec.get("location") == "MESH_INTERNAL" and str(waypoint or "none").lower() != "none":
        yield Fault("spec.location", f"must be MESH_EXTERNAL: with DYNAMIC_DNS and the label {_WAYPOINT}")


def _told_apart(ports: list[dict[str, Any]]) -> Iterator[Fault]:
    for index, port in enumerate(ports):
        if _protocol(port) not in (*_HTTP, *_TLS):
            yield Fault(
                f"spec.ports[{index}].protocol",
                "must be of HTTP or TLS where there are several hosts: other protocols do not name the host",
            )
