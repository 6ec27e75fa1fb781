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


OWN = host_firewall.OWN


def state(running, ports=None, services=(), sources=(), own=()):
    """What firewalld knows; without ports, it does not know the service."""
    service = None
    if ports is not None:
        service = ElementTree.Element("service")
        ElementTree.SubElement(service, "description").text = " ".join([OWN, *own])
        for port in ports:
            ElementTree.SubElement(service, "port", port=port.split("/")[0], protocol=port.split("/")[1])
    return host_firewall.State("public", running, service, set(services), set(sources))


def test_first_opening_changes_both_configurations_without_a_reload():
    commands = host_firewall.plan("s", {"1/tcp", "2/udp"}, ["10.1.0.0/16"], state(host_firewall.parse_zones(ZONES)))
    assert commands == [
        ["--permanent", "--new-service=s"],
        ["--permanent", "--service=s", f"--set-description={OWN} 10.1.0.0/16"],
        ["--permanent", "--service=s", "--add-port=1/tcp", "--add-port=2/udp"],
        ["--permanent", "--zone=public", "--add-service=s"],
        ["--permanent", "--zone=trusted", "--add-source=10.1.0.0/16"],
        ["--zone=public", "--add-port=1/tcp", "--add-port=2/udp"],
        ["--zone=trusted", "--add-source=10.1.0.0/16"],
    ]


@pytest.mark.parametrize("open_by", [{"ports": ["1/tcp"]}, {"services": ["s"]}], ids=["before", "after a reload"])
def test_nothing_to_open(open_by):
    known = state(
        {"public": open_by, "trusted": {"sources": ["10.1.0.0/16"]}}, ["1/tcp"], ["s"], ["10.1.0.0/16"], ["10.1.0.0/16"]
    )
    assert host_firewall.plan("s", {"1/tcp"}, ["10.1.0.0/16"], known) == []


def test_a_port_that_is_needed_no_more_is_closed():
    known = state({"public": {"ports": ["1/tcp", "6443/tcp"]}}, ["1/tcp", "6443/tcp"], ["s"])
    commands = host_firewall.plan("s", {"1/tcp"}, [], known)
    assert commands == [
        ["--permanent", "--service=s", "--remove-port=6443/tcp"],
        ["--zone=public", "--remove-port=6443/tcp"],
    ]


def test_a_port_that_a_loaded_service_opens_is_closed():
    """The running definition of the service changes by a reload alone, so the running zone leaves it."""
    commands = host_firewall.plan(
        "s", {"1/tcp"}, [], state({"public": {"services": ["s"]}}, ["1/tcp", "6443/tcp"], ["s"])
    )
    assert commands == [
        ["--permanent", "--service=s", "--remove-port=6443/tcp"],
        ["--zone=public", "--remove-service=s"],
        ["--zone=public", "--add-port=1/tcp"],
    ]


def test_a_range_that_is_needed_no_more_is_closed_and_those_of_others_stay():
    sources = ["10.1.0.0/16", "192.0.2.0/24"]
    known = state(
        {"public": {"ports": ["1/tcp"]}, "trusted": {"sources": sources}}, ["1/tcp"], ["s"], sources, ["10.1.0.0/16"]
    )
    assert host_firewall.plan("s", {"1/tcp"}, ["10.2.0.0/16"], known) == [
        ["--permanent", "--zone=trusted", "--remove-source=10.1.0.0/16"],
        ["--zone=trusted", "--remove-source=10.1.0.0/16"],
        ["--permanent", "--service=s", f"--set-description={OWN} 10.2.0.0/16"],
        ["--permanent", "--zone=trusted", "--add-source=10.2.0.0/16"],
        ["--zone=trusted", "--add-source=10.2.0.0/16"],
    ]


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
            texts.append(
                f"{zone} (active)\n" + "".join(f"  {key}: {' '.join(values)}\n" for key, values in entry.items())
            )
        return "\n".join(texts)

    def now(self, command):
        _program, _quiet, zone, *changes = command.split()
        for change in changes:
            verb, kind, value = change.removeprefix("--").replace("=", "-", 1).split("-", 2)
            values = self.running[zone.split("=")[1]].setdefault(f"{kind}s", [])
            values.append(value) if verb == "add" else values.remove(value)

    def permanent(self, command):
        command, _set, description = command.partition(" --set-description=")
        _program, _quiet, _permanent, owner, *changes = command.split()
        if len({change.partition("=")[0] for change in changes}) > 1:
            return 2, "", "usage: 'firewall-cmd --help' for usage information"
        kind, name = owner.removeprefix("--").split("=")
        if kind == "delete-service":
            self.machine.path(f"/etc/firewalld/services/{name}.xml").unlink()
            return 0, "", ""
        path = f"/etc/firewalld/{kind.removeprefix('new-')}s/{name}.xml"
        shipped = self.machine.path(path.replace("/etc/", "/usr/lib/"))
        if not self.machine.path(path).exists():
            self.machine.put(path, shipped.read_text() if shipped.exists() else f"<{kind.removeprefix('new-')}/>")
        root = ElementTree.parse(self.machine.path(path)).getroot()
        for old in root.findall("description") if description else []:
            root.remove(old)
        if description:
            ElementTree.SubElement(root, "description").text = description
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
    assert done["running"] and done["zone"] == "public" and len(done["commands"]) == 7
    assert done["diff"]["after"].splitlines()[0] == "firewall-cmd --permanent --new-service=bare-mesh-node"
    assert firewalld.running["public"]["ports"] == ["1/tcp", "2/udp"] and firewalld.running["trusted"]["sources"] == [
        "10.1.0.0/16"
    ]
    assert 'name="ssh"' in machine.text("/etc/firewalld/zones/public.xml")
    done = predicted(host_firewall, ports=["1/tcp"], sources=["10.1.0.0/16"], interface="eth0")
    assert all("--remove-port=2/udp" in command for command in done["commands"]) and len(done["commands"]) == 2
    predicted(host_firewall, ports=["3/tcp"], sources=["10.1.0.0/16"], interface="eth0")
    assert firewalld.running["public"]["ports"] == ["3/tcp"]


@pytest.mark.parametrize("loaded", [True, False], ids=["after a reload", "before"])
def test_everything_of_ours_is_closed(machine, call, predicted, loaded):
    firewalld = Firewalld(machine)
    call(host_firewall, ports=["1/tcp"], sources=["10.1.0.0/16"], interface="eth0")
    call(host_firewall, service="theirs", ports=["9/tcp"], sources=["192.0.2.0/24"], interface="eth0")
    if loaded:
        firewalld.running["public"].update(services=["ssh", "bare-mesh-node", "theirs"], ports=[])
    predicted(host_firewall, state="absent")
    assert firewalld.running["public"] == {
        "services": ["ssh", "theirs"] if loaded else ["ssh"],
        "ports": [] if loaded else ["9/tcp"],
        "interfaces": ["eth0"],
    }
    assert firewalld.running["trusted"]["sources"] == ["192.0.2.0/24"]
    assert not machine.path("/etc/firewalld/services/bare-mesh-node.xml").exists()
    permanent = machine.text("/etc/firewalld/zones/public.xml") + machine.text("/etc/firewalld/zones/trusted.xml")
    assert "bare-mesh-node" not in permanent and "10.1.0.0" not in permanent
    assert "theirs" in permanent and "192.0.2.0" in permanent


def test_the_zone_is_that_of_the_node_s_address(machine, call):
    """Answers of ip of iproute2 6.1.0 to `ip -j addr show to`."""
    firewalld = Firewalld(machine)
    firewalld.running["internal"] = {"services": [], "interfaces": ["eth1"]}
    machine.programs |= {"ip"}
    machine.looks["ip -j addr show to"] = "[]"
    machine.looks["ip -j addr show to 10.9.0.1"] = (
        '[{},{"ifindex":4,"ifname":"eth1","addr_info":[{"local":"10.9.0.1"}]}]'
    )
    machine.looks["ip -j addr show to node"] = (1, "", 'Error: any valid prefix is expected rather than "node".')
    for address, zone in (("10.9.0.1", "internal"), ("192.0.2.1", "public"), ("node", "public"), ("", "public")):
        assert call(host_firewall, check=True, ports=["1/tcp"], interface="eth0", address=address)["zone"] == zone


class Ufw:
    """Keeps rules as ufw 0.36.2 does: one that is added again takes the new comment."""

    def __init__(self, machine, **rules):
        self.rules = {"allow 22/tcp": "", "allow 80/tcp": "mine"}
        machine.programs |= {"ufw"}
        machine.looks["ufw show added"] = self.added
        machine.acts |= {"ufw": self.add, "ufw delete": self.delete, "ufw route delete": self.delete}
        machine.put("/etc/ufw/ufw.conf", "# comment\nENABLED=yes\nLOGLEVEL=low\n")

    def added(self, _command):
        lines = [f"ufw {rule}" + (f" comment '{comment}'" if comment else "") for rule, comment in self.rules.items()]
        return "\n".join(["Added user rules (see 'ufw status' for running firewall):", *(lines or ["(None)"])]) + "\n"

    def add(self, command):
        rule, _comment, comment = command.removeprefix("ufw ").partition(" comment ")
        self.rules[rule] = comment
        return 0, "Rule added\n", ""

    def delete(self, command):
        del self.rules[command.removeprefix("ufw ").replace("delete ", "")]
        return 0, "Rule deleted\n", ""


OWN_RULES = ("allow 1/tcp", "allow 30000:32767/udp")
RANGE_RULES = ("allow from 10.1.0.0/16", "route allow from 10.1.0.0/16", "route allow to 10.1.0.0/16")


def test_ufw_is_opened_and_closed(machine, predicted):
    ufw = Ufw(machine)
    before = dict(ufw.rules)
    done = predicted(host_firewall, ports=["30000-32767/udp", "1/tcp"], sources=["10.1.0.0/16"])
    assert done["ufw"] and not done["running"] and "zone" not in done
    assert ufw.rules == {**before, **dict.fromkeys((*OWN_RULES, *RANGE_RULES), "bare-mesh-node")}
    assert done["commands"][0] == "ufw allow 1/tcp comment bare-mesh-node" == done["diff"]["after"].splitlines()[0]
    predicted(host_firewall, ports=["1/tcp"], sources=[])
    assert ufw.rules == {**before, "allow 1/tcp": "bare-mesh-node"}
    predicted(host_firewall, state="absent")
    assert ufw.rules == before


def test_a_rule_of_ufw_that_is_the_user_s_stays_his(machine, call):
    ufw = Ufw(machine)
    before = dict(ufw.rules)
    for check in (True, False):
        assert not call(host_firewall, check=check, ports=["22/tcp", "80/tcp"])["changed"]
    assert not call(host_firewall, state="absent")["changed"] and ufw.rules == before


def test_a_ufw_that_is_switched_off_is_left_alone_but_for_our_rules(machine, call, predicted):
    ufw = Ufw(machine)
    machine.put("/etc/ufw/ufw.conf", "ENABLED=no\n")
    done = call(host_firewall, ports=["1/tcp"])
    assert (done["changed"], done["ufw"]) == (False, False)
    ufw.rules["allow 1/tcp"] = "bare-mesh-node"
    predicted(host_firewall, state="absent")
    assert "allow 1/tcp" not in ufw.rules


def test_firewalld_and_ufw_side_by_side(machine, predicted):
    firewalld, ufw = Firewalld(machine), Ufw(machine)
    done = predicted(host_firewall, ports=["1/tcp"], interface="eth0")
    assert done["running"] and done["ufw"]
    assert firewalld.running["public"]["ports"] == ["1/tcp"] and ufw.rules["allow 1/tcp"] == "bare-mesh-node"


def test_refusals_of_ufw_are_messages(machine, call):
    Ufw(machine)
    machine.acts["ufw"] = (1, "", "ERROR: Bad port")
    failed = call(host_firewall, ports=["x/tcp"])
    assert failed["msg"] == "ufw allow x/tcp comment bare-mesh-node: ERROR: Bad port"
    machine.looks["ufw show added"] = (1, "", "ERROR: You need to be root to run this script")
    assert "ufw show added: ERROR: You need to be root" in call(host_firewall, ports=["1/tcp"])["msg"]


def test_ports_must_be_named(machine, call):
    Firewalld(machine)
    assert "ports must name the ports" in call(host_firewall)["msg"]


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
