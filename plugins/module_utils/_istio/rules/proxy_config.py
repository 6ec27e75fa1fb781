# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a ProxyConfig.

https://istio.io/latest/docs/reference/config/networking/proxy-config/

Rules of ValidateProxyConfig in Istio 1.31 (pkg/config/validation) and of the definition of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.schema import Fault

_MOST_THREADS = 2**31 - 1


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    yield from validators.workload_selector(spec.get("selector"), "spec.selector")
    if (spec.get("concurrency") or 0) > _MOST_THREADS:
        yield Fault("spec.concurrency", f"{spec['concurrency']} is out of range, allowed is at most {_MOST_THREADS}")
