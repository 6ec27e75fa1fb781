# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_inspect on a played host."""

from __future__ import annotations

import platform
import socket
import types

import pytest
from ansible_collections.bare.mesh.plugins.modules import host_inspect


def test_listening_sockets():
    text = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 00000000:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"
        "   1: 0100007F:192C 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n"
    )
    assert list(host_inspect.sockets("tcp", text)) == [("6443/tcp", "4711")]


def test_interfaces_of_the_cluster_do_not_count():
    text = """[
      {"ifname": "lo", "address": "00:00:00:00:00:00",
       "addr_info": [{"scope": "host", "local": "127.0.0.1", "prefixlen": 8}]},
      {"ifname": "eth0", "address": "02:00:00:00:00:01",
       "addr_info": [{"scope": "global", "local": "10.0.0.5", "prefixlen": 24}]},
      {"ifname": "cni0", "address": "02:00:00:00:00:02",
       "addr_info": [{"scope": "global", "local": "10.244.0.1", "prefixlen": 24}]}
    ]"""
    assert host_inspect.interfaces(text) == (["02:00:00:00:00:01"], ["10.0.0.5/24"])
    assert host_inspect.interfaces("") == ([], [])


def test_a_bond_and_its_vlans_have_one_mac():
    link = """{{"ifname": "{}", "address": "02:00:00:00:00:01",
       "addr_info": [{{"scope": "global", "local": "{}", "prefixlen": 24}}]}}"""
    text = f"[{link.format('bond0', '10.0.0.5')}, {link.format('bond0.7', '10.0.7.5')}]"
    assert host_inspect.interfaces(text) == (["02:00:00:00:00:01"], ["10.0.0.5/24", "10.0.7.5/24"])


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


ADDRESSES = """[{"ifname": "eth0", "address": "02:00:00:00:00:01",
  "addr_info": [{"scope": "global", "local": "10.0.0.5", "prefixlen": 24}]}]"""
TABLE = "header\n   0: 00000000:192B 00000000:0000 0A 0:0 0:0 0 0 0 4711 1\n"


@pytest.fixture
def looked_at(machine):
    """A host with one interface and one program that listens."""
    machine.programs = {"ip", "modprobe"}
    machine.looks = {
        "ip -j addr": ADDRESSES,
        "ip -j -4 route get 8.8.8.8": '[{"dst": "8.8.8.8", "dev": "eth0", "prefsrc": "10.0.0.5"}]',
        "modprobe -n -q": (1, "", ""),
        "modprobe -n -q overlay": "",
    }
    machine.put("/etc/os-release", 'ID="rocky"\nVERSION_ID="9.6"\n')
    machine.put("/proc/meminfo", "MemTotal:        2097152 kB\nMemFree: 1 kB\n")
    machine.put("/proc/net/tcp", TABLE)
    machine.put("/proc/1/comm", "kube-apiserver\n")
    machine.put("/proc/1/fd/1").unlink()
    machine.path("/proc/1/fd/3").symlink_to("socket:[4711]")
    machine.put("/sys/class/dmi/id/product_uuid", "uuid\n")
    machine.put("/etc/ufw/ufw.conf", "LOGLEVEL=low\nENABLED=yes\n")
    return machine


def test_what_is_found(looked_at, call):
    before, results = looked_at.everything(), []
    for check in (True, False):
        options = {"features": ["overlay", "vxlan"], "reach": ["http://127.0.0.1:1"]}
        results.append(call(host_inspect, check=check, sent_at=host_inspect.time.time(), **options))
    assert looked_at.everything() == before and looked_at.ran == []
    for result in results:
        report, facts = result["report"], result["ansible_facts"]
        assert result["changed"] is False and abs(report["clock"]) < 5
        assert report["os"] == {"ID": "rocky", "VERSION_ID": "9.6"} and report["memory_mb"] == 2048
        assert report["macs"] == ["02:00:00:00:00:01"]
        assert report["networks"] == ["10.0.0.5/24"] and report["address"] == "10.0.0.5"
        assert report["listening"] == {"6443/tcp": "kube-apiserver"}
        assert report["features"] == {"overlay": "loadable", "vxlan": "missing"}
        assert report["product_id"] == "uuid" and report["ufw"] and not report["member"] and report["cgroup"] == 1
        assert list(report["unreachable"]) == ["127.0.0.1:1"]
        assert facts["os_family"] == "RedHat" and facts["default_ipv4"] == {"address": "10.0.0.5", "interface": "eth0"}


EL10 = "6.12.0-55.9.1.el10_0.x86_64"


@pytest.mark.parametrize(
    ("served", "state", "advice"),
    [
        (EL10, "installable", ""),
        ("6.12.0-124.8.1.el10_1.x86_64", "missing", f"for the kernel 6.12.0-124.8.1.el10_1.x86_64 only, and {EL10} is"),
        ("", "missing", f"Install kernel-modules-extra for the running kernel ({EL10})"),
    ],
)
def test_modules_of_a_package_of_their_own(looked_at, call, monkeypatch, served, state, advice):
    """As host_kernel will find them; the answers are of dnf 4.20."""
    monkeypatch.setattr(platform, "release", lambda: EL10)
    looked_at.path(f"/lib/modules/{EL10}").mkdir(parents=True)
    looked_at.programs |= {"dnf"}
    listed = f"/lib/modules/{EL10}/extra/net/bridge/br_netfilter.ko.xz\n" if served == EL10 else ""
    looked_at.looks[f"dnf -q repoquery --available --list kernel-modules-extra-{EL10}"] = listed
    looked_at.looks["dnf -q repoquery --available --latest-limit=1"] = f"{served}\n" if served else ""
    for check in (True, False):
        report = call(host_inspect, check=check, sent_at=0, features=["overlay", "br_netfilter"])["report"]
        assert report["features"] == {"overlay": "loadable", "br_netfilter": state}
        assert advice in report["kernel_advice"] and bool(advice) == bool(report["kernel_advice"])
    assert looked_at.ran == []


def test_other_systems_get_no_package_of_el(looked_at, call):
    found = call(host_inspect, sent_at=0, features=["vxlan"])["report"]
    assert found["kernel_advice"] == "Install linux-modules-extra (Ubuntu), or another kernel"


def test_the_proxy_of_dnf_is_no_argument(looked_at, call, monkeypatch):
    """A proxy's URL can have a password, and every user can read the arguments of a program."""
    monkeypatch.setattr(platform, "release", lambda: EL10)
    looked_at.path(f"/lib/modules/{EL10}").mkdir(parents=True)
    looked_at.programs |= {"dnf"}
    given, plain = [], host_inspect.AnsibleModule.run_command

    def watch(module, command, **options):
        if command[0].endswith("dnf"):
            given.append((" ".join(command), options["environ_update"].get("https_proxy")))
            return 0, "", ""
        return plain(module, command, **options)

    monkeypatch.setattr(host_inspect.AnsibleModule, "run_command", watch)
    call(host_inspect, sent_at=0, features=["vxlan"], proxy="http://u:secret@p:1")
    assert given and all(proxy == "http://u:secret@p:1" and "secret" not in command for command, proxy in given)


def test_the_file_system_of_the_images(looked_at, call, monkeypatch):
    free = {"/var/lib/containerd": 1, "/var/lib": 50, "/": 70}
    sizes = {path: types.SimpleNamespace(f_bavail=gib, f_frsize=1 << 30) for path, gib in free.items()}
    monkeypatch.setattr(host_inspect.os, "statvfs", sizes.__getitem__)
    assert call(host_inspect, sent_at=0)["report"]["disk_gb"] == 70
    looked_at.put("/var/lib/x")
    assert call(host_inspect, sent_at=0)["report"]["disk_gb"] == 50
    looked_at.put("/var/lib/containerd/x")
    assert call(host_inspect, sent_at=0)["report"]["disk_gb"] == 1


def test_credentials_are_sent_and_not_told(looked_at, call, monkeypatch):
    given = []
    monkeypatch.setattr(host_inspect.registry, "refusals", lambda *arguments: given.append(arguments) or {})
    done = call(host_inspect, sent_at=0, images=["r.io/a:1"], logins={"r.io": "cm9ib3Q6czNjcmV0"})
    assert given == [(["r.io/a:1"], {}, "", "", {"r.io": "cm9ib3Q6czNjcmV0"})]
    assert "cm9ib3Q6czNjcmV0" not in str(done)
    looked_at.put("/etc/kubernetes/kubelet.conf")
    call(host_inspect, sent_at=0, images=["r.io/a:1"])
    assert given[-1][0] == []


def test_installed_packages(looked_at, call):
    assert call(host_inspect, sent_at=0, packages=["kubelet"])["report"]["packages"] == {}
    looked_at.programs |= {"dnf"}
    looked_at.looks["rpm -q --queryformat"] = "kubelet 0:1.36.5-1\npackage kubectl is not installed\n"
    found = call(host_inspect, sent_at=0, packages=["kubelet", "kubectl"])["report"]["packages"]
    assert found == {"kubelet": "1.36.5-1"}
    # What would have to give way is reported, too.
    looked_at.looks["rpm -q --queryformat"] = lambda command: "runc 4:1.2.5-1\n" if "runc" in command.split() else ""
    assert call(host_inspect, sent_at=0, packages=["containerd.io"])["report"]["packages"] == {"runc": "4:1.2.5-1"}
    assert call(host_inspect, sent_at=0, packages=["kubelet"])["report"]["packages"] == {}


def test_sources_of_apt(looked_at, call):
    looked_at.put(
        "/etc/apt/sources.list.d/docker.list", "deb [signed-by=/x.asc] https://d/linux/debian bookworm stable"
    )
    (found,) = call(host_inspect, sent_at=0)["report"]["apt_sources"]
    assert (found["file"], found["signed_by"]) == ("/etc/apt/sources.list.d/docker.list", "/x.asc")


# `systemctl show --property=Id,ActiveState,UnitFileState` of systemd 252: of units in this state, and of unknown ones.
UNITS = """Id=nm-cloud-setup.service
ActiveState={service[0]}
UnitFileState={service[1]}

Id=nm-cloud-setup.timer
ActiveState={timer[0]}
UnitFileState={timer[1]}
"""


@pytest.mark.parametrize(
    ("service", "timer", "found"),
    [
        (("inactive", ""), ("inactive", ""), []),
        (("inactive", "disabled"), ("inactive", "disabled"), []),
        (("inactive", "enabled"), ("active", "enabled"), ["nm-cloud-setup.service", "nm-cloud-setup.timer"]),
        (("inactive", "disabled"), ("active", "disabled"), ["nm-cloud-setup.timer"]),
        (("inactive", "masked"), ("inactive", "enabled"), ["nm-cloud-setup.timer"]),
    ],
)
def test_nm_cloud_setup(looked_at, call, service, timer, found):
    looked_at.programs |= {"systemctl"}
    looked_at.looks["systemctl show"] = UNITS.format(service=service, timer=timer)
    report = call(host_inspect, sent_at=0)["report"]
    assert report["nm_cloud_setup"] == found and not report["firewalld"]


def test_firewalld(looked_at, call):
    assert not call(host_inspect, sent_at=0)["report"]["firewalld"]
    looked_at.programs |= {"systemctl"}
    looked_at.looks["systemctl show"] = "Id=firewalld.service\nActiveState=active\nUnitFileState=enabled\n"
    report = call(host_inspect, sent_at=0)["report"]
    assert report["firewalld"] and report["nm_cloud_setup"] == []


def test_the_running_machine(looked_at, call, monkeypatch):
    assert call(host_inspect, sent_at=0)["report"]["instance"] == ""
    looked_at.put("/proc/sys/kernel/random/boot_id", "8a9b1c5e-3f8f-4a5e-9a73-0d3a5c2a6c11\n")
    assert call(host_inspect, sent_at=0)["report"]["instance"] == ""
    looked_at.put("/proc/self/ns/x")
    looked_at.path("/proc/self/ns/net").symlink_to("net:[4026531840]")
    found = call(host_inspect, sent_at=0)["report"]["instance"]
    assert found == "8a9b1c5e-3f8f-4a5e-9a73-0d3a5c2a6c11 net:[4026531840]"


def test_users_that_are_not_there(looked_at, call, monkeypatch):
    monkeypatch.setattr(host_inspect.pwd, "getpwnam", {"admin": ()}.__getitem__)
    for check in (True, False):
        report = call(host_inspect, check=check, sent_at=0, users=["admin", "", "nosuchuser"])["report"]
        assert report["missing_users"] == ["nosuchuser"]
    assert call(host_inspect, sent_at=0)["report"]["missing_users"] == []


@pytest.mark.parametrize(
    "path", ["/etc/kubernetes/manifests/x.yaml", "/etc/kubernetes/kubelet.conf", "/var/lib/kubelet/config.yaml"]
)
def test_a_member_of_a_cluster(looked_at, call, path):
    looked_at.put(path)
    assert call(host_inspect, sent_at=0)["report"]["member"]


def test_a_bare_host_is_told_of_too(machine, call):
    """Neither programs nor files: what is not there is empty."""
    report = call(host_inspect, sent_at=0, features=["overlay"])["report"]
    assert (report["os"], report["macs"], report["address"]) == ({}, [], "")
    assert (report["listening"], report["memory_mb"]) == ({}, 0)
    assert report["features"] == {"overlay": "missing"} and not report["ufw"]
    assert "missing required arguments: sent_at" in call(host_inspect)["msg"]


def test_what_cannot_be_read_or_asked_is_left_to_the_judge(machine, call, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(host_inspect, "read", refuse)
    assert host_inspect.product_id() == ""
    monkeypatch.undo()
    assert host_inspect.unreachable(["https://m:99999", "nonsense"]) == {}
