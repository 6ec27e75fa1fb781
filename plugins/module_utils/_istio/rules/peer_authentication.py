# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a PeerAuthentication.

https://istio.io/latest/docs/reference/config/security/peer_authentication/

Rules of ValidatePeerAuthentication in Istio 1.31 (pkg/config/validation) and of the definition of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    selector, ports = spec.get("selector"), spec.get("portLevelMtls")
    yield from validators.workload_selector(selector, "spec.selector")
    if ports and not (selector or {}).get("matchLabels"):
        yield Fault("spec.portLevelMtls", "needs selector.matchLabels: ports belong to workloads, not to a namespace")
    for port in ports or {}:
        # The keys of a map are texts in the API.
        if validators.port(int(port) if str(port).isdigit() else port):
            yield Fault(f"spec.portLevelMtls[{port!r}]", f"{port!r} is not a port number from 1 to 65535")
