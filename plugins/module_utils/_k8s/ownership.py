# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an object already is as its definition says, by the fields that our field manager owns.

An object is in order if each field of the definition has the defined value and our manager owns exactly these fields.
A field that another manager owns and that the definition does not name is not a difference.
The form of managedFields: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management

A field that managedFields does not divide further is a leaf: a scalar, or a list or map that the API server replaces as
a whole. A leaf must be equal in every detail, because only the API server knows whether a detail matters.

If "differs" is wrong, it costs one write, or in check mode one dry run, that changes nothing. If "in order" is wrong,
the cluster does not get the defined state. So in doubt the answer is "differs".
"""

from __future__ import annotations

import json
from typing import Any

# Defaults that the API server adds to leaves of built-in kinds: the path of the field without list positions, and the
# value. The definition may omit such a field, because applying it gives the same object.
# https://github.com/kubernetes/kubernetes/blob/master/pkg/apis (each group's defaults.go)
_DEFAULTS: dict[tuple[str, ...], Any] = {
    ("fieldRef", "apiVersion"): "v1",
    ("resourceFieldRef", "divisor"): "0",
    ("ingress", "ports", "protocol"): "TCP",
    ("egress", "ports", "protocol"): "TCP",
    ("rules", "scope"): "*",
    ("roleRef", "apiGroup"): "rbac.authorization.k8s.io",
    ("subjects", "apiGroup"): "rbac.authorization.k8s.io",
    ("serviceAccountToken", "expirationSeconds"): 3600,
    ("volumeClaimTemplates", "apiVersion"): "v1",
    ("volumeClaimTemplates", "kind"): "PersistentVolumeClaim",
    ("volumeClaimTemplates", "spec", "volumeMode"): "Filesystem",
    ("volumeClaimTemplates", "status"): {"phase": "Pending"},
}
# Defaults of key fields that the definition of an item may omit.
_KEY_DEFAULTS = {"protocol": "TCP"}
_EMPTY: tuple[Any, ...] = (None, False, 0, "", {}, [])
_LONGEST = max(map(len, _DEFAULTS))
Path = tuple[str, ...]


def owned_fields(live: dict[str, Any], manager: str) -> dict[str, Any] | None:
    """The fields that the manager owns by server-side apply, in the form of fieldsV1.

    None if it has applied nothing.
    """
    for entry in live.get("metadata", {}).get("managedFields") or []:
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return entry.get("fieldsV1") or {}
    return None


def in_order(desired: dict[str, Any], live: dict[str, Any], manager: str, adopt: bool = True) -> bool:
    """Whether the live object is as desired. Without adopt, a field with the right value may have another owner."""
    owned = owned_fields(live, manager)
    if owned is None:
        if adopt:
            return False
        owned = {}
    meta = {key: value for key, value in desired["metadata"].items() if key not in ("name", "namespace")}
    # Fields that identify an object have no owner.
    wanted = {key: value for key, value in desired.items() if key not in ("apiVersion", "kind", "metadata")}
    if meta:
        wanted["metadata"] = meta
    # The status belongs to the controller, even if it was once applied.
    mine = {name: fields for name, fields in owned.items() if name != "f:status"}
    return _Comparison(_built_in(desired["apiVersion"]), adopt).map(wanted, live, mine, ())


def same(before: dict[str, Any] | None, after: dict[str, Any], manager: str, adopt: bool = True) -> bool:
    """Whether our write, or its dry run, changed nothing.

    With adopt, a change of the fields that we own counts as a change. Fields of other managers are not compared: a
    controller may write them between our read and our write.
    """
    if before is None:
        return False
    sets = [owned_fields(before, manager) or {}, owned_fields(after, manager) or {}]
    if adopt and sets[0] != sets[1]:
        return False
    return all(_values(before, fields) == _values(after, fields) for fields in sets if fields)


def _values(value: Any, fields: dict[str, Any]) -> Any:
    """The part of a value that a field set covers, in the order of the value."""
    names = {name: inner for name, inner in fields.items() if name not in (".", "f:status")}
    if not names:
        return value
    if isinstance(value, dict):
        return {name[2:]: _values(value.get(name[2:]), inner) for name, inner in names.items()}
    if isinstance(value, list):
        keyed = [(json.loads(name[2:]), inner) for name, inner in names.items() if name.startswith("k:")]
        single = [json.loads(name[2:]) for name in names if name.startswith("v:")]
        items = [(keys, _values(item, inner)) for item in value for keys, inner in keyed if _has(item, keys)]
        return items or [item for item in value if item in single]
    return value


def _built_in(api_version: str) -> bool:
    """Whether the kind is built into Kubernetes. For these the API server drops empty values and sets defaults."""
    group = api_version.rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


class _Comparison:
    """The comparison of one object."""

    def __init__(self, built_in: bool, adopt: bool) -> None:
        self.built_in = built_in
        self.adopt = adopt

    def field(self, desired: Any, live: Any, owned: dict[str, Any], path: Path) -> bool:
        """Whether the value is equal and the manager owns exactly the fields in the definition."""
        if isinstance(desired, dict) and any(name.startswith("f:") for name in owned):
            return self.map(desired, live, owned, path)
        if isinstance(desired, list) and any(name.startswith("k:") for name in owned):
            return self._keyed(desired, live, owned, path)
        if isinstance(desired, list) and any(name.startswith("v:") for name in owned):
            return _same_set(desired, live, [json.loads(name[2:]) for name in owned if name.startswith("v:")])
        if any(name != "." for name in owned):
            # The value in the definition is now empty or of another type.
            return False
        if self.built_in and live is None and desired in _EMPTY:
            # We applied an empty value, and the API server dropped it.
            return True
        return equal(desired, live, path, self.built_in)

    def map(self, desired: dict[str, Any], live: Any, owned: dict[str, Any], path: Path) -> bool:
        """Compare a map whose fields have separate owners."""
        if not isinstance(live, dict):
            return False
        names = {name[2:] for name in owned if name.startswith("f:")}
        for name, value in desired.items():
            if name in names:
                if not self.field(value, live.get(name), owned[f"f:{name}"], (*path, name)):
                    return False
            elif value is None:
                # A null has no owner, because the API server drops it.
                if live.get(name) is not None:
                    return False
            elif self.adopt or not equal(value, live.get(name), (*path, name), self.built_in):
                return False
        return names <= desired.keys()

    def _keyed(self, desired: list[Any], live: Any, owned: dict[str, Any], path: Path) -> bool:
        """Compare a list whose items are identified by key fields, such as containers by name."""
        if not isinstance(live, list):
            return False
        left = {name: json.loads(name[2:]) for name in owned if name.startswith("k:")}
        position = -1
        for item in desired:
            if not isinstance(item, dict):
                return False
            whole = {**_KEY_DEFAULTS, **item}
            name = next((name for name, keys in left.items() if _has(whole, keys)), None)
            if name is None:
                return False
            keys = left.pop(name)
            index = next((number for number, other in enumerate(live) if _has(other, keys)), -1)
            # The order is part of the value. For environment variables it even changes the meaning.
            defaulted = {field: value for field, value in _KEY_DEFAULTS.items() if f"f:{field}" in owned[name]}
            if index <= position or not self.field({**defaulted, **item}, live[index], owned[name], path):
                return False
            position = index
        return not left


def _has(item: Any, keys: dict[str, Any]) -> bool:
    return isinstance(item, dict) and all(item.get(field) == value for field, value in keys.items())


def _same_set(desired: list[Any], live: Any, owned: list[Any]) -> bool:
    """Compare a list of values, such as finalizers, to which other managers may have added values."""
    if not isinstance(live, list) or len(desired) != len(owned):
        return False
    return [value for value in live if value in owned] == desired


def equal(desired: Any, live: Any, path: Path = (), built_in: bool = False) -> bool:
    """Whether two values are equal.

    Nulls, which the API server drops, and for built-in kinds its defaults are ignored.
    """
    if isinstance(desired, dict) and isinstance(live, dict):
        for name in {**desired, **live}:
            value, other = desired.get(name), live.get(name)
            if value is None and built_in and other is not None and _is_default(other, (*path, str(name))):
                continue
            if not equal(value, other, (*path, str(name)), built_in):
                return False
        return True
    if isinstance(desired, list) and isinstance(live, list):
        return len(desired) == len(live) and all(equal(one, other, path, built_in) for one, other in zip(desired, live))
    return bool(desired == live and (type(desired) is type(live) or (_number(desired) and _number(live))))


def _is_default(value: Any, path: Path) -> bool:
    return any(_DEFAULTS.get(path[-length:]) == value for length in range(2, min(_LONGEST, len(path)) + 1))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
