# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The list of the machines. inventories/lab/hosts.yml must name the same ones; a unit test compares them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from lab.host_packages import HostError

BRIDGE = "bmlab0"
GATEWAY = "10.87.0.1"
PREFIX = 24
# One lab per computer, for all checkouts.
STATE = Path("/var/lib/bare-mesh-lab")


@dataclass(frozen=True)
class Machine:
    """One machine: its name, address and root."""

    name: str
    address: str
    root: str
    # Directories of the machine that are not on its overlay, because an overlay cannot be on an overlay.
    plain: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        """The directory of this machine's own files."""
        return STATE / "nodes" / self.name

    @property
    def machine_id(self) -> str:
        """The machine id, as 32 hexadecimal digits. It is the same at every start."""
        return uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name}.bare-mesh-lab").hex


_CLUSTER = ("/var/lib/containerd", "/var/lib/docker", "/var/lib/etcd", "/var/lib/kubelet")

MIRROR = Machine("mirror", "10.87.0.10", "mirror")
CONTROL_PLANE = Machine("node1", "10.87.0.11", "el9", _CLUSTER)
MACHINES = (
    MIRROR,
    CONTROL_PLANE,
    Machine("node2", "10.87.0.12", "el9", _CLUSTER),
    Machine("node3", "10.87.0.13", "debian12", _CLUSTER),
)


def named(names: list[str]) -> list[Machine]:
    """The machines with these names. Raises HostError for an unknown name."""
    known = {machine.name: machine for machine in MACHINES}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise HostError(f"no machine is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [machine for machine in MACHINES if machine.name in names]
