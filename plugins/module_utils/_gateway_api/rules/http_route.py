# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Gateway API refuses in an HTTPRoute. https://gateway-api.sigs.k8s.io/api-types/httproute/

Rules of the definition of the kind in the Gateway API 1.6. Its defaults count as if they were given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault, nanoseconds
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api import formats
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.rules import filters, references
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.schemas import http_route

_PREFIX = "PathPrefix"
_NOT_INSIDE = ("//", "/./", "/../", "%2f", "%2F", "#")
_NOT_AT_THE_END = ("/..", "/.")
_PATH = re.compile(r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+")


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    yield from formats.faults(spec, http_route.ROOT, http_route.DEFINITIONS, "spec")
    yield from references.parents(spec)
    rules = spec.get("rules") or []
    yield from references.number_of_matches(rules, 1)
    for index, rule in enumerate(rules):
        yield from _rule(rule, f"spec.rules[{index}]")


def _rule(rule: dict[str, Any], path: str) -> Iterator[Fault]:
    for index, match in enumerate(rule.get("matches") or []):
        yield from _match_path(match.get("path") or {}, f"{path}.matches[{index}].path")
    own, backends = rule.get("filters") or [], rule.get("backendRefs") or []
    yield from filters.faults(own, f"{path}.filters")
    for index, one in enumerate(own):
        if backends and one.get("requestRedirect") is not None:
            message = "a redirect is not sent to a backend: remove it, or backendRefs"
            yield Fault(f"{path}.filters[{index}].requestRedirect", message)
    for index, backend in enumerate(backends):
        yield from references.service_port(backend, f"{path}.backendRefs[{index}]")
        yield from filters.faults(backend.get("filters") or [], f"{path}.backendRefs[{index}].filters")
    yield from _prefixes(rule, own, backends, f"{path}.matches")
    yield from _timeouts(rule.get("timeouts") or {}, f"{path}.timeouts")


def _match_path(match: dict[str, Any], path: str) -> Iterator[Fault]:
    kind, value = match.get("type") or _PREFIX, match.get("value")
    if kind not in ("Exact", _PREFIX) or value is None:
        return
    path, wrong = f"{path}.value", [part for part in _NOT_INSIDE if part in value]
    wrong += [part for part in _NOT_AT_THE_END if value.endswith(part)]
    if not value.startswith("/"):
        yield Fault(path, f"{value!r} must begin with /")
    elif wrong:
        yield Fault(path, f"{value!r} must not have {wrong[0]} in it: write the path as a request has it")
    elif not _PATH.fullmatch(value):
        yield Fault(path, f"{value!r} has characters that a path does not have: write them as % and two hex digits")


def _prefixes(
    rule: dict[str, Any], own: list[dict[str, Any]], backends: list[dict[str, Any]], path: str
) -> Iterator[Fault]:
    """A filter that replaces the prefix of a match needs one match, and that by a prefix."""
    matches = [{}] if rule.get("matches") is None else rule["matches"]
    if len(matches) == 1 and ((matches[0].get("path") or {}).get("type") or _PREFIX) == _PREFIX:
        return
    for field in ("requestRedirect", "urlRewrite"):
        # The definition asks for exactly one filter of the rule, and for exactly one backend, that does it.
        inside = [
            sum(filters.replaces_prefix(one, field) for one in backend.get("filters") or []) == 1
            for backend in backends
        ]
        if sum(filters.replaces_prefix(one, field) for one in own) == 1 or sum(inside) == 1:
            message = f"must be one match with a path of the type {_PREFIX}, because {field} replaces its prefix"
            yield Fault(path, message)


def _timeouts(timeouts: dict[str, Any], path: str) -> Iterator[Fault]:
    request, backend = (nanoseconds(timeouts.get(name) or "0") for name in ("request", "backendRequest"))
    # A text that is no duration is a fault of its format. No time for the request means no limit.
    if request and backend and backend > request:
        message = f"{timeouts['backendRequest']} is longer than request, {timeouts['request']}"
        yield Fault(f"{path}.backendRequest", message)
