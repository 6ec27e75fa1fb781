# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Holds data against a packaged schema: unknown fields, wrong types, missing and mutually exclusive fields.

tools/istio_schema.py makes the schemas, and says what their nodes mean.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """What is wrong, and where: a path such as spec.http[0].route[1].weight."""

    path: str
    message: str


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "duration": (str,),
    "boolean": (bool,),
    "int": (int,),
    "uint": (int,),
    "number": (int, float),
}
_NAMES = {"int": "an integer", "uint": "an integer", "duration": "a duration such as 10s", "boolean": "true or false"}
_RANGES = {"int": (-(2**31), 2**31 - 1), "uint": (0, 2**32 - 1)}
# As the definitions' own rules have it, duration(self) >= duration('1ms'): https://pkg.go.dev/time#ParseDuration
_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)"
_UNITS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6}


def milliseconds(text: str) -> float | None:
    """A duration's length; None where the text is none."""
    if not re.fullmatch(rf"(?:{_PART})+", text):
        return 0.0 if text == "0" else None
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text))


def check(value: Any, node: Any, definitions: dict[str, Any], path: str, aliases: bool = False) -> Iterator[Fault]:
    """The faults of a value. With aliases a field's name in snake_case is the same field, as in protobuf's JSON."""
    while isinstance(node, str) and node.startswith("#"):
        node = definitions[node[1:]]
    if node == "any" or value is None:
        return
    if isinstance(node, str):
        yield from _scalar(value, node, path)
    elif "[]" in node:
        if not isinstance(value, list):
            yield Fault(path, f"must be a list, is {_shown(value)}")
            return
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
        for name, item in value.items():
            yield from check(item, node["{}"], definitions, f"{path}[{name!r}]", aliases)
    else:
        yield from _object(value, node, definitions, path, aliases)


def _object(value: dict[str, Any], node: dict[str, Any], definitions: dict[str, Any], path: str, aliases: bool) -> Iterator[Fault]:
    fields = [name for name in node if name not in ("!", "1")]
    for name, item in value.items():
        known = name if name in fields else _camel(str(name)) if aliases else None
        if known in fields:
            yield from check(item, node[known], definitions, f"{path}.{name}", aliases)
        else:
            near = difflib.get_close_matches(str(name), fields, 1)
            cure = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(fields))}"
            yield Fault(f"{path}.{name}", f"unknown field; {cure}")
    for name in node.get("!", []):
        if value.get(name) is None:
            yield Fault(f"{path}.{name}", "is required")
    for group in node.get("1", []):
        given = [name for name in group if value.get(name) is not None]
        if len(given) > 1:
            yield Fault(path, f"only one of {' and '.join(given)} can be given")


def _fits(value: Any, node: str) -> bool:
    return isinstance(value, _TYPES[node]) and (not isinstance(value, bool) or node == "boolean")


def _scalar(value: Any, node: str, path: str) -> Iterator[Fault]:
    if not _fits(value, node):
        quote = ", so quote it" if node == "string" and isinstance(value, (int, float)) else ""
        yield Fault(path, f"must be {_NAMES.get(node, f'a {node}')}, is {_shown(value)}{quote}")
    elif node in _RANGES and not _RANGES[node][0] <= value <= _RANGES[node][1]:
        yield Fault(path, f"{value} is not in the range {_RANGES[node][0]} to {_RANGES[node][1]}")
    elif node == "duration":
        length = milliseconds(value)
        if length is None or length < 1:
            yield Fault(path, f"{value!r} is no duration of at least 1ms, such as 500ms, 10s or 1h")


def coerce(value: Any, node: Any, definitions: dict[str, Any]) -> Any:
    """A copy in which texts are numbers and truth values where the schema wants these: a template's result is a text."""
    while isinstance(node, str) and node.startswith("#"):
        node = definitions[node[1:]]
    if isinstance(value, str) and node in ("int", "uint", "number"):
        return int(value) if re.fullmatch(r"-?\d+", value) else float(value) if re.fullmatch(r"-?\d+\.\d+", value) else value
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
