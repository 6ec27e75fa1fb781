# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a WorkloadEntry.

https://istio.io/latest/docs/reference/config/networking/workload-entry/

Rules of ValidateWorkloadEntry in Istio 1.31 (pkg/config/validation) and of the definition of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import workloads


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    address = spec.get("address") or ""
    yield from workloads.placed(spec, "spec")
    yield from workloads.common(spec, "spec")
    if address and not address.startswith(workloads.UNIX):
        yield from workloads.host(address, "spec.address")
    yield from validators.labels(spec.get("labels"), "spec.labels")
