# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of hosts as Istio reads them, and who may see an object."""

from __future__ import annotations

from collections.abc import Set
from functools import cache
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import Context, Object, namespace, spec


def fqdn(host: str, where: str) -> str:
    """The full name of a host. A name without dots is a service in the namespace of the object that has it."""
    return host if "." in host or host.startswith("*") else f"{host}.{where}.svc.cluster.local"


def service(host: str, where: str) -> tuple[str, str] | None:
    """Name and namespace of the Kubernetes service that a host may mean; None if it cannot be one."""
    if host.startswith("*"):
        return None
    parts = host.split(".")
    if len(parts) == 1:
        return host, where
    return (parts[0], parts[1]) if len(parts) == 2 or parts[2] == "svc" else None


@cache
def forms(host: str, where: str) -> frozenset[str]:
    """All full names that a host may mean: Istio knows fewer, but a name that is nearly right is not worth a word."""
    found = service(host, where)
    return frozenset([fqdn(host, where), *([f"{found[0]}.{found[1]}.svc.cluster.local"] if found else [])])


def same(one: Set[str], pattern: Set[str]) -> bool:
    """Whether a host, by its forms, is among those of another, which can have a wildcard."""
    if not one.isdisjoint(pattern):
        return True
    wild = [other for other in pattern if other.startswith("*")]
    return any(validators.within(host, other) for host in one for other in wild) if wild else False


def rules_for(context: Context, host: str, route: Object) -> list[Object]:
    """The DestinationRules for a destination of a VirtualService, in the batch and outside."""
    wanted = forms(host, namespace(route))
    return [
        rule
        for rule in context.all("DestinationRule")
        if same(wanted, forms(spec(rule).get("host") or "", namespace(rule))) and _sees(route, rule)
    ]


def scope(one: Object) -> set[str]:
    """The namespaces that see an object; * for all."""
    return {namespace(one) if value == "." else value for value in spec(one).get("exportTo") or ["*"]}


def _sees(route: Object, rule: Object) -> bool:
    """Whether clients may use a rule together with a route. Where the proxies of a gateway run is not known."""
    return not meshed(route) or bool(scope(rule) & {"*", namespace(route)}) or namespace(rule) == namespace(route)


def meshed(route: Object) -> bool:
    """Whether only sidecars use a VirtualService, and no gateway."""
    return set(spec(route).get("gateways") or ["mesh"]) == {"mesh"}


def destinations(route: Object, kinds: tuple[str, ...] = ("http", "tls", "tcp")) -> list[tuple[str, dict[str, Any]]]:
    """The destinations of a VirtualService, each with its path."""
    found: list[tuple[str, Any]] = []
    for kind in kinds:
        for index, entry in enumerate(spec(route).get(kind) or []):
            path = f"spec.{kind}[{index}]"
            for field in ("route", "mirrors"):
                for number, one in enumerate(entry.get(field) or []):
                    found.append((f"{path}.{field}[{number}].destination", one.get("destination")))
            found.append((f"{path}.mirror", entry.get("mirror")))
    return [(path, target) for path, target in found if target and target.get("host")]
