#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_firewall
short_description: Opens a node's ports in firewalld and ufw
version_added: 0.1.0
description:
  - Defines one firewalld service with exactly the given ports, and trusts the given source ranges.
  - The service's description lists these ranges. A range that it lists and the task no longer names is closed; others
    stay.
  - The permanent and the running configuration are changed side by side, without a reload,
    since a reload can wipe the rules of the network plugin and of kube-proxy.
  - Where C(ufw) is switched on, the same is opened there, by rules that have the name of the service as their comment.
    Rules with that comment which the task no longer asks for are deleted; those of others stay.
  - On a host without a running firewall there is nothing to do.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  service:
    description: Name of the firewalld service, and comment of the rules in ufw.
    type: str
    default: bare-mesh-node
  ports:
    description: Ports as firewalld writes them, such as V(6443/tcp). Required if O(state=present).
    type: list
    elements: str
    default: []
  sources:
    description: Ranges whose traffic is trusted, such as that of the pods.
    type: list
    elements: str
    default: []
  interface:
    description:
      - The ports are opened in firewalld's zone of this interface, or in the default zone where it has none.
      - With O(state=absent), they are closed in every zone.
    type: str
    default: ""
  address:
    description:
      - An address of the host. Its interface takes the place of O(interface), which counts where no interface has it.
    type: str
    default: ""
    version_added: 0.2.0
  state:
    description: Whether the service is there. V(absent) closes its ports and the ranges that its description lists.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Shows the calls of C(firewall-cmd) and C(ufw).
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Open a worker's ports
  bare.mesh.host_firewall:
    ports: [10250/tcp, 30000-32767/tcp]
    sources: [10.244.0.0/16]

- name: Close them
  bare.mesh.host_firewall:
    state: absent
"""

RETURN = r"""
running:
  description: Whether firewalld runs on the host.
  returned: always
  type: bool
ufw:
  description: Whether ufw is switched on.
  returned: always
  type: bool
zone:
  description: The zone with the ports.
  returned: when firewalld runs
  type: str
commands:
  description: The changes that were, or in check mode would be, made. Those of ufw begin with its name.
  returned: always
  type: list
  elements: str
"""

import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple
from xml.etree import ElementTree

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host import ufw

NOT_RUNNING = 252
# How the description of the service begins, before its ranges.
OWN = "A node of Kubernetes, by bare.mesh. Trusted ranges:"


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


def own_sources(service: ElementTree.Element | None) -> set[str]:
    """The ranges that the service's description lists."""
    text = "" if service is None else service.findtext("description") or ""
    return set(text.partition(OWN)[2].split())


class State(NamedTuple):
    """What firewalld knows of the service's zone."""

    zone: str
    # The zones in effect, as parse_zones returns them.
    running: dict[str, dict[str, list[str]]]
    # The permanent definition of the service, the permanent services of its zone and sources of the zone trusted.
    service: ElementTree.Element | None
    services: set[str | None]
    sources: set[str | None]

    def now(self, zone: str, key: str) -> set[str]:
        return set(self.running.get(zone, {}).get(key, []))


def close_sources(unwanted: set[str], state: State) -> list[list[str]]:
    """The argument lists for firewall-cmd that end the trust in ranges."""
    commands = []
    for begin, known in (["--permanent"], state.sources), ([], state.now("trusted", "sources")):
        if unwanted & known:
            commands.append([*begin, "--zone=trusted", *repeat_option("remove-source", unwanted & known)])
    return commands


def plan(name: str, ports: set[str], sources: list[str], state: State) -> list[list[str]]:
    """The argument lists for firewall-cmd that lead to exactly these ports and sources."""
    old, own, zone = ports_of(state.service), own_sources(state.service), f"--zone={state.zone}"
    commands = close_sources(own - set(sources), state)
    if state.service is None:
        commands.append(["--permanent", f"--new-service={name}"])
    # Before the ranges are opened, so that a run which is killed leaves none that nobody knows of.
    if own != set(sources):
        commands.append(["--permanent", f"--service={name}", f"--set-description={' '.join([OWN, *sorted(sources)])}"])
    # firewall-cmd takes one kind of change a call.
    for option, changed in (("add-port", ports - old), ("remove-port", old - ports)):
        if changed:
            commands.append(["--permanent", f"--service={name}", *repeat_option(option, changed)])
    if name not in state.services:
        commands.append(["--permanent", zone, f"--add-service={name}"])
    if set(sources) - state.sources:
        commands.append(["--permanent", "--zone=trusted", *repeat_option("add-source", set(sources) - state.sources)])
    commands += open_now(name, ports, old, state)
    untrusted = set(sources) - state.now("trusted", "sources")
    if untrusted:
        commands.append(["--zone=trusted", *repeat_option("add-source", untrusted)])
    return commands


def open_now(name: str, ports: set[str], old: set[str], state: State) -> list[list[str]]:
    """The same for the running configuration.

    It learns a new definition of a service by a reload alone: hence ports.
    """
    zone, open_ports = f"--zone={state.zone}", state.now(state.zone, "ports")
    commands = []
    by_service = old if name in state.now(state.zone, "services") else set()
    if by_service - ports:
        commands.append([zone, f"--remove-service={name}"])
        by_service = set()
    if ports - open_ports - by_service:
        commands.append([zone, *repeat_option("add-port", ports - open_ports - by_service)])
    if (old - ports) & open_ports:
        commands.append([zone, *repeat_option("remove-port", (old - ports) & open_ports)])
    return commands


def plan_removal(name: str, state: State) -> list[list[str]]:
    """The argument lists for firewall-cmd that take the service out of the zone."""
    zone, open_ports = f"--zone={state.zone}", ports_of(state.service) & state.now(state.zone, "ports")
    commands = []
    if name in state.now(state.zone, "services"):
        commands.append([zone, f"--remove-service={name}"])
    if open_ports and name in state.services:
        commands.append([zone, *repeat_option("remove-port", open_ports)])
    if name in state.services:
        commands.append(["--permanent", zone, f"--remove-service={name}"])
    return commands


def load(name: str, zone: str, running: dict[str, dict[str, list[str]]]) -> State:
    services = names(permanent("zones", zone), "service", "name")
    sources = names(permanent("zones", "trusted"), "source", "address")
    return State(zone, running, permanent("services", name), services, sources)


def close_all(name: str, running: dict[str, dict[str, list[str]]]) -> list[list[str]]:
    """The argument lists for firewall-cmd that close everything, whichever zone it was opened in."""
    states = [load(name, zone, running) for zone in running]
    commands = close_sources(own_sources(states[0].service), states[0]) if states else []
    for state in states:
        commands += plan_removal(name, state)
    if states and states[0].service is not None:
        commands.append(["--permanent", f"--delete-service={name}"])
    return commands


def default_zone() -> str:
    try:
        with open("/etc/firewalld/firewalld.conf", encoding="utf-8") as file:
            return next((line.split("=", 1)[1].strip() for line in file if line.startswith("DefaultZone=")), "public")
    except FileNotFoundError:
        return "public"


def names(root: ElementTree.Element | None, tag: str, attribute: str) -> set[str | None]:
    return set() if root is None else {item.get(attribute) for item in root.findall(tag)}


def interface_of(module: AnsibleModule) -> str:
    """The interface that carries the traffic of the node."""
    address, ip = module.params["address"], module.get_bin_path("ip")
    code, out, _err = module.run_command([ip, "-j", "addr", "show", "to", address]) if address and ip else (1, "", "")
    names = [link["ifname"] for link in json.loads(out or "[]") if link.get("ifname")] if not code else []
    return names[0] if names else module.params["interface"]


def firewalld(module: AnsibleModule) -> tuple[str | None, list[list[str]]]:
    """(the zone with the ports, the argument lists for firewall-cmd); without a zone, firewalld does not run."""
    program = module.get_bin_path("firewall-cmd")
    code, out, err = module.run_command([program, "--list-all-zones"]) if program else (NOT_RUNNING, "", "")
    if code == NOT_RUNNING:
        return None, []
    if code:
        raise Failure(f"firewall-cmd --list-all-zones: {(err or out).strip()}")
    running = parse_zones(out)
    name, interface = module.params["service"], interface_of(module)
    zone = next((name for name, entry in running.items() if interface in entry.get("interfaces", [])), default_zone())
    if module.params["state"] == "absent":
        return zone, close_all(name, running)
    if zone not in running:
        raise Failure(f"firewalld's default zone {zone} is not among the zones in effect; run: firewall-cmd --reload")
    return zone, plan(name, set(module.params["ports"]), module.params["sources"], load(name, zone, running))


def ufw_commands(module: AnsibleModule) -> list[list[str]]:
    """The argument lists for ufw. Our rules are deleted from one that is switched off, too."""
    program, absent = module.get_bin_path("ufw"), module.params["state"] == "absent"
    if not program or not (absent or ufw.is_on()):
        return []
    code, out, err = module.run_command([program, "show", "added"], environ_update={"LC_ALL": "C"})
    if code:
        raise Failure(f"ufw show added: {(err or out).strip()}")
    wanted = [] if absent else ufw.rules(module.params["ports"], module.params["sources"])
    return ufw.plan(module.params["service"], wanted, out)


def work(module: AnsibleModule) -> dict[str, Any]:
    if module.params["state"] == "present" and not module.params["ports"]:
        raise Failure("state is present, so ports must name the ports to open")
    zone, commands = firewalld(module)
    of_ufw = ufw_commands(module)
    calls = [("firewall-cmd", ["-q"], command) for command in commands] + [("ufw", [], command) for command in of_ufw]
    if not module.check_mode:
        for program, options, command in calls:
            code, out, err = module.run_command([module.get_bin_path(program), *options, *command])
            if code:
                raise Failure(f"{program} {' '.join(command)}: {(err or out).strip()}")
    return {
        "changed": bool(calls),
        "running": zone is not None,
        "ufw": ufw.is_on(),
        **({"zone": zone} if zone is not None else {}),
        "commands": [" ".join(command) for command in commands] + [" ".join(["ufw", *command]) for command in of_ufw],
        "diff": {
            "before": "",
            "after": "".join(f"{' '.join([program, *command])}\n" for program, _q, command in calls),
        },
    }


def main() -> None:
    run(
        work,
        {
            "service": {"type": "str", "default": "bare-mesh-node"},
            "ports": {"type": "list", "elements": "str", "default": []},
            "sources": {"type": "list", "elements": "str", "default": []},
            "interface": {"type": "str", "default": ""},
            "address": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
    )


if __name__ == "__main__":
    main()
