# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks data against a packaged schema: unknown fields, wrong types, bounds, missing and mutually exclusive fields.

tools/istio_schema.py and tools/kubeadm_schema.py generate the schemas; the first one documents their nodes.
"""

from __future__ import annotations

import base64
import difflib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """An error and its path, such as spec.http[0].route[1].weight."""

    path: str
    message: str


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "duration": (str,),
    "period": (str,),
    "bytes": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "int": (int,),
    "uint": (int,),
    "number": (int, float),
}
_NAMES = {
    "integer": "an integer",
    "int": "an integer",
    "uint": "an integer",
    "duration": "a duration such as 10s",
    "period": "a duration such as 10s",
    "bytes": "a base64 string",
    "boolean": "true or false",
}
_RANGES = {"int": (-(2**31), 2**31 - 1), "uint": (0, 2**32 - 1), "integer": (-(2**63), 2**63 - 1)}
# The CRDs have the rule duration(self) >= duration('1ms'): https://pkg.go.dev/time#ParseDuration
_PART = r"(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(ns|us|µs|μs|ms|s|m|h)"
_UNITS = {"ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
MILLISECOND = 10**6


def nanoseconds(text: str) -> int | None:
    """The length of a duration, without parts of a nanosecond.

    None if the text is not a duration or is longer than 292 years.
    """
    sign, rest = (-1 if text[:1] == "-" else 1), re.sub("^[-+]", "", text)
    if not re.fullmatch(rf"(?:{_PART})+", rest):
        return 0 if rest == "0" else None
    length = 0
    for whole, fraction, only, unit in re.findall(_PART, rest):
        digits = (fraction or only)[:20]
        if len(whole.lstrip("0")) > 19:
            return None
        length += int(whole or 0) * _UNITS[unit] + int(digits or 0) * _UNITS[unit] // 10 ** len(digits)
    return sign * length if length < 2**63 else None


def check(value: Any, node: Any, definitions: dict[str, Any], path: str, aliases: bool = False) -> Iterator[Fault]:
    """The faults of a value. With aliases, field names are also accepted in snake_case, as in protobuf's JSON."""
    while isinstance(node, str) and node.startswith("#"):
        node = definitions[node[1:]]
    if node == "any" or value is None:
        return
    if isinstance(node, str):
        yield from _scalar(value, node, path)
    elif "=" in node:
        wrong = list(_scalar(value, node["="], path))
        yield from wrong or _bounds(value, node, path)
    elif "[]" in node:
        if not isinstance(value, list):
            yield Fault(path, f"must be a list, is {_shown(value)}")
            return
        yield from _bounds(value, node, path)
        for index, item in enumerate(value):
            if item is None:
                yield Fault(f"{path}[{index}]", "must not be null: remove the item, or give it content")
            yield from check(item, node["[]"], definitions, f"{path}[{index}]", aliases)
    elif "?" in node:
        if value not in node["?"]:
            yield Fault(path, f"{_shown(value)} is none of {', '.join(map(str, node['?']))}")
    elif not isinstance(value, dict):
        yield Fault(path, f"must be a mapping, is {_shown(value)}")
    elif "{}" in node:
        yield from _bounds(value, node, path)
        for name, item in value.items():
            if not isinstance(name, str):
                yield Fault(f"{path}[{name!r}]", "its name must be a string: quote it")
            yield from check(item, node["{}"], definitions, f"{path}[{name!r}]", aliases)
    else:
        yield from _object(value, node, definitions, path, aliases)


def _object(
    value: dict[str, Any], node: dict[str, Any], definitions: dict[str, Any], path: str, aliases: bool
) -> Iterator[Fault]:
    fields = [name for name in node if name not in ("!", "1")]
    for name, item in value.items():
        known = name if name in fields else _camel(str(name)) if aliases else None
        if known in fields:
            yield from check(item, node[known], definitions, f"{path}.{name}", aliases)
        else:
            near = difflib.get_close_matches(str(name), fields, 1)
            fix = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(fields))}"
            yield Fault(f"{path}.{name}", f"unknown field; {fix}")
    for name in node.get("!", []):
        if value.get(name) is None:
            yield Fault(f"{path}.{name}", "is required")
    for group in node.get("1", []):
        given = [name for name in group if value.get(name) is not None]
        if len(given) > 1:
            yield Fault(path, f"only one of {' and '.join(given)} can be given")


def _bounds(value: Any, node: dict[str, Any], path: str) -> Iterator[Fault]:
    """Check the bounds of the CRDs: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/"""
    least, most = node.get("..", (None, None))
    size, what = (len(value), "items") if isinstance(value, (list, dict)) else (value, "")
    if isinstance(value, str):
        size, what = len(value), "characters"
    if (least is None or size >= least) and (most is None or size <= most):
        return
    limits = f"{least} to {most}"
    if None in (least, most):
        limits = f"at most {most}" if least is None else f"at least {least}"
    if what:
        yield Fault(path, f"has {size} {what}, allowed are {limits}")
    else:
        yield Fault(path, f"{value} is out of range, allowed is {limits}")


def _fits(value: Any, node: str) -> bool:
    return isinstance(value, _TYPES[node]) and (not isinstance(value, bool) or node == "boolean")


def _scalar(value: Any, node: str, path: str) -> Iterator[Fault]:
    if not _fits(value, node):
        quote = ", so quote it" if node == "string" and isinstance(value, (int, float)) else ""
        yield Fault(path, f"must be {_NAMES.get(node, f'a {node}')}, is {_shown(value)}{quote}")
    elif node in _RANGES and not _RANGES[node][0] <= value <= _RANGES[node][1]:
        yield Fault(path, f"{value} is not in the range {_RANGES[node][0]} to {_RANGES[node][1]}")
    elif node == "duration":
        if wrong := duration(value):
            yield Fault(path, wrong)
    elif node == "period" and nanoseconds(value) is None:
        yield Fault(path, f"{_shown(value)} is not a duration such as 500ms, 10s or 1h")
    elif node == "bytes" and not _base64(value):
        yield Fault(path, "is not base64: encode the bytes, or use the field string")


def duration(text: str) -> str:
    """Check a duration by Istio's ValidateDuration. Returns an error message or an empty string."""
    length = nanoseconds(text)
    if length is None or length < MILLISECOND:
        return f"{text!r} is not a duration of at least 1ms, such as 500ms, 10s or 1h"
    if length % MILLISECOND:
        return f"{text!r} must be a whole number of milliseconds, such as {max(1, length // MILLISECOND)}ms"
    return ""


def _base64(text: str) -> bool:
    try:
        base64.b64decode(re.sub("[\r\n]", "", text), validate=True)
    except ValueError:
        return False
    return True


def coerce(value: Any, node: Any, definitions: dict[str, Any]) -> Any:
    """A copy in which strings are numbers and booleans where the schema has these, because templates return strings."""
    while isinstance(node, str) and node.startswith("#"):
        node = definitions[node[1:]]
    if isinstance(node, dict) and "=" in node:
        node = node["="]
    if isinstance(value, str) and node in ("int", "uint", "integer", "number"):
        if re.fullmatch(r"-?\d{1,20}", value):
            return int(value)
        return float(value) if re.fullmatch(r"-?\d+\.\d+", value) else value
    if isinstance(value, str) and node == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    if isinstance(value, list) and isinstance(node, dict) and "[]" in node:
        return [coerce(item, node["[]"], definitions) for item in value]
    if isinstance(value, dict) and isinstance(node, dict) and "[]" not in node:
        inner = node.get("{}")
        return {name: coerce(item, inner or node.get(name, "any"), definitions) for name, item in value.items()}
    return value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def _shown(value: Any) -> str:
    return f"{value!r:.60}"
