# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Gates: what they ask Prometheus, and whether a value passes.

The metrics: https://istio.io/latest/docs/reference/config/metrics/
"""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from ansible_collections.bare.mesh.plugins.module_utils._istio.shift.prometheus import Source

Gate = dict[str, Any]
# A label of the subset's pods, and the label of the metrics that has its value.
LABELS = {
    "version": "destination_version",
    "service.istio.io/canonical-revision": "destination_canonical_revision",
}


class Target(NamedTuple):
    """Whose requests the gates of Istio's metrics measure."""

    reporter: str
    service: str
    label: str
    version: str

    def selector(self, more: str = "") -> str:
        pairs = {"reporter": self.reporter, "destination_service": self.service, self.label: self.version}
        return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in pairs.items()) + more + "}"


def standard(gate: Gate) -> bool:
    """Whether a gate is computed from Istio's metrics."""
    return gate.get("query") is None


def title(gate: Gate) -> str:
    """A gate in messages and results."""
    if gate.get("name"):
        return str(gate["name"])
    if gate.get("latency"):
        return f"latency p{gate['latency']['percentile']:g}"
    return "success_rate" if gate.get("success_rate") else str(gate["query"])


def limits(gate: Gate) -> tuple[float | None, float | None]:
    """The least and the greatest value that passes."""
    if gate.get("success_rate"):
        return gate["success_rate"]["minimum"], None
    if gate.get("latency"):
        return None, gate["latency"]["maximum_ms"]
    return gate.get("minimum"), gate.get("maximum")


def faults(gates: list[Gate]) -> list[str]:
    """What is wrong with gates that have the right options."""
    found = [] if gates else ["gates is empty: give at least one, such as success_rate: {minimum: 99}"]
    for number, gate in enumerate(gates):
        where = f"gates[{number}]"
        least, greatest = limits(gate)
        if not all(one is None or math.isfinite(one) for one in (least, greatest)):
            # Every value would pass, because none is less or greater than what is no number.
            found.append(f"{where} has a limit that is no finite number: correct it")
        if gate.get("query") is not None and not gate["query"].strip():
            found.append(f"{where}.query is empty: give an expression of PromQL")
        if gate.get("query") is not None and least is None and greatest is None:
            found.append(f"{where} has a query and no limit: give minimum, maximum or both")
        if standard(gate) and (gate.get("minimum") is not None or gate.get("maximum") is not None):
            found.append(f"{where}: minimum and maximum are limits of a query: set those inside of {title(gate)}")
        if least is not None and greatest is not None and least > greatest:
            found.append(f"{where}: no value is at least {least:g} and at most {greatest:g}: correct them")
        rate = (gate.get("success_rate") or {"minimum": 0})["minimum"]
        if 0 < rate < 1:
            # Meant as a share, it would let nearly every version pass.
            fix = f"it is a percentage, so give {100 * rate:g} for that share, or 1 to 100"
            found.append(f"{where}.success_rate.minimum is {rate:g}: {fix}")
        elif not 0 <= rate <= 100:
            found.append(f"{where}.success_rate.minimum is {rate:g}: give 0 to 100 percent")
        if gate.get("latency") and not 0 < gate["latency"]["percentile"] < 100:
            found.append(f"{where}.latency.percentile is {gate['latency']['percentile']:g}: give one between 0 and 100")
        if gate.get("latency") and gate["latency"]["maximum_ms"] <= 0:
            found.append(f"{where}.latency.maximum_ms is {gate['latency']['maximum_ms']:g}: give one above 0")
    return found


def expression(gate: Gate, target: Target | None, seconds: int) -> str:
    """The query of a gate, over the last seconds."""
    if target is None or not standard(gate):
        return str(gate["query"])
    window = f"[{seconds}s]"
    if gate.get("latency"):
        buckets = f"istio_request_duration_milliseconds_bucket{target.selector()}{window}"
        return f"histogram_quantile({gate['latency']['percentile'] / 100:.10g}, sum by (le) (rate({buckets})))"
    good = f"sum(rate(istio_requests_total{target.selector(',response_code!~' + json.dumps('5..'))}{window}))"
    # Where no request has succeeded, there is no such series at all.
    return f"100 * ({good} or vector(0)) / sum(rate(istio_requests_total{target.selector()}{window}))"


def requests(target: Target, seconds: int) -> str:
    """The query of the number of requests."""
    return f"sum(increase(istio_requests_total{target.selector()}[{seconds}s]))"


class Judge(NamedTuple):
    """Who measures all gates of a step."""

    source: Source
    gates: list[Gate]
    target: Target | None
    minimum_requests: int
    no_data: str

    def measure(self, seconds: int) -> list[dict[str, Any]]:
        """Each gate with its value, and whether it passes. ok is None for those without enough data."""
        count = None
        if self.target and any(standard(gate) for gate in self.gates):
            count = round(self.source.value(requests(self.target, seconds)) or 0)
        found = []
        for gate in self.gates:
            value = self.source.value(expression(gate, self.target, seconds))
            counted = count if standard(gate) else None
            found.append(self.judged(gate, value, counted))
        return found

    def judged(self, gate: Gate, value: float | None, count: int | None) -> dict[str, Any]:
        least, greatest = limits(gate)
        result = {
            "gate": title(gate),
            "value": value,
            "requests": count,
            "minimum": least,
            "maximum": greatest,
        }
        few = count is not None and count < self.minimum_requests
        if few or value is None:
            return {**result, "ok": True if self.no_data == "pass" else None, "message": self.unknown(count, few)}
        wrong = ""
        if least is not None and value < least:
            wrong = f"measured {value:g}, at least {least:g} is needed"
        elif greatest is not None and value > greatest:
            wrong = f"measured {value:g}, at most {greatest:g} is allowed"
        return {**result, "ok": not wrong, "message": wrong or f"measured {value:g}"}

    def unknown(self, count: int | None, few: bool) -> str:
        if few:
            return f"{count} requests were measured, at least {self.minimum_requests} are needed (minimum_requests)"
        return "there is no value"
