# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Weights that do not mean what they seem to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import Context, spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.finding import Finding, finding

_SOURCE = "reference/config/networking/virtual-service/#HTTPRouteDestination"


def odd(context: Context) -> Iterator[Finding]:
    for route in context.mine("VirtualService"):
        for kind in ("http", "tls", "tcp"):
            for index, entry in enumerate(spec(route).get(kind) or []):
                message, fix = _judge(entry.get("route") or [])
                if message:
                    yield finding("weights", route, f"spec.{kind}[{index}].route", message, fix, _SOURCE)


def _judge(targets: list[dict[str, Any]]) -> tuple[str, str]:
    given = [target.get("weight") for target in targets]
    total = sum(weight or 0 for weight in given)
    if len(targets) == 1 and given[0] == 0:
        return "the only destination has the weight 0 and gets all requests", "Remove the weight, or the route"
    if len(targets) > 1 and total not in (0, 100):
        shares = ", ".join(f"{(weight or 0) * 100 / total:.3g} %" for weight in given)
        message = f"the weights are {total} together, not 100, and count as shares of that: {shares}"
        return message, "Write percentages that are 100 together"
    return "", ""
