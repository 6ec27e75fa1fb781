# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Formats of strings, and items of lists that must differ, as the definitions (CRDs) of the Gateway API demand them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault


class Format(NamedTuple):
    """The expression by which a definition describes a format, and the format in words."""

    pattern: str
    words: str


_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_WORD = "[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?"
_TARGET = r"(\*\.)?([a-zA-Z0-9\-]+\.)*[a-zA-Z0-9-]+|\*"
_LETTERS = "lower-case letters, digits and -"
FORMATS: dict[str, Format] = {
    "address": Format(
        rf"^Hostname|IPAddress|NamedAddress|{_DOMAIN}\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$",
        "IPAddress, Hostname, NamedAddress or a type of a controller such as example.com/pool",
    ),
    "domain": Format(rf"^{_DOMAIN}$", f"a name of {_LETTERS}, with dots between its parts"),
    "duration": Format("^([0-9]{1,5}(h|m|s|ms)){1,4}$", "a duration such as 500ms, 10s or 1h30m, without fractions"),
    "group": Format(rf"^$|^{_DOMAIN}$", "an API group such as apps, or '' for the core group"),
    "host": Format(rf"^(\*\.)?{_DOMAIN}$", "a host name in lower case such as www.example.com or *.example.com"),
    "kind": Format("^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$", "a kind such as Service"),
    "label": Format("^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$", "a value of a label: letters, digits, - _ ."),
    "namespace": Format(rf"^{_LABEL}$", f"a namespace: {_LETTERS}"),
    "origin": Format(
        rf"(^\*$)|(^(http(s)?):\/\/(({_TARGET})(:([0-9]{{1,5}}))?)$)",
        "an origin such as https://www.example.com, https://*.example.com:8443 or *",
    ),
    "protocol": Format(
        rf"^{_WORD}$|{_DOMAIN}\/[A-Za-z0-9]+$", "a protocol such as HTTP, HTTPS, TLS or TCP, or example.com/name"
    ),
    "token": Format(r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$", "a name of a header: letters, digits, - and few other signs"),
}
# In Python, $ is also before the last end of a line.
_EXPRESSIONS = {name: re.compile(re.sub(r"\$(?=$|[|)])", r"\\Z", known.pattern)) for name, known in FORMATS.items()}


def faults(value: Any, node: Any, definitions: dict[str, Any], path: str) -> Iterator[Fault]:
    """The faults of a value whose structure is right. node: of the schema, whose "~" says what is demanded."""
    while isinstance(node, str) and node.startswith("#"):
        node = definitions[node[1:]]
    if value is None or not isinstance(node, dict):
        return
    if "=" in node:
        name = node.get("~")
        if name and not _EXPRESSIONS[name].search(value):
            yield Fault(path, f"{value!r} is not {FORMATS[name].words}")
    elif "[]" in node:
        if "~" in node:
            yield from _repeated(value, node["~"], path)
        for index, item in enumerate(value):
            yield from faults(item, node["[]"], definitions, f"{path}[{index}]")
    elif "{}" in node:
        for name, item in value.items():
            yield from faults(item, node["{}"], definitions, f"{path}[{name!r}]")
    elif "?" not in node:
        for name, item in value.items():
            yield from faults(item, node[name], definitions, f"{path}.{name}")


def _repeated(items: list[Any], field: str, path: str) -> Iterator[Fault]:
    seen = []
    for index, item in enumerate(items):
        value = (item or {}).get(field) if field else item
        if value in seen:
            where = f"{path}[{index}].{field}" if field else f"{path}[{index}]"
            yield Fault(where, f"{value!r} is given twice: each may be there once")
        seen.append(value)
