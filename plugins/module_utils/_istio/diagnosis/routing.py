# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where VirtualServices send requests: to hosts and subsets that exist, and have pods."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis import live
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.analyse import analyse
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import Context, namespace, spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.hosts import (
    destinations,
    forms,
    fqdn,
    rules_for,
    same,
    scope,
)
from ansible_collections.bare.mesh.plugins.module_utils._istio.diagnosis.service import HTTP, protocol
from ansible_collections.bare.mesh.plugins.module_utils._istio.diagnosis.subject import (
    Finding,
    Object,
    Subject,
    is_gateway,
    named,
    selected,
    words,
)
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import identity

# The rules of the analysis whose violation makes requests fail.
RULES = ("unknown-subset", "unknown-host", "tls-mode")


def check(subject: Subject) -> Iterator[Finding]:
    routes = [one for one in subject.objects("networking", "VirtualService") if _concerns(subject, one)]
    if not routes:
        yield Finding("routes", True, f"no VirtualService has routes for {subject.host}")
        return
    known, listed = live.read(subject.kinds, routes)
    faults = [one for one in analyse(routes, known, listed) if one.rule in RULES]
    for fault in faults:
        yield Finding("routes", False, fault.line())
    broken = {(fault.object, fault.path.rpartition(".")[0]) for fault in faults}
    context = Context(routes, known, listed)
    said: set[str] = set()
    for route in routes:
        for path, target in destinations(route):
            if (identity(route), path) in broken:
                _explain(subject, route, target)
            else:
                said |= _empty(subject, context, route, target)
    for message in sorted(said):
        yield Finding("subsets", False, message)
    ignored = _ignored(subject, routes)
    if ignored:
        yield Finding("routes", False, ignored)
    if not faults and not ignored:
        names = ", ".join(identity(route) for route in routes)
        yield Finding("routes", True, f"{names}: all hosts and subsets exist")
    if not said and subject.servers:
        yield Finding("subsets", True, f"all subsets of {subject.host} in routes select ready pods")


def _concerns(subject: Subject, route: Object) -> bool:
    """Whether the client's proxy uses a VirtualService for the destination."""
    gateways = spec(route).get("gateways") or ["mesh"]
    where = namespace(route)
    if is_gateway(subject.client):
        # Its hosts are those of the outside.
        ours = any(same(forms(target["host"], where), subject.names) for _path, target in destinations(route))
        return ours and set(gateways) != {"mesh"}
    visible = bool(scope(route) & {"*", namespace(subject.client)})
    return (
        "mesh" in gateways
        and visible
        and any(same(subject.names, forms(host, where)) for host in spec(route).get("hosts") or [])
    )


def _explain(subject: Subject, route: Object, target: dict[str, str]) -> None:
    where = namespace(route)
    for host in forms(target["host"], where) | {fqdn(target["host"], where)}:
        subject.explained.add((host, target.get("subset") or ""))


def _empty(subject: Subject, context: Context, route: Object, target: dict[str, str]) -> set[str]:
    """That the subset of a target selects no pod that serves."""
    name = target.get("subset")
    if not name or not subject.servers or not same(forms(target["host"], namespace(route)), subject.names):
        return set()
    for rule in rules_for(context, target["host"], route):
        subset = next((one for one in spec(rule).get("subsets") or [] if one.get("name") == name), None)
        wanted = (subset or {}).get("labels") or {}
        if subset is not None and not selected(subject.servers, wanted):
            _explain(subject, route, target)
            return {
                f"{identity(rule)}: no ready pod of {subject.host} has the labels of the subset {name!r}"
                f" ({words(wanted)}), to which {identity(route)} sends requests. Correct the labels, start such pods,"
                " or take the subset out of the routes"
            }
    return set()


def _ignored(subject: Subject, routes: list[Object]) -> str:
    """That proxies do not read requests, so routes for HTTP do not apply."""
    if subject.service is None or is_gateway(subject.client):
        return ""
    ports = [one for one in spec(subject.service).get("ports") or [] if one.get("port") == subject.port]
    declared = protocol(ports[0]) if ports else ""
    names = [identity(route) for route in routes if spec(route).get("http")]
    if not names or not declared or declared in HTTP:
        return ""
    return (
        f"{', '.join(names)} has routes for HTTP, and port {subject.port} of Service {named(subject.service)} declares"
        f" {declared}, so they are ignored. Correct the port's name or appProtocol, or use tcp or tls routes"
    )
