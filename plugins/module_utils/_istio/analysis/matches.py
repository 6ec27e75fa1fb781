# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP routes that no request reaches, because an earlier one takes all of theirs: the first match counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import Context, spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.finding import Finding, finding

_SOURCE = "reference/config/analysis/ist0130/"
# These say nothing about requests.
_NAMES = ("name", "statPrefix")
Match = dict[str, Any]


def unreachable(context: Context) -> Iterator[Finding]:
    for route in context.mine("VirtualService"):
        earlier: list[tuple[str, Match]] = []
        for index, entry in enumerate(spec(route).get("http") or []):
            path, matches = f"spec.http[{index}]", _matches(entry)
            for where, match in matches:
                twin = next((place for place, one in earlier if covers(one, match)), "")
                if twin:
                    message = f"no request reaches it, because {twin} takes all that match"
                    fix = "Move it before that route, or remove it"
                    yield finding("unreachable-match", route, path + where, message, fix, _SOURCE)
            # What is left of a route that delegates depends on the other VirtualService.
            if entry.get("delegate") is None:
                earlier += [(path + where, match) for where, match in matches]


def _matches(entry: dict[str, Any]) -> list[tuple[str, Match]]:
    given = entry.get("match") or []
    return [(f".match[{number}]", _plain(match)) for number, match in enumerate(given)] or [("", {})]


def _plain(match: Match) -> Match:
    """The conditions of a match, without the fields that are empty."""
    return {
        name: value for name, value in match.items() if name not in _NAMES and value not in (None, {}, [], "", False)
    }


def covers(one: Match, other: Match) -> bool:
    """Whether one match takes all requests that another one does. False if that is not certain."""
    if everything(one) or one == other:
        return True
    prefix = (one.get("uri") or {}).get("prefix")
    if not prefix or set(one) - {"uri", "ignoreUriCase"}:
        return False
    path = (other.get("uri") or {}).get("prefix") or (other.get("uri") or {}).get("exact") or ""
    if one.get("ignoreUriCase"):
        return bool(path.lower().startswith(prefix.lower()))
    return not other.get("ignoreUriCase") and path.startswith(prefix)


def everything(match: Match) -> bool:
    """Whether a match takes all requests."""
    conditions = set(match) - {"ignoreUriCase"}
    return not conditions or (conditions == {"uri"} and match["uri"].get("prefix") == "/")


def catches_all(entry: dict[str, Any]) -> bool:
    """Whether an HTTP route takes all requests that come to it."""
    return entry.get("delegate") is None and any(everything(match) for _where, match in _matches(entry))
