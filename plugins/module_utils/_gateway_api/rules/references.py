# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Gateway API refuses in references to parents and to services, of all kinds of routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.conditions import GROUP

MOST_MATCHES = 128


def parents(spec: dict[str, Any]) -> Iterator[Fault]:
    """Check that each parent, or each of its sections, is named once."""
    sections: dict[tuple[str | None, ...], list[str]] = {}
    for index, parent in enumerate(spec.get("parentRefs") or []):
        group = GROUP if parent.get("group") is None else parent["group"]
        key = (group, parent.get("kind") or "Gateway", parent.get("namespace") or "", parent.get("name"))
        section, others = parent.get("sectionName") or "", sections.setdefault(key, [])
        path = f"spec.parentRefs[{index}]"
        if section in others:
            what = f"section {section!r} of it" if section else "it"
            yield Fault(path, f"{key[1]} {parent['name']!r}: {what} is named twice")
        elif others and "" in (section, *others):
            message = f"is required in all references to {key[1]} {parent['name']!r}, because there are several"
            yield Fault(f"{path}.sectionName", message)
        others.append(section)


def service_port(reference: dict[str, Any], path: str) -> Iterator[Fault]:
    """A Service, which a reference means by default, is named with its port."""
    to_service = not reference.get("group") and (reference.get("kind") or "Service") == "Service"
    if to_service and reference.get("port") is None:
        yield Fault(f"{path}.port", f"is required for the Service {reference.get('name')!r}")


def number_of_matches(rules: list[dict[str, Any]], default: int) -> Iterator[Fault]:
    """default: the number of matches of a rule that names none."""
    total = sum(default if rule.get("matches") is None else len(rule["matches"]) for rule in rules)
    if total > MOST_MATCHES:
        yield Fault("spec.rules", f"have {total} matches together, allowed are {MOST_MATCHES}: use several routes")
