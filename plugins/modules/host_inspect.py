#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_inspect
short_description: Reads in one go what decides whether a host can become a node
version_added: 0.1.0
description:
  - Changes nothing and needs no facts. M(bare.mesh.preflight_check) judges what it finds.
  - It sets those few facts that the collection's roles use on a host, so that the run need not gather them again.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  features:
    description: Kernel features to look for, such as V(overlay).
    type: list
    elements: str
    default: []
  sent_at:
    description: The controller's clock, in seconds since 1970, when it sent the task.
    type: float
    required: true
  images:
    description:
      - Images that the host must be able to pull. It asks the registry for their manifests and smallest blobs, and
        follows redirects.
      - Not asked where kubeadm has begun or finished a node, which has its images.
    type: list
    elements: str
    default: []
  registries:
    description: Name of a registry to the endpoint that serves its images, as in C(meta/sources.yml).
    type: dict
    default: {}
  logins:
    description:
      - Server of a registry, with its port where it has one, to the name and the password for it, as V(name:password)
        in base64.
    type: dict
    default: {}
    version_added: 0.2.0
  ca:
    description: Certificate authority that the registries may have, in addition to the system's own, in PEM form.
    type: str
    default: ''
  proxy:
    description: URL of the proxy by which the registries and dnf's repositories are reached.
    type: str
    default: ''
  packages:
    description: Names of packages whose installed versions are reported, with those that would give way to them.
    type: list
    elements: str
    default: []
  users:
    description: Names of users that the host is to have. An empty name stands for none.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  reach:
    description: URLs whose servers the host must reach. It opens a connection to each, and sends nothing.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    details: Changes nothing in any mode.
  diff_mode:
    support: none
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Look at the host
  bare.mesh.host_inspect:
    features: [overlay, br_netfilter]
    sent_at: "{{ now(fmt='%s.%f') }}"
    reach: [https://pkgs.k8s.io]
"""

RETURN = r"""
ansible_facts:
  description: Facts with the names and the meaning that M(ansible.builtin.setup) gives them.
  returned: always
  type: dict
  contains:
    architecture: {description: Machine name., type: str}
    default_ipv4: {description: The C(address) and C(interface) of the default route., type: dict}
    os_family: {description: V(Debian) or V(RedHat)., type: str}
report:
  description: What was found.
  returned: always
  type: dict
  contains:
    user_id: {description: Effective user id of the module., type: int}
    os: {description: The variables of C(/etc/os-release)., type: dict}
    machine: {description: Machine name such as V(x86_64)., type: str}
    hostname: {description: Host name., type: str}
    macs: {description: MAC addresses of the interfaces that carry addresses., type: list}
    product_id: {description: The machine's product UUID. Empty where there is none., type: str}
    instance:
      description: The running kernel and the network namespace in it. Two inventory hosts that have the same are one.
      type: str
    nm_cloud_setup: {description: Those of nm-cloud-setup's units that are active or enabled., type: list}
    cpus: {description: CPUs usable., type: int}
    memory_mb: {description: Memory in MiB., type: int}
    disk_gb: {description: Free GiB in the file system of the images (C(/var/lib/containerd))., type: float}
    clock: {description: The host's clock minus O(sent_at)., type: float}
    cgroup: {description: Version of the cgroup file system., type: int}
    features:
      description: >-
        Kernel feature to V(present), V(loadable), V(installable) or V(missing). What is installable comes with a
        package for the running kernel, which M(bare.mesh.host_kernel) installs.
      type: dict
    kernel_advice: {description: What to do about the missing features. Empty where none is missing., type: str}
    networks: {description: The host's own IPv4 and IPv6 networks., type: list}
    listening: {description: Port such as V(6443/tcp) to the name of the program that listens on it., type: dict}
    member: {description: Whether kubeadm has begun or finished a node here., type: bool}
    ufw: {description: Whether Ubuntu's ufw is switched on., type: bool}
    firewalld: {description: Whether firewalld runs or is to start at boot., type: bool}
    packages:
      description: Name to version of the installed ones of O(packages), and of those that would give way to them.
      type: dict
    apt_sources: {description: 'C(file), C(url), C(suite) and C(signed_by) of the package sources of apt.', type: list}
    missing_users: {description: Those of O(users) that the host does not have., type: list}
    refused_images: {description: Image of O(images) that cannot be pulled to the reason., type: dict}
    unreachable: {description: Server of O(reach) that cannot be reached to the reason., type: dict}
    address: {description: The host's address on its default route. Empty where it has none., type: str}
    cluster:
      description: What the cluster that the host belongs to was made with. Empty where it belongs to none.
      type: dict
"""

import glob
import json
import os
import platform
import pwd
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host import apt_sources, distributions, kernel, registry, ufw
from ansible_collections.bare.mesh.plugins.module_utils._host.files import read
from ansible_collections.bare.mesh.plugins.module_utils._host.packages import RIVALS, package_manager
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.cluster import read_settings

# Interfaces that a cluster itself makes.
OWN_INTERFACES = re.compile(r"^(lo|cni|flannel|veth|kube-|docker|br-|cali|tunl)")
MEMBER = ("/etc/kubernetes/manifests/*.yaml", "/etc/kubernetes/*.conf", "/var/lib/kubelet/config.yaml")
UNITS = ("nm-cloud-setup.service", "nm-cloud-setup.timer", "firewalld.service")
# State of a listening TCP socket and of an open UDP one in /proc/net.
LISTENING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}


def sockets(protocol: str, text: str) -> Iterator[tuple[str, str]]:
    """Yields (port, inode) of each listening socket of a /proc/net table."""
    for line in text.splitlines()[1:]:
        parts = line.split()
        if len(parts) > 9 and parts[3] == LISTENING[protocol]:
            yield f"{int(parts[1].rsplit(':', 1)[1], 16)}/{protocol[:3]}", parts[9]


def programs(inodes: set[str]) -> dict[str, str]:
    """Socket inode -> program name, for the sockets asked for."""
    found = {}
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        inode = target[8:-1] if target.startswith("socket:[") else ""
        if inode in inodes:
            found[inode] = read(f"/proc/{link.split('/')[2]}/comm").decode(errors="replace").strip()
    return found


def listening() -> dict[str, str]:
    tables = {name: read(f"/proc/net/{name}").decode() for name in LISTENING}
    ports = dict(pair for name, text in tables.items() for pair in sockets(name, text))
    names = programs(set(ports.values()))
    return {port: names.get(inode, "") for port, inode in ports.items()}


def interfaces(text: str) -> tuple[list[str], list[str]]:
    """(MAC addresses, networks) of the host's own interfaces, from `ip -j addr`."""
    macs, networks = [], []
    for link in json.loads(text or "[]"):
        addresses = [entry for entry in link.get("addr_info", []) if entry.get("scope") == "global"]
        if addresses and not OWN_INTERFACES.match(link.get("ifname", "")):
            macs.append(link.get("address", ""))
            networks += [f"{entry['local']}/{entry['prefixlen']}" for entry in addresses]
    # A bond or a bridge and its VLANs have the same one.
    return sorted({mac for mac in macs if mac}), networks


def way_out(text: str) -> dict[str, str]:
    """The default IPv4 address, from `ip -j -4 route get`."""
    routes = json.loads(text or "[]")
    return {"address": routes[0]["prefsrc"], "interface": routes[0]["dev"]} if routes and "prefsrc" in routes[0] else {}


def refusal(server: tuple[str, int]) -> str:
    """Why a (name, port) gives no connection; empty if it does."""
    try:
        socket.create_connection(server, timeout=5).close()
    except OSError as error:
        return str(error)
    return ""


def server_of(url: str) -> tuple[str, int] | None:
    """(name, port) of a URL; None where it names no server."""
    try:
        parts = urlsplit(url)
        return (parts.hostname, parts.port or (80 if parts.scheme == "http" else 443)) if parts.hostname else None
    except ValueError:
        # The port is not a number, which preflight's check of the source reports.
        return None


def unreachable(urls: list[str]) -> dict[str, str]:
    """Server as name:port -> why it gives no connection, for those that do not."""
    servers = sorted({server for url in urls if (server := server_of(url))})
    with ThreadPoolExecutor(max(len(servers), 1)) as pool:
        return {f"{name}:{port}": why for (name, port), why in zip(servers, pool.map(refusal, servers)) if why}


def product_id() -> str:
    """Only root can read it; preflight sees by user_id that a task was not root."""
    try:
        return read("/sys/class/dmi/id/product_uuid").decode().strip()
    except PermissionError:
        return ""


def instance() -> str:
    """The boot of the kernel, and the network namespace.

    A clone of a machine boots by itself, even if it has the machine id of the original; and a container has a network
    of its own, even if it shares the kernel or the machine id.
    """
    boot = read("/proc/sys/kernel/random/boot_id").decode().strip()
    try:
        return f"{boot} {os.readlink('/proc/self/ns/net')}" if boot else ""
    except OSError:
        return ""


def running_units(module: AnsibleModule) -> list[str]:
    """Those of UNITS that run, wait for their time, or are to start at boot."""
    systemctl = module.get_bin_path("systemctl")
    command = [systemctl, "show", "--property=Id,ActiveState,UnitFileState", *UNITS]
    answer = module.run_command(command)[1] if systemctl else ""
    units = [dict(line.split("=", 1) for line in unit.splitlines() if "=" in line) for unit in answer.split("\n\n")]
    return [
        unit["Id"]
        for unit in units
        if unit.get("Id")
        and (unit.get("ActiveState") in ("active", "activating") or unit.get("UnitFileState") == "enabled")
    ]


def free_gb(*paths: str) -> float:
    """The free space in the file system of the first path that is there."""
    stats = os.statvfs(next((path for path in paths if os.path.exists(path)), "/"))
    return round(stats.f_bavail * stats.f_frsize / 2**30, 1)


def is_member() -> bool:
    """Whether kubeadm has begun or finished a node here."""
    return any(glob.glob(pattern) for pattern in MEMBER)


def refused_images(module: AnsibleModule) -> dict[str, str]:
    """Image -> why it cannot be pulled."""
    params = module.params
    images = [] if is_member() else params["images"]
    return registry.refusals(images, params["registries"], params["ca"], params["proxy"], params["logins"])


def installed(module: AnsibleModule) -> dict[str, str]:
    """The installed ones of the packages and of their rivals, with their versions."""
    names, manager = module.params["packages"], package_manager(module)
    rivals = {rival for name in names for rival in RIVALS.get(name, ())}
    return manager.versions(rivals.union(names)) if names and manager else {}


def missing_users(names: list[str]) -> list[str]:
    """Those that the host does not have; asked one by one, because a directory service may not list its users."""
    missing = []
    for name in filter(None, names):
        try:
            pwd.getpwnam(name)
        except KeyError:
            missing.append(name)
    return missing


def features(module: AnsibleModule) -> tuple[dict[str, str], str]:
    """(the features' states, what to do about the missing ones), as host_kernel will judge them."""
    modprobe = module.get_bin_path("modprobe")
    states = kernel.states(
        module.params["features"],
        lambda name: bool(modprobe) and module.run_command([modprobe, "-n", "-q", name])[0] == 0,
    )
    extra = kernel.ExtraModules(module, module.params["proxy"])
    brought = extra.of([name for name, state in states.items() if state == "missing"])
    states.update(dict.fromkeys(brought, "installable"))
    return states, extra.advice() if "missing" in states.values() else ""


def work(module: AnsibleModule) -> dict[str, Any]:
    clock = time.time() - module.params["sent_at"]
    units = running_units(module)
    ip = module.get_bin_path("ip")
    macs, networks = interfaces(module.run_command([ip, "-j", "addr"])[1] if ip else "")
    # Nothing is sent to that address: the kernel only says how it would.
    route = module.run_command([ip, "-j", "-4", "route", "get", "8.8.8.8"]) if ip else (1, "", "")
    out = way_out(route[1] if route[0] == 0 else "")
    states, advice = features(module)
    memory = re.search(r"MemTotal:\s+(\d+)", read("/proc/meminfo").decode())
    report = {
        "user_id": os.geteuid(),
        "os": distributions.parse_os_release(read("/etc/os-release").decode()),
        "machine": platform.machine(),
        "hostname": socket.gethostname(),
        "macs": macs,
        "product_id": product_id(),
        "instance": instance(),
        "nm_cloud_setup": [name for name in units if name.startswith("nm-")],
        "cpus": len(os.sched_getaffinity(0)),
        "memory_mb": int(memory.group(1)) // 1024 if memory else 0,
        # It can have a file system of its own.
        "disk_gb": free_gb("/var/lib/containerd", "/var/lib"),
        "clock": round(clock, 2),
        "cgroup": 2 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 1,
        "features": states,
        "kernel_advice": advice,
        "networks": networks,
        "listening": listening(),
        "member": is_member(),
        "ufw": ufw.is_on(),
        "firewalld": "firewalld.service" in units,
        "packages": installed(module),
        "apt_sources": apt_sources.entries(),
        "missing_users": missing_users(module.params["users"]),
        "refused_images": refused_images(module),
        "unreachable": unreachable(module.params["reach"]),
        "address": out.get("address", ""),
        "cluster": read_settings(),
    }
    facts = {
        "architecture": report["machine"],
        "default_ipv4": out,
        "os_family": "Debian" if distributions.family(report["os"]) == "deb" else "RedHat",
    }
    return {"changed": False, "report": report, "ansible_facts": facts}


def main() -> None:
    run(
        work,
        {
            "features": {"type": "list", "elements": "str", "default": []},
            "sent_at": {"type": "float", "required": True},
            "images": {"type": "list", "elements": "str", "default": []},
            "registries": {"type": "dict", "default": {}},
            "logins": {"type": "dict", "default": {}, "no_log": True},
            "ca": {"type": "str", "default": ""},
            "proxy": {"type": "str", "default": "", "no_log": True},
            "packages": {"type": "list", "elements": "str", "default": []},
            "users": {"type": "list", "elements": "str", "default": []},
            "reach": {"type": "list", "elements": "str", "default": []},
        },
    )


if __name__ == "__main__":
    main()
