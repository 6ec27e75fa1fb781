#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_firewall
short_description: Opens a node's ports in firewalld
version_added: 0.1.0
description:
  - Defines one firewalld service with exactly the given ports, and trusts the given source ranges.
  - The permanent and the running configuration are changed side by side, without a reload,
    since a reload can wipe the rules of the network plugin and of kube-proxy.
  - On a host without a running firewalld there is nothing to do.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  service:
    description: Name of the firewalld service.
    type: str
    default: bare-mesh-node
  ports:
    description: Ports as firewalld writes them, such as V(6443/tcp).
    type: list
    elements: str
    required: true
  sources:
    description: Ranges whose traffic is trusted, such as that of the pods.
    type: list
    elements: str
    default: []
  interface:
    description: The ports are opened in the zone of this interface, or in the default zone where it has none.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Shows the calls of C(firewall-cmd).
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Open a worker's ports
  bare.mesh.host_firewall:
    ports: [10250/tcp, 30000-32767/tcp]
    sources: [10.244.0.0/16]
"""

RETURN = r"""
running:
  description: Whether firewalld runs on the host.
  returned: always
  type: bool
zone:
  description: The zone with the ports.
  returned: when firewalld runs
  type: str
commands:
  description: The changes that were, or in check mode would be, made.
  returned: always
  type: list
  elements: str
"""

import os
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run

NOT_RUNNING = 252


def parse_zones(text: str) -> dict[str, dict[str, list[str]]]:
    """Zone -> key -> values, as `firewall-cmd --list-all-zones` prints them."""
    zones: dict[str, dict[str, list[str]]] = {}
    current: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith(" "):
            current = zones.setdefault(line.split()[0], {})
        elif ":" in line and not line.startswith("\t"):
            key, _colon, value = line.strip().partition(":")
            current[key] = value.split()
    return zones


def permanent(kind: str, name: str) -> ElementTree.Element | None:
    """The permanent definition of a zone or a service; None where there is none."""
    for folder in ("/etc/firewalld", "/usr/lib/firewalld"):
        path = f"{folder}/{kind}/{name}.xml"
        if os.path.exists(path):
            return ElementTree.parse(path).getroot()
    return None


def ports_of(service: ElementTree.Element | None) -> set[str]:
    """The ports of a service's definition."""
    found = [] if service is None else service.findall("port")
    return {f"{port.get('port')}/{port.get('protocol')}" for port in found}


def repeat_option(option: str, values: Iterable[str]) -> list[str]:
    return [f"--{option}={value}" for value in sorted(values)]


def plan(
    name: str, ports: set[str], sources: list[str], zone: str, running: dict[str, dict[str, list[str]]], stored: dict[str, Any]
) -> list[list[str]]:
    """The argument lists for firewall-cmd that lead to the wanted state.

    running: the zones in effect; stored: the permanent `service`, and the permanent services of the zone and sources of 'trusted'.
    """
    commands = []
    if stored["service"] is None:
        commands.append(["--permanent", f"--new-service={name}"])
    old = ports_of(stored["service"])
    # firewall-cmd takes one kind of change per call.
    for option, changed in (("add-port", ports - old), ("remove-port", old - ports)):
        if changed:
            commands.append(["--permanent", f"--service={name}", *repeat_option(option, changed)])
    if name not in stored["services"]:
        commands.append(["--permanent", f"--zone={zone}", f"--add-service={name}"])
    if set(sources) - stored["sources"]:
        commands.append(["--permanent", "--zone=trusted", *repeat_option("add-source", set(sources) - stored["sources"])])
    # A service that is new to the permanent configuration is unknown to the running one until a reload.
    open_now = set(running[zone].get("ports", []))
    open_now |= old if name in running[zone].get("services", []) else set()
    if ports - open_now:
        commands.append([f"--zone={zone}", *repeat_option("add-port", ports - open_now)])
    closed = (old - ports) & set(running[zone].get("ports", []))
    if closed:
        commands.append([f"--zone={zone}", *repeat_option("remove-port", closed)])
    untrusted = set(sources) - set(running.get("trusted", {}).get("sources", []))
    if untrusted:
        commands.append(["--zone=trusted", *repeat_option("add-source", untrusted)])
    return commands


def default_zone() -> str:
    try:
        with open("/etc/firewalld/firewalld.conf", encoding="utf-8") as file:
            return next((line.split("=", 1)[1].strip() for line in file if line.startswith("DefaultZone=")), "public")
    except FileNotFoundError:
        return "public"


def names(root: ElementTree.Element | None, tag: str, attribute: str) -> set[str | None]:
    return set() if root is None else {item.get(attribute) for item in root.findall(tag)}


def work(module: AnsibleModule) -> dict[str, Any]:
    program = module.get_bin_path("firewall-cmd")
    code, out, err = module.run_command([program, "--list-all-zones"]) if program else (NOT_RUNNING, "", "")
    if code == NOT_RUNNING:
        return {"changed": False, "running": False, "commands": []}
    if code:
        raise Failure(f"firewall-cmd --list-all-zones: {(err or out).strip()}")
    running = parse_zones(out)
    interface = module.params["interface"]
    zone = next((name for name, entry in running.items() if interface in entry.get("interfaces", [])), default_zone())
    if zone not in running:
        raise Failure(f"firewalld's default zone {zone} is not among the zones in effect; run: firewall-cmd --reload")
    name, ports = module.params["service"], set(module.params["ports"])
    stored = {
        "service": permanent("services", name),
        "services": names(permanent("zones", zone), "service", "name"),
        "sources": names(permanent("zones", "trusted"), "source", "address"),
    }
    commands = plan(name, ports, module.params["sources"], zone, running, stored)
    if not module.check_mode:
        for command in commands:
            code, out, err = module.run_command([program, "-q", *command])
            if code:
                raise Failure(f"firewall-cmd {' '.join(command)}: {(err or out).strip()}")
    text = [" ".join(command) for command in commands]
    return {
        "changed": bool(commands),
        "running": True,
        "zone": zone,
        "commands": text,
        "diff": {"before": "", "after": "".join(f"firewall-cmd {line}\n" for line in text)},
    }


def main() -> None:
    run(
        work,
        {
            "service": {"type": "str", "default": "bare-mesh-node"},
            "ports": {"type": "list", "elements": "str", "required": True},
            "sources": {"type": "list", "elements": "str", "default": []},
            "interface": {"type": "str", "default": ""},
        },
    )


if __name__ == "__main__":
    main()
