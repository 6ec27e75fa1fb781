# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The diff of a change: YAML of only the fields that differ. The values of Secrets are hidden."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import library
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import SERVER_FIELDS, identity

_ABSENT = object()


def visible(definition: dict[str, Any] | None) -> dict[str, Any]:
    """An object without the fields that only the API server writes."""
    if not definition:
        return {}
    meta = {key: value for key, value in definition.get("metadata", {}).items() if key not in SERVER_FIELDS}
    return {**{key: value for key, value in definition.items() if key != "status"}, "metadata": meta}


def managers(definition: dict[str, Any] | None) -> list[str]:
    """The field managers of an object with their operations, sorted."""
    entries = (definition or {}).get("metadata", {}).get("managedFields") or []
    return sorted(
        {f"{entry.get('manager')} ({entry.get('operation')})" for entry in entries if not entry.get("subresource")}
    )


def _name(item: Any) -> Any:
    return item.get("name") if isinstance(item, dict) else None


def delta(before: Any, after: Any) -> tuple[Any, Any]:
    """Both values reduced to what differs. Lists of named items are reduced to the items that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        left: dict[str, Any] = {}
        right: dict[str, Any] = {}
        for key in [*before, *(key for key in after if key not in before)]:
            old, new = before.get(key, _ABSENT), after.get(key, _ABSENT)
            if old == new:
                continue
            old, new = delta(old, new)
            if old is not _ABSENT:
                left[key] = old
            if new is not _ABSENT:
                right[key] = new
        return left, right
    if isinstance(before, list) and isinstance(after, list):
        olds, news = {_name(item): item for item in before}, {_name(item): item for item in after}
        # Items are compared by name if all names differ, otherwise by position.
        unique = len(olds) == len(before) and len(news) == len(after)
        if unique and None not in olds and None not in news and [*olds] != [*news]:
            gone = [old for name, old in olds.items() if old != news.get(name)]
            come = [new for name, new in news.items() if new != olds.get(name)]
            # If only the order differs, show the names.
            return (gone, come) if gone or come else ([*olds], [*news])
        if len(before) == len(after):
            pairs = [(old, new, delta(old, new)) for old, new in zip(before, after) if old != new]
            return [_named(old, parts[0]) for old, _new, parts in pairs], [
                _named(new, parts[1]) for _old, new, parts in pairs
            ]
    return before, after


def _named(item: Any, part: Any) -> Any:
    """The difference of an item, with its name."""
    return {"name": item["name"], **part} if isinstance(part, dict) and _name(item) is not None else part


def _mask(side: dict[str, Any], text: str) -> None:
    """Hide the values of a Secret, but not its keys."""
    for field in ("data", "stringData"):
        if isinstance(side.get(field), dict):
            side[field] = dict.fromkeys(side[field], text)
    annotations = side.get("metadata", {}).get("annotations") or {}
    # kubectl stores a copy of the whole object here.
    if "kubectl.kubernetes.io/last-applied-configuration" in annotations:
        annotations["kubectl.kubernetes.io/last-applied-configuration"] = text


def render(definition: dict[str, Any], before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, str]:
    """One entry of the diff in a module's result."""
    # A new object is shown as it was defined, without the defaults of the API server.
    left, right = delta(visible(before), visible(after if before or not after else definition))
    if definition["kind"] == "Secret":
        left, right = copy.deepcopy(left), copy.deepcopy(right)
        _mask(left, "(hidden, before)")
        _mask(right, "(hidden, after)")
    if before and after and not left and not right:
        left, right = {"fieldManagers": managers(before)}, {"fieldManagers": managers(after)}
    return {
        "before_header": identity(definition),
        "after_header": identity(definition),
        "before": _yaml(left),
        "after": _yaml(right),
    }


def _yaml(value: Any) -> str:
    if not value:
        return ""
    yaml = library("yaml", "PyYAML")

    def text(dumper: Any, data: str) -> Any:
        # Several lines are written as a block, so that the diff shows single lines.
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)

    dumper: Any = type(
        "Dumper", (getattr(yaml, "CSafeDumper", yaml.SafeDumper),), {"ignore_aliases": lambda self, data: True}
    )
    dumper.add_representer(str, text)
    return yaml.dump(value, Dumper=dumper, sort_keys=True, default_flow_style=False, width=1000)
