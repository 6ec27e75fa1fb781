# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's findings about what must differ from host to host: functions without side effects."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ansible_collections.bare.mesh.plugins.module_utils._preflight.finding import Finding, Mapping, Report, shared


def clones(reports: dict[str, Report]) -> Iterator[Finding]:
    """What must differ from host to host."""
    fix = "Give each clone of an image its own"
    for mac, hosts in shared({host: report["macs"] for host, report in reports.items()}):
        yield Finding("mac", ", ".join(hosts), f"have the same MAC address {mac}", fix)
    for product, hosts in shared({host: report["product_id"] for host, report in reports.items()}):
        yield Finding("product_id", ", ".join(hosts), f"have the same product id {product}", fix)


def one_machine(reports: dict[str, Report]) -> list[Finding]:
    """Hosts of the inventory that are one machine: the same boot, network namespace and MAC addresses.

    The last tells copies of a running virtual machine from it: they have its boot as well.
    """
    instances = {
        host: f"{report['instance']} {' '.join(report['macs'])}" if report["instance"] else ""
        for host, report in reports.items()
    }
    what = "are one machine: the same kernel and network, by several names in the inventory"
    fix = "Keep one of the names, or correct ansible_host and ansible_port of the others"
    return [Finding("inventory", ", ".join(hosts), what, fix) for _instance, hosts in shared(instances)]


def apart(reports: dict[str, Report], same: list[Finding]) -> dict[str, Report]:
    """The reports of different machines: of several hosts that are one machine, that of the first."""
    twins = {host for fault in same for host in fault.where.split(", ")[1:]}
    return {host: report for host, report in reports.items() if host not in twins}


def addresses(inventory: list[Mapping], reports: dict[str, Report]) -> Iterator[Finding]:
    """The address by which the others know a node: bare_mesh_node_ip if it is set, or that of its default route."""
    wanted = {**dict.fromkeys(reports, ""), **{entry["name"]: entry["set_ip"] for entry in inventory}}
    fix = "Set bare_mesh_node_ip for each host to its own address in the network that the hosts share"
    for address, hosts in shared({host: wanted[host] or report["address"] for host, report in reports.items()}):
        yield Finding("node_ip", ", ".join(hosts), f"would all have the node address {address}", fix)
    for host, report in reports.items():
        own = [str(ipaddress.ip_interface(entry).ip) for entry in report["networks"]]
        if wanted[host] and wanted[host] not in own:
            yield Finding("node_ip", host, f"has no address {wanted[host]}, but {', '.join(own)}", fix)


def judge(inventory: list[Mapping], reports: dict[str, Report]) -> Iterator[Finding]:
    """All that hosts share and must not. One machine with several names is told of once."""
    same = one_machine(reports)
    yield from same
    yield from clones(apart(reports, same))
    yield from addresses(inventory, apart(reports, same))
