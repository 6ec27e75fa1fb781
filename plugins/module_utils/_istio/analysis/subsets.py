# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Routes to subsets that are not there, or will not be. A proxy answers 503 for them."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import Context, Object, namespace, spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.finding import Finding, finding
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.hosts import (
    destinations,
    forms,
    rules_for,
    same,
)
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import identity, key

_MISSING = "reference/config/analysis/ist0101/"
_ORDER = "ops/best-practices/traffic-management/#avoid-503-errors-while-reconfiguring-service-routes"


def unknown(context: Context) -> Iterator[Finding]:
    """The subsets of routes in the batch that no DestinationRule has."""
    for route in context.mine("VirtualService"):
        for path, target in destinations(route):
            host, subset = target["host"], target.get("subset")
            rules = rules_for(context, host, route)
            if not subset or _has(rules, subset) or not (rules or context.complete("DestinationRule")):
                continue
            owners = ", ".join(identity(rule) for rule in rules)
            message = f"no DestinationRule for {host} has the subset {subset!r}, so these requests get 503"
            fix = (
                f"Add the subset to {owners}, or correct the name" if owners else "Write a DestinationRule that has it"
            )
            yield finding("unknown-subset", route, f"{path}.subset", message, fix, _MISSING)


def shrinking(context: Context) -> Iterator[Finding]:
    """The subsets that a rule of the batch takes away from routes outside of the batch."""
    for rule in context.mine("DestinationRule"):
        live = context.live.get(key(rule))
        lost = _names(live) - _names(rule) if live else set()
        for route in context.rest("VirtualService") if live and lost else ():
            yield from _users(context, live, rule, route, lost)


def _users(context: Context, live: Object, rule: Object, route: Object, lost: set[str]) -> Iterator[Finding]:
    said = set()
    hosts = forms(spec(live).get("host") or "", namespace(live))
    for path, target in destinations(route):
        subset = target.get("subset")
        if subset not in lost or subset in said or not same(forms(target["host"], namespace(route)), hosts):
            continue
        if not _has(rules_for(context, target["host"], route), subset):
            said.add(subset)
            message = f"loses the subset {subset!r}, which {identity(route)} uses ({path}), so its requests get 503"
            fix = f"Change {identity(route)} first, or in the same task"
            yield finding("shrinking-subset", rule, "spec.subsets", message, fix, _ORDER)


def _names(rule: Object) -> set[str]:
    return {subset.get("name") or "" for subset in spec(rule).get("subsets") or []}


def _has(rules: list[Object], subset: str) -> bool:
    return any(subset in _names(rule) for rule in rules)
