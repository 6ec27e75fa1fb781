# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_firewall against a played firewalld."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from ansible_collections.bare.mesh.plugins.modules import host_firewall

ZONES = """public (default, active)
  target: default
  interfaces: host0
  sources:
  services: dhcpv6-client ssh
  ports:
  rich rules:
\trule family="ipv4" port port="1"

trusted
  interfaces:
  sources: 10.96.0.0/12
"""


def test_zones_are_parsed():
    zones = host_firewall.parse_zones(ZONES)
    assert zones["public"]["services"] == ["dhcpv6-client", "ssh"]
    assert zones["trusted"]["sources"] == ["10.96.0.0/12"]


def stored(ports=None, services=(), sources=()):
    service = None
    if ports is not None:
        service = ElementTree.Element("service")
        for port in ports:
            ElementTree.SubElement(service, "port", port=port.split("/")[0], protocol=port.split("/")[1])
    return {"service": service, "services": set(services), "sources": set(sources)}


def test_first_opening_changes_both_configurations_without_a_reload():
    commands = host_firewall.plan("s", {"1/tcp", "2/udp"}, ["10.1.0.0/16"], "public", host_firewall.parse_zones(ZONES), stored())
    assert commands == [
        ["--permanent", "--new-service=s"],
        ["--permanent", "--service=s", "--add-port=1/tcp", "--add-port=2/udp"],
        ["--permanent", "--zone=public", "--add-service=s"],
        ["--permanent", "--zone=trusted", "--add-source=10.1.0.0/16"],
        ["--zone=public", "--add-port=1/tcp", "--add-port=2/udp"],
        ["--zone=trusted", "--add-source=10.1.0.0/16"],
    ]


def test_nothing_to_open_before_and_after_a_reload():
    kept = stored(["1/tcp"], ["s"], ["10.1.0.0/16"])
    by_port = {"public": {"ports": ["1/tcp"]}, "trusted": {"sources": ["10.1.0.0/16"]}}
    by_service = {"public": {"services": ["s"]}, "trusted": {"sources": ["10.1.0.0/16"]}}
    for running in (by_port, by_service):
        assert host_firewall.plan("s", {"1/tcp"}, ["10.1.0.0/16"], "public", running, kept) == []


def test_a_port_that_is_needed_no_more_is_closed():
    running = {"public": {"ports": ["1/tcp", "6443/tcp"]}}
    commands = host_firewall.plan("s", {"1/tcp"}, [], "public", running, stored(["1/tcp", "6443/tcp"], ["s"]))
    assert commands == [["--permanent", "--service=s", "--remove-port=6443/tcp"], ["--zone=public", "--remove-port=6443/tcp"]]


RUNNING = {"public": {"services": ["ssh"], "interfaces": ["eth0"]}, "trusted": {}}


class Firewalld:
    """Keeps the running and the permanent configuration as firewalld does."""

    def __init__(self, machine):
        self.machine = machine
        self.running = {zone: {key: list(values) for key, values in entry.items()} for zone, entry in RUNNING.items()}
        machine.programs = {"firewall-cmd"}
        machine.looks = {"firewall-cmd --list-all-zones": self.zones}
        machine.acts = {"firewall-cmd -q --permanent": self.permanent, "firewall-cmd -q --zone": self.now}
        machine.put("/etc/firewalld/firewalld.conf", "# comment\nDefaultZone=public\n")
        machine.put("/usr/lib/firewalld/zones/public.xml", '<zone><service name="ssh"/></zone>')

    def zones(self, _command):
        texts = []
        for zone, entry in self.running.items():
            texts.append(f"{zone} (active)\n" + "".join(f"  {key}: {' '.join(values)}\n" for key, values in entry.items()))
        return "\n".join(texts)

    def now(self, command):
        _program, _quiet, zone, *changes = command.split()
        for change in changes:
            verb, kind, value = change.removeprefix("--").replace("=", "-", 1).split("-", 2)
            values = self.running[zone.split("=")[1]].setdefault(f"{kind}s", [])
            values.append(value) if verb == "add" else values.remove(value)

    def permanent(self, command):
        _program, _quiet, _permanent, owner, *changes = command.split()
        if len({change.partition("=")[0] for change in changes}) > 1:
            return 2, "", "usage: 'firewall-cmd --help' for usage information"
        kind, name = owner.removeprefix("--").split("=")
        path = f"/etc/firewalld/{kind.removeprefix('new-')}s/{name}.xml"
        shipped = self.machine.path(path.replace("/etc/", "/usr/lib/"))
        if not self.machine.path(path).exists():
            self.machine.put(path, shipped.read_text() if shipped.exists() else f"<{kind.removeprefix('new-')}/>")
        root = ElementTree.parse(self.machine.path(path)).getroot()
        for change in changes:
            verb, tag, value = change.removeprefix("--").replace("=", "-", 1).split("-", 2)
            names = {"port": ("port", "protocol"), "service": ("name",), "source": ("address",)}[tag]
            values = dict(zip(names, value.split("/") if tag == "port" else [value]))
            if verb == "add":
                ElementTree.SubElement(root, tag, values)
            else:
                root.remove(next(item for item in root.findall(tag) if item.attrib == values))
        self.machine.put(path, ElementTree.tostring(root, encoding="unicode"))
        return 0, "", ""


def test_check_mode_predicts_the_run(machine, predicted):
    firewalld = Firewalld(machine)
    done = predicted(host_firewall, ports=["1/tcp", "2/udp"], sources=["10.1.0.0/16"], interface="eth0")
    assert done["running"] and done["zone"] == "public" and len(done["commands"]) == 6
    assert done["diff"]["after"].splitlines()[0] == "firewall-cmd --permanent --new-service=bare-mesh-node"
    assert firewalld.running["public"]["ports"] == ["1/tcp", "2/udp"] and firewalld.running["trusted"]["sources"] == ["10.1.0.0/16"]
    assert 'name="ssh"' in machine.text("/etc/firewalld/zones/public.xml")
    done = predicted(host_firewall, ports=["1/tcp"], sources=["10.1.0.0/16"], interface="eth0")
    assert all("--remove-port=2/udp" in command for command in done["commands"]) and len(done["commands"]) == 2
    predicted(host_firewall, ports=["3/tcp"], sources=["10.1.0.0/16"], interface="eth0")
    assert firewalld.running["public"]["ports"] == ["3/tcp"]


def test_the_default_zone_serves_an_interface_of_none(machine, call):
    Firewalld(machine)
    assert call(host_firewall, check=True, ports=["1/tcp"], interface="eth9")["zone"] == "public"
    machine.put("/etc/firewalld/firewalld.conf", "DefaultZone=trusted\n")
    assert call(host_firewall, check=True, ports=["1/tcp"], interface="eth9")["zone"] == "trusted"


@pytest.mark.parametrize("installed", [True, False])
def test_a_firewall_that_does_not_run_is_left_alone(machine, call, installed):
    machine.programs = {"firewall-cmd"} if installed else set()
    machine.looks = {"firewall-cmd --list-all-zones": (252, "", "FirewallD is not running")}
    for check in (True, False):
        done = call(host_firewall, check=check, ports=["1/tcp"])
        assert (done["changed"], done["running"], done["commands"]) == (False, False, [])


def test_refusals_are_messages(machine, call):
    Firewalld(machine)
    machine.acts["firewall-cmd -q --permanent"] = (101, "", "INVALID_PORT: 1/x")
    failed = call(host_firewall, ports=["1/x"])
    assert failed["msg"] == "firewall-cmd --permanent --new-service=bare-mesh-node: INVALID_PORT: 1/x"
    machine.looks["firewall-cmd --list-all-zones"] = (1, "", "no bus")
    assert call(host_firewall, ports=["1/tcp"])["msg"] == "firewall-cmd --list-all-zones: no bus"


def test_a_default_zone_that_is_not_in_effect(machine, call):
    Firewalld(machine)
    machine.put("/etc/firewalld/firewalld.conf", "DefaultZone=gone\n")
    assert "default zone gone is not among the zones" in call(host_firewall, ports=["1/tcp"], interface="eth9")["msg"]
