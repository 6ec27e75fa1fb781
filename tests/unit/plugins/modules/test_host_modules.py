# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pure parts of the modules that work on hosts."""

from __future__ import annotations

import socket
from xml.etree import ElementTree

import pytest
from ansible_collections.bare.mesh.plugins.module_utils import _files, _packages, _systems
from ansible_collections.bare.mesh.plugins.modules import (
    host_firewall,
    host_inspect,
    host_kernel,
    host_names,
    host_repositories,
    host_service,
    host_trust,
)

SOURCE = {"kubernetes": "https://k", "docker": "https://d"}


@pytest.mark.parametrize(("wanted", "installed", "same"), [
    ("", "1:4.3-2", True),
    ("1.36.3", "1.36.3-1.1", True),
    ("1.36.3", "1.36.30-1.1", False),
    ("1.36.3-1.1", "1.36.3-1.1", True),
    ("2.4.2", "2.4.2-1~debian.12~bookworm", True),
    ("27.0.1", "5:27.0.1-1~debian", True),
    ("27.0.1", "3:27.0.2-1.el9", False),
])  # fmt: skip
def test_versions_match(wanted, installed, same):
    assert _packages.matches(wanted, installed) is same


def test_missing_packages():
    assert _packages.missing({"a": "", "b": "2", "c": "1"}, {"b": "1-1", "c": "1-4"}) == ["a", "b"]


RUNNING = {
    "LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "ActiveEnterTimestamp": "Thu 1970-01-01 00:16:40 UTC",
}  # fmt: skip


@pytest.mark.parametrize(("unit", "state", "restart", "newest", "actions"), [
    (RUNNING, "started", False, 1000.9, []),
    (RUNNING, "started", False, 1001.0, ["restart"]),
    (RUNNING, "started", True, 0, ["restart"]),
    ({**RUNNING, "UnitFileState": "disabled"}, "started", False, 0, ["enable"]),
    ({**RUNNING, "ActiveState": "failed"}, "started", True, 2000, ["start"]),
    ({"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": ""}, "started", True, 5, ["enable", "start"]),
    (RUNNING, "stopped", False, 0, ["disable", "stop"]),
    ({"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": ""}, "stopped", False, 0, []),
])  # fmt: skip
def test_service_plan(unit, state, restart, newest, actions):
    assert host_service.plan(unit, state, restart, newest) == actions


def test_swap_lines_become_comments():
    text = "UUID=1 / ext4 defaults 0 1\n/dev/sda2 none swap sw 0 0\n# /dev/sdb none swap sw\n/swap.img\tswap\tswap\tdefaults\n"
    changed = host_kernel.fstab_without_swap(text)
    assert changed.count("# bare.mesh") == 2
    assert "/dev/sda2 none swap sw 0 0" in changed
    assert changed.startswith("UUID=1 / ext4")
    assert host_kernel.fstab_without_swap(changed) == changed


def test_sysctls_of_skipped_namespaces():
    values = {"vm.overcommit_memory": 1, "net.ipv4.ip_forward": 1, "net.ipv4.tcp_rmem": "4096  1 2"}
    assert host_kernel.wanted_sysctls(values, ["vm"]) == {"net.ipv4.ip_forward": "1", "net.ipv4.tcp_rmem": "4096 1 2"}


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


def test_listening_sockets():
    text = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 00000000:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"
        "   1: 0100007F:192C 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n"
    )
    assert list(host_inspect.sockets("tcp", text)) == [("6443/tcp", "4711")]


def test_interfaces_of_the_cluster_do_not_count():
    text = """[
      {"ifname": "lo", "address": "00:00:00:00:00:00", "addr_info": [{"scope": "host", "local": "127.0.0.1", "prefixlen": 8}]},
      {"ifname": "eth0", "address": "02:00:00:00:00:01", "addr_info": [{"scope": "global", "local": "10.0.0.5", "prefixlen": 24}]},
      {"ifname": "cni0", "address": "02:00:00:00:00:02", "addr_info": [{"scope": "global", "local": "10.244.0.1", "prefixlen": 24}]}
    ]"""
    assert host_inspect.interfaces(text) == (["02:00:00:00:00:01"], ["10.0.0.5/24"])
    assert host_inspect.interfaces("") == ([], [])


@pytest.mark.parametrize(("name", "version", "supported", "family"), [
    ("rocky", "9.6", True, "rpm"), ("rhel", "10.0", True, "rpm"), ("rhel", "8.10", False, "rpm"), ("openEuler", "24.03", True, "rpm"),
    ("anolis", "23.1", True, "rpm"), ("debian", "13", True, "deb"), ("ubuntu", "22.04", True, "deb"), ("ubuntu", "20.04", False, "deb"),
])  # fmt: skip
def test_systems(name, version, supported, family):
    release = {"ID": name, "VERSION_ID": version}
    assert _systems.supported(release) is supported
    assert _systems.family(release) == family


def test_os_release():
    assert _systems.parse_os_release('ID="centos"\n# x=1\nVERSION_ID="9"\n\n') == {"ID": "centos", "VERSION_ID": "9"}


@pytest.mark.parametrize(("release", "docker"), [
    ({"ID": "rhel", "VERSION_ID": "10.1"}, "https://d/linux/centos/10/aarch64/stable/"),
    ({"ID": "openEuler", "VERSION_ID": "24.03"}, "https://d/linux/centos/9/aarch64/stable/"),
    ({"ID": "ubuntu", "VERSION_ID": "24.04", "VERSION_CODENAME": "noble"}, "https://d/linux/ubuntu"),
])  # fmt: skip
def test_repositories(release, docker):
    kubernetes, runtime = _systems.repositories(release, "aarch64", SOURCE, "1.36.3")
    assert kubernetes["url"].startswith("https://k/core:/stable:/v1.36/")
    assert runtime["url"] == docker


def test_yum_repositories_check_signatures_and_keep_pinned_packages():
    kubernetes, runtime = _systems.repositories({"ID": "rhel", "VERSION_ID": "9.6"}, "x86_64", SOURCE, "1.36.3")
    text = host_repositories.yum_file(kubernetes, "/key")
    assert "gpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file:///key\n" in text
    assert "kubelet" in text.split("exclude=")[1]
    assert "\ngpgcheck=1\n" in host_repositories.yum_file(runtime, "/key")


def test_apt_sources_name_their_key():
    entries = _systems.repositories({"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"}, "x86_64", SOURCE, "1.36.3")
    flat, docker = (host_repositories.apt_file(entry, "/key", "amd64") for entry in entries)
    assert "Suites: /\nArchitectures: amd64\nSigned-By: /key\n" in flat
    assert "Suites: bookworm\nComponents: stable\n" in docker


def test_certificates_are_compared_by_their_bodies():
    pem = "x\n-----BEGIN CERTIFICATE-----\nab\ncd\n-----END CERTIFICATE-----\n"
    assert host_trust.bodies(pem + pem.replace("ab", "ef")) == {"abcd", "efcd"}
    assert host_trust.bodies("-----BEGIN CERTIFICATE-----\nab") == set()


def test_only_files_of_this_collection_are_removed(tmp_path):
    (tmp_path / "ours").write_text("# Written by bare.mesh.\n")
    (tmp_path / "theirs").write_text("# mine\n# bare.mesh\n")
    paths = [str(tmp_path / name) for name in ("ours", "theirs", "none")]
    files = _files.Files(None)
    for path in paths:
        files.unwant(path)
    files.write()
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]


def test_proxy_of_dnf_comes_and_goes():
    text = "[main]\ngpgcheck=1\n"
    once = host_repositories.dnf_conf(text, "http://p:1")
    assert once == "[main]\n# Written by bare.mesh:\nproxy=http://p:1\ngpgcheck=1\n"
    assert host_repositories.dnf_conf(once, "http://p:1") == once
    assert host_repositories.dnf_conf(once, "") == text
    assert host_repositories.dnf_conf(text + "proxy = http://own\n", "http://p:1") == once
    assert host_repositories.dnf_conf(text + "proxy = http://own\n", "") == text + "proxy = http://own\n"
    assert host_repositories.dnf_conf("", "http://p:1").startswith("[main]\n")


def test_hosts_file_keeps_what_is_not_ours():
    text = "127.0.0.1 localhost\n10.0.0.9 other"
    once = host_names.with_block(text, {"a": "10.0.0.1"})
    assert once.startswith(text + "\n# BEGIN")
    assert host_names.with_block(once, {"a": "10.0.0.1"}) == once
    moved = host_names.with_block(once + "10.0.0.7 later\n", {"a": "10.0.0.2", "b": "10.0.0.3"})
    assert "10.0.0.1" not in moved
    assert moved.endswith("10.0.0.3 b\n# END bare.mesh: the cluster's hosts\n10.0.0.7 later\n")


def test_hosts_do_not_lead_to_themselves():
    text = "127.0.0.1 localhost\n127.0.1.1 a.example a\n127.0.1.1 other\n"
    assert host_names.with_block(text, {"a": "10.0.0.1"}).startswith("127.0.0.1 localhost\n127.0.1.1 other\n# BEGIN")


def test_way_out():
    assert host_inspect.way_out('[{"dst": "8.8.8.8", "dev": "eth0", "prefsrc": "10.0.0.5"}]') == {
        "address": "10.0.0.5",
        "interface": "eth0",
    }
    assert host_inspect.way_out("") == {}


def test_servers_out_of_reach():
    with socket.create_server(("127.0.0.1", 0)) as server:
        open_port = server.getsockname()[1]
        # No host, no question: the controller's check tells of such a URL.
        found = host_inspect.unreachable([f"https://127.0.0.1:{open_port}/a", "http://127.0.0.1:1/b", ":///v2"])
    assert list(found) == ["127.0.0.1:1"]
