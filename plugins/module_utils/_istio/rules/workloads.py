# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fields of a workload outside of Kubernetes, which ServiceEntry, WorkloadEntry and WorkloadGroup share.

https://istio.io/latest/docs/reference/config/networking/workload-entry/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators

UNIX = "unix://"
# One less than the limit for the names of a service's ports.
_PORT_NAME = 62


def common(workload: dict[str, Any], path: str) -> Iterator[Fault]:
    """Check what the definitions of all three kinds refuse: the form of a socket, and ports."""
    address, ports = workload.get("address") or "", workload.get("ports")
    if address.startswith(UNIX):
        socket = address[len(UNIX) :]
        if not socket.startswith(("/", "@")) or socket.endswith("/"):
            yield Fault(
                f"{path}.address", f"{address!r} is not a socket: write unix:///ABSOLUTE/PATH or unix://@ABSTRACT"
            )
        if ports is not None:
            yield Fault(f"{path}.ports", "must not be set: a Unix socket has no ports")
    for name, number in (ports or {}).items():
        where = f"{path}.ports[{name!r}]"
        if not validators.dns_label(name) or len(name) > _PORT_NAME:
            yield Fault(
                where, f"{name!r} is not the name of a port: at most {_PORT_NAME} letters, digits and - in between"
            )
        if wrong := validators.port(number):
            yield Fault(where, wrong)


def placed(workload: dict[str, Any], path: str) -> Iterator[Fault]:
    """Check that a workload can be reached by an address or through the gateway of its network."""
    if not workload.get("address") and not workload.get("network"):
        yield Fault(f"{path}.address", "is required, or network for a workload behind the gateway of another network")


def host(address: str, path: str) -> Iterator[Fault]:
    """Check an address that is an IP address or a domain name."""
    if not validators.is_ip(address) and validators.fqdn(address):
        yield Fault(path, f"{address!r} is neither an IP address nor a domain name such as db.example.com")
