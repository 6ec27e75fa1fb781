# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's findings about hosts, inventory and settings: functions without side effects."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from ansible_collections.bare.mesh.plugins.module_utils._host import distributions
from ansible_collections.bare.mesh.plugins.module_utils._preflight import identity
from ansible_collections.bare.mesh.plugins.module_utils._preflight.finding import Finding, Mapping, Report, shared

# The names of all checks.
CHECKS = (
    *("architecture", "cgroup_v1", "checksum", "clock", "cluster", "cpus", "creation", "disk"),
    *("docker_exec", "end_of_life"),
    "firewall",
    *(
        "hostname",
        "inventory",
        "istio_profile",
        "kernel",
        "kubeconfig",
        "mac",
        "memory",
        "names",
        "network",
        "network_udp",
        "nm_cloud_setup",
        "node_ip",
        "os",
        "packages",
        "ports",
        "product_id",
    ),
    *("ranges", "registry", "settings", "signing_key"),
    *("source", "ssh", "sudo", "upgrade", "versions"),
)
# Checks whose faults are always only warnings.
WARNINGS = ("creation", "docker_exec", "end_of_life", "network_udp")
# Check, key in report and limits, and what it counts.
AMOUNTS = (
    ("cpus", "cpus", "CPUs"),
    ("memory", "memory_mb", "MiB of memory"),
    ("disk", "disk_gb", "GiB free for images in /var/lib/containerd"),
)
# From 1.35 on the kubelet refuses a host with cgroup version 1.
CGROUP_V1_REFUSED = (1, 35)
# Name of an image to the variables that set its version.
VERSION_VARIABLES = {"kube-proxy": "bare_mesh_kubernetes_version", "proxyv2": "bare_mesh_istio_version and istio_tag"}
RELEASE = re.compile(r"\d+\.\d+\.\d+\Z")
NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")


def access(inspections: Mapping) -> tuple[dict[str, Report], list[Finding]]:
    """(reports of the hosts that answered, faults of those that did not)."""
    reports, faults = {}, []
    for host, result in inspections.items():
        message = (
            " ".join(str((result or {}).get("msg", "no answer")).split()).removeprefix("Task failed: ").rstrip(".")
        )
        if (result or {}).get("unreachable"):
            fix = "Check the host's ansible_host, ansible_user and SSH key, and that its SSH server runs"
            faults.append(Finding("ssh", host, f"cannot be reached by SSH: {message}", fix))
        elif not result or "report" not in result:
            password = "--ask-become-pass, --become-password-file or ansible_become_password"
            fix = f"Let ansible_user use sudo, give its password by {password}, and see that the host has Python 3.9"
            fix += " or newer"
            faults.append(Finding("sudo", host, f"the host could not be inspected as root: {message}", fix))
        elif result["report"]["user_id"] != 0:
            faults.append(Finding("sudo", host, "the tasks do not run as root", "Set become: true, or connect as root"))
        else:
            reports[host] = result["report"]
    return reports, faults


def layout(hosts: list[Mapping]) -> Iterator[Finding]:
    """Groups and names of the inventory, from the entries that the filter cluster_hosts returns."""
    control_plane = [entry["name"] for entry in hosts if entry["control_plane"]]
    workers = [entry["name"] for entry in hosts if entry["worker"]]
    if not control_plane:
        yield Finding(
            "inventory", "group control_plane", "has no host", "Put the host that is to run the control plane into it"
        )
    if len(control_plane) > 1:
        what = f"has {len(control_plane)} hosts, and this release makes one control plane"
        yield Finding("inventory", "group control_plane", what, "Leave one there and move the others to the workers")
    if not workers:
        yield Finding(
            "inventory", "group workers", "has no host", "Put at least one host into it, for the mesh to run on"
        )
    for host in sorted(set(control_plane) & set(workers)):
        yield Finding("inventory", host, "is in both control_plane and workers", "Leave it in one of the two groups")
    names = {entry["name"]: entry["hostname"] for entry in hosts}
    for name, same in shared(names):
        fix = "Give each host a name of its own in the inventory, or by host_prep_hostname"
        yield Finding("hostname", ", ".join(same), f"would all be named {name}", fix)
    # Machines behind one address can each have a port of it.
    for address, same in shared({entry["name"]: f"{entry['ssh_address']} port {entry['ssh_port']}" for entry in hosts}):
        fix = "Name each machine once; if they are behind one address, set ansible_port of each"
        yield Finding("inventory", ", ".join(same), f"have the same ansible_host {address}", fix)
    for host, name in names.items():
        if not NODE_NAME.match(name):
            fix = "Use lower-case letters, digits, '-' and '.', or set host_prep_hostname"
            yield Finding("hostname", host, f"{name!r} cannot be the name of a Kubernetes node", fix)


def machine(
    host: str, report: Report, limits: Mapping, kubernetes_version: str, kubelet_config: Mapping
) -> Iterator[Finding]:
    """Faults of one host."""
    release = report["os"]
    if not distributions.supported(release):
        name = release.get("PRETTY_NAME") or f"{release.get('ID')} {release.get('VERSION_ID')}"
        yield Finding("os", host, f"{name} is not supported", f"Use one of: {distributions.SUPPORTED_TEXT}")
    if report["machine"] not in distributions.MACHINES:
        yield Finding(
            "architecture", host, f"{report['machine']} is not supported", "Use a machine with x86_64 or aarch64"
        )
    for check, key, what in AMOUNTS:
        # A node has its images already.
        if report[key] < limits[key] and not (check == "disk" and report["member"]):
            fix = f"Give the machine more, or lower preflight_min_{key}"
            yield Finding(check, host, f"{report[key]} {what}, {limits[key]} are needed", fix)
    missing = [name for name, state in report["features"].items() if state == "missing"]
    if missing:
        yield Finding("kernel", host, f"the kernel lacks {', '.join(missing)}", report["kernel_advice"])
    minor = tuple(int(part) for part in kubernetes_version.split(".")[:2] if part.isdigit())
    if report["cgroup"] == 1 and minor >= CGROUP_V1_REFUSED and kubelet_config.get("failCgroupV1", True):
        fix = "Boot it with systemd.unified_cgroup_hierarchy=1, or set failCgroupV1: false in kubeadm_kubelet_config"
        yield Finding("cgroup_v1", host, f"has cgroup version 1, which the kubelet {kubernetes_version} refuses", fix)
    if report["nm_cloud_setup"]:
        units = " ".join(report["nm_cloud_setup"])
        what = f"{units} adds rules of routing for the cloud's addresses, by which pods are not reached"
        fix = f"Run 'systemctl disable --now {units}' there and boot it again, which removes the rules"
        yield Finding("nm_cloud_setup", host, what, fix)


def closed_ports(reports: dict[str, Report], setting: str) -> Iterator[Finding]:
    """Hosts on which ufw keeps the ports closed. setting is host_prep_firewall."""
    for host, report in reports.items() if setting != "open" else ():
        if report["ufw"]:
            fix = "Set host_prep_firewall to open, switch it off by 'ufw disable', or open the cluster's ports in it"
            what = f"ufw is switched on, and nothing is opened in it while host_prep_firewall is {setting}"
            yield Finding("firewall", host, what, f"{fix} yourself and add firewall to preflight_allow")


def taken_ports(host: str, report: Report, needed: list[str]) -> Iterator[Finding]:
    """Ports that something else holds. A host that is a node already holds them itself."""
    for port in needed if not report["member"] else []:
        if port in report["listening"]:
            owner = report["listening"][port] or "another program"
            yield Finding(
                "ports", host, f"port {port} is taken by {owner}", "Stop that program, or move it to another port"
            )


def grouped(faults: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """(hosts, fault), each fault once with all the hosts that have it. faults: host to its faults."""
    for fault in dict.fromkeys(fault for found in faults.values() for fault in found):
        yield ", ".join(host for host, found in faults.items() if fault in found), fault


def pull_fix(fault: str) -> str:
    """What to do about an image that cannot be pulled. fault: the image, a colon and the reason."""
    fix = "See that the registry serves it, and that the hosts reach it and the servers that it redirects to"
    fix += "; or set another bare_mesh_source"
    image, _colon, why = fault.partition(": ")
    variable = VERSION_VARIABLES.get(image.rpartition("/")[2].partition(":")[0])
    if variable and " answers 404" in why:
        return f"This release may not exist: check {variable}. Otherwise: {fix[0].lower()}{fix[1:]}"
    if why.endswith("refuses the name or password"):
        return "Correct them in bare_mesh_registry_credentials, and see that this user may pull the image"
    if " answers 401" in why:
        return "Set a name and a password for this registry in bare_mesh_registry_credentials"
    return fix


def connections(reports: dict[str, Report]) -> Iterator[Finding]:
    """Servers that hosts cannot reach, and images that they cannot pull from the others."""
    servers = {
        host: [f"{server}: {why}" for server, why in report["unreachable"].items()] for host, report in reports.items()
    }
    for hosts, fault in grouped(servers):
        fix = "See that the host can reach it, or set bare_mesh_http_proxy or another bare_mesh_source"
        yield Finding("source", hosts, f"cannot reach {fault}", fix)
    images = {
        host: [
            f"{image}: {why}"
            for image, why in report["refused_images"].items()
            if not any(
                f"//{server}/" in why or f"//{server.removesuffix(':443')}/" in why for server in report["unreachable"]
            )
        ]
        for host, report in reports.items()
    }
    for hosts, fault in grouped(images):
        yield Finding("registry", hosts, f"cannot pull {fault}", pull_fix(fault))


def clocks(reports: dict[str, Report], limit: float) -> Iterator[Finding]:
    """The clocks' differences. Each includes the time that the task took to the host, so only their spread counts."""
    if not reports:
        return
    order = sorted(reports, key=lambda host: reports[host]["clock"])
    # Of two hosts, the controller's clock says which one is wrong.
    middle = reports[order[len(order) // 2]]["clock"] if len(order) > 2 else 0
    spread = reports[order[-1]]["clock"] - reports[order[0]]["clock"]
    if spread > limit:
        worst = max(order, key=lambda host: abs(reports[host]["clock"] - middle))
        fix = "Set its clock; host_prep keeps it right by chrony afterwards, see host_prep_ntp_servers"
        yield Finding(
            "clock", worst, f"its clock is {spread:.0f} s away from another host's ({limit} s are allowed)", fix
        )


def ranges(settings: Mapping, reports: dict[str, Report]) -> Iterator[Finding]:
    """Pod, service and host networks."""
    networks = {}
    for name in ("bare_mesh_pod_cidr", "bare_mesh_service_cidr"):
        try:
            networks[name] = ipaddress.ip_network(str(settings[name]))
        except ValueError as error:
            yield Finding("ranges", name, str(error), "Write a range in CIDR notation, such as 10.244.0.0/16")
    pods, services = networks.get("bare_mesh_pod_cidr"), networks.get("bare_mesh_service_cidr")
    if pods and services and pods.version == services.version and pods.overlaps(services):
        what = f"{pods} overlaps bare_mesh_service_cidr {services}"
        yield Finding("ranges", "bare_mesh_pod_cidr", what, "Choose ranges that do not overlap")
    for name, network in networks.items():
        for host, report in reports.items():
            for own in (ipaddress.ip_interface(entry).network for entry in report["networks"]):
                if own.version == network.version and own.overlaps(network):
                    fix = "Choose a range that no host's network uses"
                    yield Finding("ranges", name, f"{network} overlaps the network {own} of {host}", fix)


def minor_of(version: str) -> str:
    """The minor version of a release: 1.36 of 1.36.5."""
    return ".".join(version.split(".")[:2])


def is_known(version: str, minors: Mapping) -> bool:
    """Whether the version is a patch release of one of the minor versions."""
    return bool(RELEASE.match(version)) and minor_of(version) in minors


def containerd(settings: Mapping) -> Iterator[Finding]:
    """Whether containerd is one that reads the configuration that the roles write."""
    for pin in settings.get("packages") or []:
        if pin["package"] == "containerd.io" and not re.match(r"2\.", pin["version"].rpartition(":")[2]):
            fix = "Set it to 2.*, or to a release of containerd 2 such as 2.4.2"
            yield Finding("packages", pin["variable"], f"{pin['version']!r} is not a version 2.x of containerd", fix)


def versions(settings: Mapping, today: str) -> Iterator[Finding]:
    """Versions and names that this collection knows. today is a date such as 2026-11-25."""
    kubernetes, istio = str(settings["kubernetes_version"]), str(settings["istio_version"])
    for name, variable, version, minors in (
        ("Kubernetes", "bare_mesh_kubernetes_version", kubernetes, settings["kubernetes_minors"]),
        ("Istio", "bare_mesh_istio_version", istio, settings["istio_minors"]),
    ):
        minor = minor_of(version)
        newest, *_older = minors
        if not is_known(version, minors):
            fix = f"Choose a patch release of {', '.join(minors)}, written like {newest}.0"
            yield Finding("versions", variable, f"{version} is not a known release", fix)
        elif minors[minor]["end_of_life"] and minors[minor]["end_of_life"] < today:
            what = f"{name} {minor} has had no security fixes since {minors[minor]['end_of_life']}"
            yield Finding("end_of_life", variable, what, f"Choose a release of {newest}")
    if not is_known(istio, settings["istio_minors"]):
        return
    supported, profiles = (settings["istio_minors"][minor_of(istio)][key] for key in ("kubernetes", "profiles"))
    if is_known(kubernetes, settings["kubernetes_minors"]) and minor_of(kubernetes) not in supported:
        fix = f"Choose a Kubernetes of {', '.join(supported)}, or another Istio"
        what = f"Istio {istio} does not support Kubernetes {minor_of(kubernetes)}"
        yield Finding("versions", "bare_mesh_istio_version", what, fix)
    if settings["istio_profile"] not in profiles:
        what = f"{settings['istio_profile']!r} is not a profile of Istio {istio}"
        yield Finding("istio_profile", "istio_profile", what, f"Choose from: {', '.join(profiles)}")


def api_server(url: str) -> Iterator[Finding]:
    """Whether kubeadm accepts the name of the API server for its certificate."""
    name = urlsplit(url).hostname or ""
    if name and ":" not in name and not NODE_NAME.match(name):
        what = f"{name!r} cannot be a name in the API server's certificate"
        fix = "Set ansible_host of the control plane to its address, or kubeadm_api_url to a URL with an address"
        yield Finding("settings", "kubeadm_api_url", what, fix)


def judge_hosts(
    inspections: Mapping, hosts: list[Mapping], ports: dict[str, list[str]]
) -> tuple[list[Finding], dict[str, Report]]:
    """Faults of hosts and inventory whatever the settings are, and the reports of the hosts that answered.

    hosts are entries of the filter cluster_hosts; ports holds those that a node and those that a control plane needs.
    """
    reports, faults = access(inspections)
    faults += layout(hosts)
    control_plane = [entry["name"] for entry in hosts if entry["control_plane"]]
    for host, report in reports.items():
        faults += taken_ports(host, report, ports["node"] + (ports["control_plane"] if host in control_plane else []))
    faults += connections(reports)
    known = [(fault.check, fault.where) for fault in faults]
    faults += [fault for fault in identity.judge(hosts, reports) if (fault.check, fault.where) not in known]
    return faults, reports


def judge_settings(reports: dict[str, Report], limits: Mapping, settings: Mapping, today: str) -> Iterator[Finding]:
    """Faults of the hosts and of the settings in view of each other. today is a date such as 2026-11-25."""
    for host, report in reports.items():
        yield from machine(host, report, limits, str(settings["kubernetes_version"]), settings["kubelet_config"])
    yield from closed_ports(reports, str(settings.get("firewall") or "open"))
    yield from clocks(reports, limits["clock_difference"])
    yield from api_server(settings.get("api_url", ""))
    yield from ranges(settings, reports)
    yield from versions(settings, today)
    yield from containerd(settings)
