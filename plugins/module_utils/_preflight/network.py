# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's findings about the way from host to host, by what the module host_reach has tried."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.bare.mesh.plugins.module_utils._preflight.finding import Finding, Mapping, Report
from ansible_collections.bare.mesh.plugins.module_utils._preflight.hosts import grouped

FIX = "Open that port from host to host in the security group or the firewall of the network between them"


def _is_expected(port: str, report: Report) -> bool:
    """Whether no answer means nothing.

    The firewall of a host that is no node yet is opened later, by host_prep. In a node the kernel takes the packets
    of the pods' network, without a word.
    """
    return port.endswith("/udp") if report["member"] else bool(report["ufw"] or report["firewalld"])


def lost(tried: Mapping, hosts: list[Mapping], reports: dict[str, Report]) -> Iterator[Finding]:
    """Ports of hosts that others do not reach. tried: host to the result of host_reach, which may be none.

    hosts are entries of the filter cluster_hosts.
    """
    owners = {host["node_ip"]: host["name"] for host in hosts}
    faults: dict[str, list[str]] = {}
    for name, result in tried.items():
        for target, why in ((result or {}).get("lost") or {}).items():
            address, _colon, port = target.rpartition(":")
            owner = owners.get(address, "")
            if owner in reports and not _is_expected(port, reports[owner]):
                faults.setdefault(name, []).append(f"{port} of {owner} ({address}): {why}")
    for names, fault in grouped(faults):
        if "/udp of " in fault:
            yield Finding(
                "network_udp", names, f"got no answer from {fault}", f"If pods do not reach each other: {FIX}"
            )
        else:
            yield Finding("network", names, f"cannot reach {fault}", FIX)
