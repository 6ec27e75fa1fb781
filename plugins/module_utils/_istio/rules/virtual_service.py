# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a VirtualService. https://istio.io/latest/docs/reference/config/networking/virtual-service/

Rules of ValidateVirtualService in Istio 1.31 (pkg/config/validation). The rules of HTTP routes are in http_route.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.http_route import (
    destination,
    route_faults,
    weights,
)


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec, namespace = definition["spec"], definition["metadata"].get("namespace", "default")
    hosts, gateways = spec.get("hosts") or [], spec.get("gateways") or []
    http, tls, tcp = spec.get("http") or [], spec.get("tls") or [], spec.get("tcp") or []
    if not hosts:
        for name in ("gateways", "tls", "tcp"):
            if spec.get(name):
                yield Fault(
                    f"spec.{name}",
                    "cannot be given without hosts: a VirtualService without hosts is a delegate. Set spec.hosts",
                )
    if not (http or tls or tcp):
        yield Fault("spec", "has no routes: http, tls or tcp is required")
    yield from validators.gateway_names(gateways, "spec.gateways")
    # Without gateways the object is for sidecars. With mesh among the gateways it is for both, and the rules of both
    # apply.
    for_gateways = bool(gateways) and "mesh" not in gateways
    yield from _hosts(
        hosts, for_gateways, any(match.get("sniHosts") for route in tls for match in route.get("match") or [])
    )
    for index, route in enumerate(http):
        path = f"spec.http[{index}]"
        yield from route_faults(route, path, delegate=not hosts)
        if not for_gateways:
            yield from _claims(route, path)
    for index, route in enumerate(tls):
        yield from _tls_route(route, f"spec.tls[{index}]", hosts, "mesh" not in gateways)
    for index, route in enumerate(tcp):
        path = f"spec.tcp[{index}]"
        for number, match in enumerate(route.get("match") or []):
            yield from _l4_match(match, f"{path}.match[{number}]")
        yield from _l4_destinations(route, path)
    yield from validators.export_to(spec.get("exportTo"), namespace)


def _domain(host: str, generated: bool) -> str:
    """A host by Istio's ValidateWildcardDomain.

    For TLS routes at gateways, the names that Istio generates are allowed too.
    """
    if generated and host.startswith("outbound_"):
        return validators.sni_host(host)
    return validators.fqdn(host, wildcard=True)


def _hosts(hosts: list[str], for_gateways: bool, sni: bool) -> Iterator[Fault]:
    valid = True
    for index, host in enumerate(hosts):
        wrong = "" if validators.is_ip(host) else _domain(host, for_gateways and sni)
        if not wrong and host == "*" and not for_gateways:
            wrong = "* is only possible for gateways; sidecars (no gateways, or mesh among them) need a host's name"
        if wrong:
            valid = False
            yield Fault(f"spec.hosts[{index}]", wrong)
    if valid:
        for index, host in enumerate(hosts):
            twin = next((other for other in hosts[:index] if validators.overlap(other, host)), None)
            if twin is not None:
                yield Fault(f"spec.hosts[{index}]", f"{host!r} is covered by {twin!r} already: remove one of the two")


def _claims(route: dict[str, Any], path: str) -> Iterator[Fault]:
    for index, match in enumerate(route.get("match") or []):
        for field in ("headers", "withoutHeaders"):
            for name in match.get(field) or {}:
                if validators.is_jwt_claim(name):
                    where = f"{path}.match[{index}].{field}[{name!r}]"
                    yield Fault(where, "claims can only be matched at gateways: set spec.gateways, without mesh")


def _tls_route(route: dict[str, Any], path: str, hosts: list[str], generated: bool) -> Iterator[Fault]:
    if not route.get("match"):
        yield Fault(f"{path}.match", "at least one match with sniHosts is required")
    for number, match in enumerate(route.get("match") or []):
        where = f"{path}.match[{number}]"
        if not match.get("sniHosts"):
            yield Fault(f"{where}.sniHosts", "at least one host is required")
        for index, host in enumerate(match.get("sniHosts") or []):
            if validators.is_ip(host):
                continue
            wrong = _domain(host, generated)
            if not wrong and not any(validators.within(host, other) for other in hosts):
                wrong = f"{host!r} is none of spec.hosts ({', '.join(hosts)})"
            if wrong:
                yield Fault(f"{where}.sniHosts[{index}]", wrong)
        yield from _l4_match(match, where)
    yield from _l4_destinations(route, path)


def _l4_match(match: dict[str, Any], path: str) -> Iterator[Fault]:
    for index, subnet in enumerate(match.get("destinationSubnets") or []):
        if validators.subnet(subnet):
            yield Fault(f"{path}.destinationSubnets[{index}]", validators.subnet(subnet))
    if match.get("port") and validators.port(match["port"]):
        yield Fault(f"{path}.port", validators.port(match["port"]))
    yield from validators.labels(match.get("sourceLabels"), f"{path}.sourceLabels")
    yield from validators.gateway_names(match.get("gateways"), f"{path}.gateways")


def _l4_destinations(route: dict[str, Any], path: str) -> Iterator[Fault]:
    if not route.get("route"):
        yield Fault(f"{path}.route", "at least one destination is required")
    for index, entry in enumerate(route.get("route") or []):
        yield from destination(entry.get("destination"), f"{path}.route[{index}].destination")
    yield from weights(route.get("route") or [], f"{path}.route")
