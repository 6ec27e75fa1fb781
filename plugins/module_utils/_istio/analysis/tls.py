# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TLS that is there twice, not at all, or where routes do not expect it."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import Context, Object, namespace, spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.finding import Finding, finding
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.gateways import found, servers
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.hosts import (
    destinations,
    forms,
    meshed,
    rules_for,
    same,
)

_RULE = "tls-mode"
_PROBLEMS = "ops/common-problems/network-issues"
_ORIGINATION = "tasks/traffic-management/egress/egress-tls-origination/"
_ORIGINATES = ("SIMPLE", "MUTUAL")
_ENCRYPTED = ("HTTPS", "TLS")


def mismatch(context: Context) -> Iterator[Finding]:
    """Routes of a kind that the servers of their gateways cannot have."""
    for route in context.mine("VirtualService"):
        gateways, content = found(context, route) or [], spec(route)
        hosts = content.get("hosts") or []
        kinds = {_kind(server) for host in hosts for server in servers(gateways, host, namespace(route))}
        given = {kind for kind in ("http", "tls", "tcp") if content.get(kind)}
        if given == {"http"} and kinds == {"tls"}:
            message = "the gateway passes TLS through and does not see HTTP, so these routes have no effect"
            fix = "Use tls routes with sniHosts, or let the gateway end TLS (mode SIMPLE)"
            yield finding(_RULE, route, "spec.http", message, fix, f"{_PROBLEMS}/#gateway-with-tls-passthrough")
        if given == {"tls"} and kinds == {"http"}:
            message = "the gateway ends TLS or has none, so these routes for TLS have no effect and requests get 404"
            fix = "Use http routes, or let the gateway pass TLS through (mode PASSTHROUGH)"
            yield finding(_RULE, route, "spec.tls", message, fix, f"{_PROBLEMS}/#gateway-mismatch")


def _kind(server: dict[str, Any]) -> str:
    """The kind of routes that a server has: http, tls, or another one."""
    protocol, tls = str(server["port"].get("protocol")).upper(), server.get("tls") or {}
    through = (tls.get("mode") or "PASSTHROUGH") in ("PASSTHROUGH", "AUTO_PASSTHROUGH")
    if protocol in _ENCRYPTED and through:
        return "tls"
    return "http" if protocol in ("HTTP", "HTTP2", "GRPC", "HTTPS") else "other"


def double(context: Context) -> Iterator[Finding]:
    """Rules that encrypt what the client has encrypted already.

    With routes to the port, a gateway may have decrypted it before.
    """
    if not context.complete("VirtualService") and not context.alone:
        return
    for rule in context.mine("DestinationRule"):
        for port in _ports(context, forms(spec(rule).get("host") or "", namespace(rule))):
            path, mode = _mode(spec(rule).get("trafficPolicy") or {}, port["number"])
            if _encrypted(port) and mode in _ORIGINATES and not _routed(context, rule, port["number"]):
                message = f"{mode} encrypts again what clients send to port {port['number']} ({port['protocol']})"
                fix = (
                    f"Remove tls for this port, or set the protocol HTTP if clients send plain HTTP to {port['number']}"
                )
                yield finding(_RULE, rule, path, message, fix, f"{_PROBLEMS}/#double-tls")


def _ports(context: Context, hosts: Set[str]) -> list[dict[str, Any]]:
    """The ports of the ServiceEntries outside of the mesh for a host, which can have a wildcard."""
    return [
        port
        for entry in context.all("ServiceEntry")
        if spec(entry).get("location") != "MESH_INTERNAL"
        and any(same({host}, hosts) for host in spec(entry).get("hosts") or [])
        for port in spec(entry).get("ports") or []
    ]


def _encrypted(port: dict[str, Any]) -> bool:
    return str(port.get("protocol")).upper() in _ENCRYPTED


def _mode(policy: dict[str, Any], port: int) -> tuple[str, str]:
    """The TLS mode for a port, and its path. The settings of a port replace those for all."""
    for index, entry in enumerate(policy.get("portLevelSettings") or []):
        if (entry.get("port") or {}).get("number") == port:
            path = f"spec.trafficPolicy.portLevelSettings[{index}].tls.mode"
            return path, (entry.get("tls") or {}).get("mode") or ""
    return "spec.trafficPolicy.tls.mode", (policy.get("tls") or {}).get("mode") or ""


def _routed(context: Context, rule: Object, port: int) -> bool:
    """Whether routes lead to a port of the host of a rule."""
    hosts = forms(spec(rule).get("host") or "", namespace(rule))
    return any(
        same(forms(target["host"], namespace(route)), hosts)
        and (target.get("port") or {}).get("number") in (None, port)
        for route in context.all("VirtualService")
        for _path, target in destinations(route, ("http", "tcp"))
    )


def plain(context: Context) -> Iterator[Finding]:
    """HTTP routes to a port for HTTPS, where no rule encrypts."""
    for route in context.mine("VirtualService"):
        for path, target in destinations(route, ("http",)):
            number, host = (target.get("port") or {}).get("number"), forms(target["host"], namespace(route))
            ports = _ports(context, host)
            chosen = [port for port in ports if port.get("number") == number]
            # Sidecars have no HTTP routes for a host without a port for HTTP.
            if not chosen or not all(map(_encrypted, chosen)) or (meshed(route) and all(map(_encrypted, ports))):
                continue
            rules = rules_for(context, target["host"], route)
            if (rules or context.complete("DestinationRule")) and not any(map(_encrypts, rules)):
                message = f"requests go to port {number} ({chosen[0]['protocol']}) of {target['host']} as plain HTTP"
                fix = f"Write a DestinationRule with trafficPolicy.tls.mode SIMPLE for port {number}"
                yield finding(_RULE, route, f"{path}.port", message, fix, _ORIGINATION)


def _encrypts(rule: Object) -> bool:
    """Whether a rule has TLS, for whatever port or subset."""
    policies = [spec(rule).get("trafficPolicy"), *(one.get("trafficPolicy") for one in spec(rule).get("subsets") or [])]
    parts = [part for policy in policies if policy for part in (policy, *(policy.get("portLevelSettings") or []))]
    return any((part.get("tls") or {}).get("mode") not in (None, "DISABLE") for part in parts)
