# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a Telemetry.

https://istio.io/latest/docs/reference/config/telemetry/

Rules of ValidateTelemetry in Istio 1.31 (pkg/config/validation) and of the definition of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import cel, validators


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    yield from validators.workload_selector(spec.get("selector"), "spec.selector")
    yield from validators.targets(spec)
    for index, tracing in enumerate(spec.get("tracing") or []):
        if "" in (tracing.get("customTags") or {}):
            yield Fault(f"spec.tracing[{index}].customTags['']", "a tag needs a name")
    for index, metrics in enumerate(spec.get("metrics") or []):
        for place, override in enumerate(metrics.get("overrides") or []):
            yield from _override(override, f"spec.metrics[{index}].overrides[{place}]")
    for index, logging in enumerate(spec.get("accessLogging") or []):
        # Also an empty filter is one, and an empty text is no expression.
        if logging.get("filter") is not None and (wrong := cel.refused(logging["filter"].get("expression") or "")):
            yield Fault(f"spec.accessLogging[{index}].filter.expression", wrong)


def _override(override: dict[str, Any], path: str) -> Iterator[Fault]:
    for name, tag in (override.get("tagOverrides") or {}).items():
        where = f"{path}.tagOverrides[{name!r}]"
        if tag is None:
            yield Fault(where, "must not be null: give it a value, or the operation REMOVE")
        elif tag.get("operation") == "REMOVE" and tag.get("value") is not None:
            yield Fault(f"{where}.value", "cannot be given with the operation REMOVE")
        elif tag.get("operation") != "REMOVE" and not tag.get("value"):
            yield Fault(f"{where}.value", "is required, such as request.host, except with the operation REMOVE")
