# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that two objects claim, of which only one gets them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import Context, Object, namespace, spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.finding import Finding, finding
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.gateways import reference
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.hosts import fqdn, scope
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.matches import catches_all
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import identity

_SERVERS = "reference/config/analysis/ist0145/"
_MESH = "reference/config/analysis/ist0109/"
_MERGED = "ops/best-practices/traffic-management/#split-virtual-services"
_RULE = "conflicting-hosts"


def servers(context: Context) -> Iterator[Finding]:
    """The TLS servers for one host on one port of the same proxies. Istio keeps the oldest; plain HTTP it merges."""
    seen: dict[Hashable, tuple[Object, str]] = {}
    # Those that are there were first.
    live = context.rest("Gateway")
    for position, gateway in enumerate(live + context.mine("Gateway")):
        for index, server in enumerate(spec(gateway).get("servers") or []):
            for number, host in enumerate(server.get("hosts") or []) if _encrypted(server) else ():
                path = f"spec.servers[{index}].hosts[{number}]"
                owner, where = seen.setdefault(_claim(gateway, server, host), (gateway, path))
                itself = owner is gateway and where.startswith(f"spec.servers[{index}].")
                if itself or position < len(live):
                    continue
                port = server["port"].get("number")
                message = (
                    f"{identity(owner)} ({where}) has {host!r} on port {port} too, so Istio drops one of the servers"
                )
                fix = "Remove the host from one of the two"
                yield finding(_RULE, gateway, path, message, fix, _SERVERS)


def _encrypted(server: dict[str, Any]) -> bool:
    return bool(server.get("tls")) and str(server["port"].get("protocol")).upper() in ("HTTPS", "TLS")


def _claim(gateway: Object, server: dict[str, Any], host: str) -> Hashable:
    selector = tuple(sorted((spec(gateway).get("selector") or {}).items()))
    who, slash, name = host.partition("/")
    host = {"*": name, ".": f"{namespace(gateway)}/{name}"}.get(who, host) if slash else host
    return namespace(gateway), selector, server["port"].get("number"), server.get("bind") or "", host


def routes(context: Context) -> Iterator[Finding]:
    """The VirtualServices of one namespace for one host."""
    live = context.rest("VirtualService")
    claims: dict[tuple[str, str], list[Object]] = {}
    for position, route in enumerate(live + context.mine("VirtualService")):
        for index, host in enumerate(spec(route).get("hosts") or []):
            claimed = claims.setdefault((namespace(route), fqdn(host, namespace(route))), [])
            for other in claimed if position >= len(live) else ():
                if not _apart(other, route):
                    yield from _mesh(other, route, index)
                    yield from _gateways(other, route, host)
            claimed.append(route)


def _apart(one: Object, other: Object) -> bool:
    """Whether two VirtualServices of a namespace are the same one, or are seen by different namespaces."""
    scopes = scope(one), scope(other)
    seen = "*" in scopes[0] | scopes[1] or scopes[0] & scopes[1]
    return identity(one) == identity(other) or not seen


def _mesh(one: Object, other: Object, index: int) -> Iterator[Finding]:
    """Sidecars use only one of two VirtualServices for a host: which one is not said."""
    if all(_at(route, "mesh") and _anywhere(route) for route in (one, other)):
        host = spec(other)["hosts"][index]
        message = f"{identity(one)} is for {host!r} in the mesh too, and sidecars do not merge the two"
        fix = "Put all routes for the host into one of them"
        yield finding(_RULE, other, f"spec.hosts[{index}]", message, fix, _MESH)


def _at(route: Object, gateway: str) -> bool:
    return gateway in (spec(route).get("gateways") or ["mesh"])


def _anywhere(route: Object) -> bool:
    """Whether some HTTP route is for all ports, gateways and clients: others may have been kept apart on purpose."""
    own = ("port", "gateways", "sourceLabels", "sourceNamespace")
    routes = spec(route).get("http") or []
    return any(not any(match.get(name) for name in own) for entry in routes for match in entry.get("match") or [{}])


def _gateways(one: Object, other: Object, host: str) -> Iterator[Finding]:
    """Gateways merge VirtualServices for a host, but of two routes for all other requests only one is used."""
    common = sorted("/".join(name) for name in _names(one) & _names(other))
    paths = [_catch_all(route) for route in (one, other)]
    if common and all(paths):
        where = f"{host!r} at the gateway {common[0]}"
        message = f"{identity(one)} ({paths[0]}) takes all requests for {where} too, so only one of the two gets any"
        yield finding(_RULE, other, paths[1], message, "Keep one route without conditions for the host", _MERGED)


def _names(route: Object) -> set[tuple[str, str]]:
    names = spec(route).get("gateways") or ["mesh"]
    return {reference(name, namespace(route)) for name in names if name != "mesh"}


def _catch_all(route: Object) -> str:
    entries = enumerate(spec(route).get("http") or [])
    return next((f"spec.http[{index}]" for index, entry in entries if catches_all(entry)), "")
