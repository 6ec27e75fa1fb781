# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a WasmPlugin.

https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/

Rules of ValidateWasmPlugin in Istio 1.31 (pkg/config/validation) and of the definition of the kind. TrafficExtension
has the same ones for its modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.urls import scheme_of

# Without a scheme, the address is that of an OCI image.
_SCHEMES = ("", "oci", "file", "http", "https")


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    yield from validators.workload_selector(spec.get("selector"), "spec.selector")
    yield from validators.targets(spec)
    yield from wasm(spec, "spec")
    yield from traffic(spec)


def wasm(module: dict[str, Any], path: str) -> Iterator[Fault]:
    """Check what says where a module is and how it is run."""
    wrong = _address(module["url"]) if module.get("url") else ""
    if wrong:
        yield Fault(f"{path}.url", wrong)
    if module.get("sha256") and not re.fullmatch("[0-9a-f]{64}", module["sha256"]):
        yield Fault(f"{path}.sha256", f"{module['sha256']!r} is not a checksum of 64 lower-case hexadecimal digits")
    config = module.get("pluginConfig")
    if config is not None and not isinstance(config, dict):
        yield Fault(f"{path}.pluginConfig", f"must be a mapping, is {config!r:.60}")
    yield from at_most(module.get("imagePullSecret"), 253, f"{path}.imagePullSecret")
    yield from at_most(module.get("pluginName"), 256, f"{path}.pluginName")
    variables = (module.get("vmConfig") or {}).get("env")
    yield from unique(variables, "name", f"{path}.vmConfig.env")
    for index, variable in enumerate(variables or []):
        yield from at_most(variable.get("name"), 256, f"{path}.vmConfig.env[{index}].name")
        if variable.get("valueFrom") == "HOST" and variable.get("value") is not None:
            message = "is only for valueFrom: INLINE; with HOST, the proxy's variable of that name gives the value"
            yield Fault(f"{path}.vmConfig.env[{index}].value", message)


def _address(text: str) -> str:
    scheme = scheme_of(text)
    if scheme is None:
        return f"{text!r} is not a URL such as oci://registry.example.com/filter:1.0"
    if scheme in _SCHEMES:
        return ""
    fix = "" if "://" in text else "; write oci:// before the host of a registry"
    return f"the scheme {scheme!r} is none of oci, file, http and https{fix}"


def traffic(spec: dict[str, Any]) -> Iterator[Fault]:
    """Check the traffic for which an extension is."""
    for index, selector in enumerate(spec.get("match") or []):
        yield from unique(selector.get("ports"), "number", f"spec.match[{index}].ports")


def unique(items: list[dict[str, Any]] | None, key: str, path: str) -> Iterator[Fault]:
    """A fault for each item whose key another item before it has: the API server merges such lists by the key."""
    seen = set()
    for index, item in enumerate(items or []):
        value = item.get(key)
        if value is not None and value in seen:
            yield Fault(f"{path}[{index}].{key}", f"{value!r} is given twice")
        seen.add(value)


def at_most(text: str | None, most: int, path: str) -> Iterator[Fault]:
    """Check a length in bytes, as Istio does; the schema counts characters."""
    size = len((text or "").encode("utf-8", "surrogatepass"))
    if size > most:
        yield Fault(path, f"has {size} bytes, allowed are {most}; other letters than those of ASCII have several")
