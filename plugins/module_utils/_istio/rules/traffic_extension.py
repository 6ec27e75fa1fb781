# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a TrafficExtension.

https://istio.io/latest/docs/reference/config/proxy_extensions/traffic_extension/

Rules of ValidateTrafficExtension in Istio 1.31 (pkg/config/validation) and of the definition of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.wasm_plugin import at_most, traffic, wasm


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    yield from validators.workload_selector(spec.get("selector"), "spec.selector")
    yield from validators.targets(spec)
    lua, module = spec.get("lua"), spec.get("wasm")
    # That not both are set is in the schema.
    if lua is None and module is None:
        yield Fault("spec", "needs wasm or lua: what the proxy is to run")
    yield from at_most((lua or {}).get("inlineCode"), 65536, "spec.lua.inlineCode")
    if module is not None:
        yield from wasm(module, "spec.wasm")
    yield from traffic(spec)
