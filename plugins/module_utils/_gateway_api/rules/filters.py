# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Gateway API refuses in filters of routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.rules import references

# Type of a filter: the field with its settings.
_FIELDS = {
    "CORS": "cors",
    "ExtensionRef": "extensionRef",
    "RequestHeaderModifier": "requestHeaderModifier",
    "RequestMirror": "requestMirror",
    "RequestRedirect": "requestRedirect",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "URLRewrite": "urlRewrite",
}
_REPEATABLE = ("ExtensionRef", "RequestMirror")
_PATHS = {"ReplaceFullPath": "replaceFullPath", "ReplacePrefixMatch": "replacePrefixMatch"}


def faults(filters: list[dict[str, Any]], path: str) -> Iterator[Fault]:
    """The faults of a list of filters."""
    types = [one.get("type") for one in filters]
    for index, (one, kind) in enumerate(zip(filters, types)):
        here = f"{path}[{index}]"
        if kind not in _REPEATABLE and kind in types[:index]:
            yield Fault(f"{here}.type", f"there is another filter {kind}: only one is possible")
        for name, field in _FIELDS.items():
            given = one.get(field) is not None
            if given and kind != name:
                yield Fault(f"{here}.{field}", f"belongs to the type {name}, and the type is {kind}")
            elif kind == name and not given:
                yield Fault(f"{here}.{field}", f"is required with the type {name}")
        yield from _mirror(one.get("requestMirror"), f"{here}.requestMirror")
        for field in ("requestRedirect", "urlRewrite"):
            yield from _path((one.get(field) or {}).get("path"), f"{here}.{field}.path")
        for field in ("allowHeaders", "allowMethods", "allowOrigins"):
            values = (one.get("cors") or {}).get(field) or []
            if "*" in values and len(values) > 1:
                yield Fault(f"{here}.cors.{field}", "* means all of them and cannot be combined with others")
    if "RequestRedirect" in types and "URLRewrite" in types:
        yield Fault(path, "RequestRedirect and URLRewrite exclude each other: a redirect is not sent on")


def replaces_prefix(one: dict[str, Any], field: str) -> bool:
    """Whether a filter replaces the prefix that a match has found."""
    path = (one.get(field) or {}).get("path") or {}
    return path.get("type") == "ReplacePrefixMatch" and path.get("replacePrefixMatch") is not None


def _mirror(mirror: dict[str, Any] | None, path: str) -> Iterator[Fault]:
    if mirror is None:
        return
    fraction = mirror.get("fraction")
    if fraction is not None and mirror.get("percent") is not None:
        yield Fault(path, "only one of percent and fraction can be given")
    if fraction is not None:
        numerator, denominator = fraction.get("numerator") or 0, fraction.get("denominator") or 100
        if numerator > denominator:
            yield Fault(f"{path}.fraction.numerator", f"{numerator} is more than the denominator, {denominator}")
    yield from references.service_port(mirror.get("backendRef") or {}, f"{path}.backendRef")


def _path(modifier: dict[str, Any] | None, path: str) -> Iterator[Fault]:
    kind = (modifier or {}).get("type")
    if modifier is None or kind is None:
        return
    for name, field in _PATHS.items():
        given = modifier.get(field) is not None
        if given and kind != name:
            yield Fault(f"{path}.{field}", f"belongs to the type {name}, and the type is {kind}")
        elif kind == name and not given:
            yield Fault(f"{path}.{field}", f"is required with the type {name}")
