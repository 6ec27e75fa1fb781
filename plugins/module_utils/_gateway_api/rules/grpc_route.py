# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Gateway API refuses in a GRPCRoute. https://gateway-api.sigs.k8s.io/api-types/grpcroute/

Rules of the definition of the kind in the Gateway API 1.6. Its defaults count as if they were given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api import formats
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.rules import filters, references
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.schemas import grpc_route

_WORD = "[A-Za-z_][A-Za-z_0-9]*"
_NAMES = {
    "service": (re.compile(rf"\.?{_WORD}(\.{_WORD})*"), "a service of gRPC such as shop.v1.Orders"),
    "method": (re.compile(_WORD), "a method of gRPC: letters, digits and _"),
}


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    yield from formats.faults(spec, grpc_route.ROOT, grpc_route.DEFINITIONS, "spec")
    yield from references.parents(spec)
    rules = spec.get("rules") or []
    yield from references.number_of_matches(rules, 0)
    for index, rule in enumerate(rules):
        path = f"spec.rules[{index}]"
        for place, match in enumerate(rule.get("matches") or []):
            if match.get("method") is not None:
                yield from _method(match["method"], f"{path}.matches[{place}].method")
        yield from filters.faults(rule.get("filters") or [], f"{path}.filters")
        for place, backend in enumerate(rule.get("backendRefs") or []):
            yield from references.service_port(backend, f"{path}.backendRefs[{place}]")
            yield from filters.faults(backend.get("filters") or [], f"{path}.backendRefs[{place}].filters")


def _method(method: dict[str, Any], path: str) -> Iterator[Fault]:
    if method.get("service") is None and method.get("method") is None:
        yield Fault(path, "is empty: give service, method or both")
    for field, (expression, words) in _NAMES.items() if method.get("type") in (None, "Exact") else ():
        value = method.get(field)
        if value is not None and not expression.fullmatch(value):
            yield Fault(f"{path}.{field}", f"{value!r} is not {words}")
