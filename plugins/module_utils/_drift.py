# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an object already is as wanted, judged by the fields that our field manager owns.

An object is in order when each field of the definition has its value, when our manager owns exactly these
fields, and none besides. What other managers own and the definition does not name is no difference.
The form of managedFields: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management

A wrong "differs" costs one write that the server finds to change nothing (quantities such as 1000m and 1).
"""

from __future__ import annotations

import json
from typing import Any

_EMPTY: tuple[Any, ...] = (None, False, 0, "", {}, [])


def owned_fields(live: dict[str, Any], manager: str) -> dict[str, Any] | None:
    """The field set of the manager's last server-side apply; None where it has made none."""
    for entry in live.get("metadata", {}).get("managedFields") or []:
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return entry.get("fieldsV1") or {}
    return None


def in_order(desired: dict[str, Any], live: dict[str, Any], manager: str, adopt: bool = True) -> bool:
    """Without adopt a right value is enough, whoever owns it."""
    owned = owned_fields(live, manager)
    if owned is None:
        if adopt:
            return False
        owned = {}
    meta = {key: value for key, value in desired["metadata"].items() if key not in ("name", "namespace")}
    # These four identify an object, so nobody owns them.
    wanted = {key: value for key, value in desired.items() if key not in ("apiVersion", "kind", "metadata")}
    if meta:
        wanted["metadata"] = meta
    # A status is its controller's, even where somebody has once applied one.
    return _same(wanted, live, {name: fields for name, fields in owned.items() if name != "f:status"}, adopt)


def _same(desired: Any, live: Any, owned: dict[str, Any], adopt: bool) -> bool:
    """The value equals, and the manager owns it as it stands in the definition."""
    if isinstance(desired, dict) and any(name.startswith("f:") for name in owned):
        return _same_map(desired, live, owned, adopt)
    if isinstance(desired, list) and any(name.startswith("k:") for name in owned):
        return _same_keyed(desired, live, owned, adopt)
    if isinstance(desired, list) and any(name.startswith("v:") for name in owned):
        values = [json.loads(name[2:]) for name in owned if name.startswith("v:")]
        return isinstance(live, list) and _as_set(values) == _as_set(desired) and all(value in live for value in desired)
    if any(name != "." for name in owned):
        # The definition has become empty where it had content.
        return False
    return covers(desired, live)


def _same_map(desired: dict[str, Any], live: Any, owned: dict[str, Any], adopt: bool) -> bool:
    if not isinstance(live, dict):
        return False
    names = {name[2:] for name in owned if name.startswith("f:")}
    for name, value in desired.items():
        if name not in names:
            # A null, or an empty map that the server has dropped, is owned by nobody.
            if value is None or (value in ({}, []) and not live.get(name)):
                continue
            if adopt or not covers(value, live.get(name)):
                return False
        elif not _same(value, live.get(name), owned[f"f:{name}"], adopt):
            return False
    return names <= desired.keys()


def _same_keyed(desired: list[Any], live: Any, owned: dict[str, Any], adopt: bool) -> bool:
    """A list whose items are told apart by key fields, such as containers by name."""
    if not isinstance(live, list):
        return False
    left = {name: json.loads(name[2:]) for name in owned if name.startswith("k:")}
    position = -1
    for item in desired:
        if not isinstance(item, dict):
            return False
        # A key field that the definition leaves out has got its default, such as protocol: TCP.
        name = next((name for name, keys in left.items() if all(item.get(field, value) == value for field, value in keys.items())), None)
        if name is None:
            return False
        keys = left.pop(name)
        index = next((number for number, other in enumerate(live) if _has(other, keys)), -1)
        # The order is part of the value, and of environment variables even the meaning.
        defaulted = {field: value for field, value in keys.items() if f"f:{field}" in owned[name]}
        if index <= position or not _same({**defaulted, **item}, live[index], owned[name], adopt):
            return False
        position = index
    return not left


def _has(item: Any, keys: dict[str, Any]) -> bool:
    return isinstance(item, dict) and all(item.get(field) == value for field, value in keys.items())


def _as_set(values: list[Any]) -> set[str]:
    return {json.dumps(value, sort_keys=True) for value in values}


def covers(desired: Any, live: Any) -> bool:
    """The value equals, apart from defaults that the server has added inside and empty values it has left out."""
    if isinstance(desired, dict) and isinstance(live, dict):
        return all(covers(value, live.get(name)) for name, value in desired.items())
    if isinstance(desired, list) and isinstance(live, list):
        return len(desired) == len(live) and all(map(covers, desired, live))
    if live is None:
        return desired in _EMPTY
    return bool(desired == live and (type(desired) is type(live) or (_number(desired) and _number(live))))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
