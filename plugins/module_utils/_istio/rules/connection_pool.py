# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in the connection pool of a DestinationRule or Sidecar.

https://istio.io/latest/docs/reference/config/networking/destination-rule/#ConnectionPoolSettings

Rules of Istio 1.31 (pkg/config/validation).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import MILLISECOND, Fault, duration, nanoseconds

_NOT_NEGATIVE = {
    "http": (
        "http1MaxPendingRequests",
        "http2MaxRequests",
        "maxRequestsPerConnection",
        "maxRetries",
        "maxConcurrentStreams",
    ),
    "tcp": ("maxConnections",),
}


def pool_faults(pool: dict[str, Any], path: str) -> Iterator[Fault]:
    if pool.get("http") is None and pool.get("tcp") is None:
        yield Fault(path, "is empty: http or tcp is required")
    for part, names in _NOT_NEGATIVE.items():
        for name in names:
            if ((pool.get(part) or {}).get(name) or 0) < 0:
                yield Fault(f"{path}.{part}.{name}", f"{pool[part][name]} is negative")
    idle = (pool.get("tcp") or {}).get("idleTimeout")
    if idle is not None:
        length = nanoseconds(idle)
        # 0 means no limit, and Istio rounds less than a millisecond down to 0.
        if (length is None or abs(length) >= MILLISECOND) and (wrong := duration(idle)):
            yield Fault(f"{path}.tcp.idleTimeout", f"{wrong}; 0s means no limit")
    http = pool.get("http") or {}
    if http.get("http2KeepAlive") is not None:
        for name in ("interval", "timeout"):
            if http["http2KeepAlive"].get(name) is None:
                yield Fault(f"{path}.http.http2KeepAlive.{name}", "is required, such as 30s")
    if http.get("h2UpgradePolicy") == "UPGRADE" and http.get("useClientProtocol"):
        yield Fault(f"{path}.http.useClientProtocol", "cannot be true with h2UpgradePolicy: UPGRADE")
