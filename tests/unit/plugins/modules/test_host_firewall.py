# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_firewall against a played firewalld."""

from __future__ import annotations

from xml.etree import ElementTree

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
