# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's verdicts: a fault names its host or variable, and nothing else is faulty."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._preflight import hosts

REPORT = {
    "user_id": 0,
    "os": {"ID": "rocky", "VERSION_ID": "9.6", "PRETTY_NAME": "Rocky Linux 9.6"},
    "machine": "x86_64",
    "hostname": "localhost",
    "macs": [],
    "product_id": "",
    "instance": "",
    "nm_cloud_setup": [],
    "cpus": 2,
    "memory_mb": 4000,
    "disk_gb": 20.0,
    "refused_images": {},
    "clock": 0.3,
    "cgroup": 2,
    "features": {"overlay": "loadable", "br_netfilter": "installable"},
    "kernel_advice": "",
    "networks": ["10.0.0.1/24", "fd00::1/64"],
    "listening": {"22/tcp": "sshd"},
    "member": False,
    "ufw": False,
    "unreachable": {},
    "address": "",
}
SETTINGS = {
    "bare_mesh_pod_cidr": "10.244.0.0/16",
    "bare_mesh_service_cidr": "10.96.0.0/12",
    "kubernetes_version": "1.36.5",
    "kubernetes_minors": {"1.36": {"end_of_life": "2027-06-28"}, "1.30": {"end_of_life": ""}},
    "istio_version": "1.31.0",
    "istio_minors": {"1.31": {"kubernetes": ["1.35", "1.36"], "profiles": ["default", "demo"], "end_of_life": ""}},
    "istio_profile": "default",
    "kubelet_config": {},
}


def host(name, address, control_plane):
    roles = {"control_plane": control_plane, "worker": not control_plane}
    return {"name": name, "hostname": name, "ssh_address": address, "ssh_port": "22", "set_ip": "", **roles}


LIMITS = {"cpus": 2, "memory_mb": 1700, "disk_gb": 10, "clock_difference": 5}
FINE = {
    "inspections": {"one": {"report": REPORT}, "two": {"report": copy.deepcopy(REPORT)}},
    "hosts": {
        "one": host("one", "10.0.0.1", control_plane=True),
        "two": host("two", "10.0.0.2", control_plane=False),
    },
    "ports": {"node": ["10250/tcp"], "control_plane": ["6443/tcp"]},
    "limits": LIMITS,
    "settings": SETTINGS,
    "today": "2026-11-25",
}


def judge(**changes):
    """(check, where) of each fault; a change is a path with '/' and a value."""
    case = copy.deepcopy(FINE)
    for path, value in changes.items():
        target, *_rest = [case]
        *parents, last = path.split("/")
        for key in parents:
            target = target[key]
        target[last] = value
    faults, reports = hosts.judge_hosts(case["inspections"], list(case["hosts"].values()), case["ports"])
    faults += hosts.judge_settings(reports, case["limits"], case["settings"], case["today"])
    assert all(fault.what and fault.fix and str(fault).endswith(".") for fault in faults)
    return [(fault.check, fault.where) for fault in faults]


TWO = "inspections/two/report"


def test_good_hosts_have_no_fault():
    assert judge() == []


@pytest.mark.feature("host-checks", "versions-fit", "host-names-unique")
@pytest.mark.parametrize(("changes", "fault"), [
    ({"inspections/two": {"unreachable": True, "msg": "refused"}}, ("ssh", "two")),
    ({"inspections/two": {"failed": True, "msg": "Missing sudo password"}}, ("sudo", "two")),
    ({"inspections/two": None}, ("sudo", "two")),
    ({f"{TWO}/user_id": 1000}, ("sudo", "two")),
    ({f"{TWO}/os": {"ID": "centos", "VERSION_ID": "7"}}, ("os", "two")),
    ({f"{TWO}/os": {}}, ("os", "two")),
    ({f"{TWO}/machine": "riscv64"}, ("architecture", "two")),
    ({f"{TWO}/cpus": 1}, ("cpus", "two")),
    ({f"{TWO}/memory_mb": 900}, ("memory", "two")),
    ({f"{TWO}/disk_gb": 3.5}, ("disk", "two")),
    (
        {f"{TWO}/features": {"vxlan": "missing"}, f"{TWO}/kernel_advice": "Install it, and reboot the host"},
        ("kernel", "two"),
    ),
    ({f"{TWO}/cgroup": 1}, ("cgroup_v1", "two")),
    ({f"{TWO}/ufw": True, "settings/firewall": "keep"}, ("firewall", "two")),
    ({f"{TWO}/ufw": True, "settings/firewall": "off"}, ("firewall", "two")),
    ({f"{TWO}/nm_cloud_setup": ["nm-cloud-setup.timer"]}, ("nm_cloud_setup", "two")),
    ({f"{TWO}/listening": {"10250/tcp": "python3"}}, ("ports", "two")),
    ({"inspections/one/report/listening": {"6443/tcp": ""}}, ("ports", "one")),
    ({f"{TWO}/clock": 60}, ("clock", "two")),
    ({f"{TWO}/networks": ["10.244.3.1/24"]}, ("ranges", "bare_mesh_pod_cidr")),
    ({"settings/bare_mesh_pod_cidr": "10.96.0.0/16"}, ("ranges", "bare_mesh_pod_cidr")),
    ({"settings/bare_mesh_service_cidr": "10.96.0.1/12"}, ("ranges", "bare_mesh_service_cidr")),
    ({"settings/kubernetes_version": "1.99.0"}, ("versions", "bare_mesh_kubernetes_version")),
    ({"settings/kubernetes_version": "1.30.1"}, ("versions", "bare_mesh_istio_version")),
    ({"settings/kubernetes_version": "1.36"}, ("versions", "bare_mesh_kubernetes_version")),
    ({"settings/kubernetes_version": "v1.36.5"}, ("versions", "bare_mesh_kubernetes_version")),
    ({"settings/istio_version": "0.1"}, ("versions", "bare_mesh_istio_version")),
    ({"today": "2027-06-29"}, ("end_of_life", "bare_mesh_kubernetes_version")),
    ({"settings/packages": [{"package": "containerd.io", "version": "1.7.2", "variable": "c"}]}, ("packages", "c")),
    ({"settings/packages": [{"package": "containerd.io", "version": "3.*", "variable": "c"}]}, ("packages", "c")),
    ({"settings/packages": [{"package": "containerd.io", "version": "", "variable": "c"}]}, ("packages", "c")),
    ({"settings/istio_profile": "nope"}, ("istio_profile", "istio_profile")),
    ({"hosts/one/control_plane": False}, ("inventory", "group control_plane")),
    ({"hosts/two/control_plane": True, "hosts/two/worker": False}, ("inventory", "group control_plane")),
    ({"hosts/two/worker": False}, ("inventory", "group workers")),
    ({"hosts/one/worker": True}, ("inventory", "one")),
    ({"hosts/two/hostname": "ONE"}, ("hostname", "one, two")),
    ({"hosts/two/ssh_address": "10.0.0.1"}, ("inventory", "one, two")),
    ({"hosts/two/hostname": "a_b"}, ("hostname", "two")),
])  # fmt: skip
def test_fault(changes, fault):
    assert fault in judge(**changes)
    assert len(judge(**changes)) <= 2


def test_a_good_hostname_beside_a_name_in_the_inventory_that_is_none():
    """The cure that the fault offers."""
    assert judge(**{"hosts/two/name": "a_b", "hosts/two/hostname": "a-b"}) == []


def test_every_patch_release_of_a_known_minor_version_is_known():
    assert judge(**{"settings/kubernetes_version": "1.36.0", "settings/istio_version": "1.31.12"}) == []
    assert judge(today="2027-06-28") == []


@pytest.mark.parametrize("version", ["2.*", "2.4.2", "0:2.4.2-1.el9"])
def test_versions_2_of_containerd_are_known(version):
    assert judge(**{"settings/packages": [{"package": "containerd.io", "version": version, "variable": "c"}]}) == []


def test_two_names_for_one_machine():
    changes = {f"inspections/{host}/report/macs": ["02:00:00:00:00:01"] for host in ("one", "two")}
    changes |= {f"inspections/{host}/report/product_id": "4c4c" for host in ("one", "two")}
    assert judge(**changes) == [("mac", "one, two"), ("product_id", "one, two")]


def test_interfaces_of_one_host_that_share_a_mac():
    """A bond, its VLANs, a bridge."""
    assert judge(**{f"{TWO}/macs": ["02:00:00:00:00:01", "02:00:00:00:00:01"]}) == []


def test_hosts_behind_one_address_with_ports_of_their_own():
    assert judge(**{"hosts/two/ssh_address": "10.0.0.1", "hosts/two/ssh_port": "2222"}) == []


BOOT = "8a9b1c5e-3f8f-4a5e-9a73-0d3a5c2a6c11 net:[4026531840]"


def report_of(host, **values):
    return {f"inspections/{host}/report/{name}": value for name, value in values.items()}


def test_one_machine_by_two_names_is_one_fault():
    """Not one for each of what they share."""
    known = {"instance": BOOT, "macs": ["02:00:00:00:00:01"], "product_id": "4c4c", "address": "10.0.0.1"}
    assert judge(**report_of("one", **known), **report_of("two", **known)) == [("inventory", "one, two")]
    known["macs"] = []
    assert judge(**report_of("one", **known), **report_of("two", **known)) == [("inventory", "one, two")]
    same_port = {"hosts/two/ssh_address": "10.0.0.1"}
    assert judge(**same_port, **report_of("one", **known), **report_of("two", **known)) == [("inventory", "one, two")]


def test_clones_and_containers_are_machines_of_their_own():
    clone = BOOT.replace("8a9b", "17aa")
    container = BOOT.replace("4026531840", "4026532601")
    for other in (clone, container):
        assert judge(**report_of("one", instance=BOOT), **report_of("two", instance=other)) == []
    # A copy of a running machine goes on with its boot, and needs a MAC address of its own.
    one, two = (report_of(host, instance=BOOT, macs=[mac]) for host, mac in (("one", "02::1"), ("two", "02::2")))
    assert judge(**one, **two) == []
    # Where it is not known, nothing is said.
    assert judge(**report_of("one", instance=""), **report_of("two", instance="")) == []


def test_images_that_hosts_cannot_pull():
    refused = {"r.io/a:1": "https://r.io/v2/a/manifests/1 answers 404 Not Found"}
    changes = {f"inspections/{host}/report/refused_images": refused for host in ("one", "two")}
    assert judge(**changes) == [("registry", "one, two")]
    assert judge(**{f"{TWO}/refused_images": refused}) == [("registry", "two")]
    # One server that is down is one fault.
    for server in ("r.io:443", "mirror:5000"):
        why = f"https://{server.removesuffix(':443')}/v2/a cannot be reached: refused"
        down = {"refused_images": {"r.io/a:1": why}, "unreachable": {server: "refused"}}
        changes = {f"inspections/{host}/report/{key}": value for host in ("one", "two") for key, value in down.items()}
        assert judge(**changes) == [("source", "one, two")]


@pytest.mark.parametrize(
    ("image", "variable"),
    [
        ("registry.k8s.io/kube-proxy:v1.36.99", "bare_mesh_kubernetes_version"),
        ("docker.io/istio/proxyv2:1.31.99", "bare_mesh_istio_version and istio_tag"),
    ],
)
def test_an_image_of_a_release_that_may_not_exist(image, variable):
    fix = hosts.pull_fix(f"{image}: https://r/v2/manifests/x answers 404 Not Found")
    assert fix.startswith(f"This release may not exist: check {variable}. Otherwise: see that the registry serves it")
    # What answers otherwise, and an image whose version no variable sets, tell nothing of a release.
    for fault in (f"{image}: https://r/v2 answers 403 Forbidden", "ghcr.io/a/b:1: https://r/v2 answers 404 Not Found"):
        assert hosts.pull_fix(fault).startswith("See that the registry serves it")


def test_the_ways_to_give_sudo_s_password():
    _reports, (fault,) = hosts.access({"one": {"failed": True, "msg": "Missing sudo password"}})
    assert "--ask-become-pass, --become-password-file or ansible_become_password" in fault.fix


def test_ufw_is_no_fault_where_its_ports_are_opened():
    assert judge(**{f"{TWO}/ufw": True}) == judge(**{f"{TWO}/ufw": True, "settings/firewall": "open"}) == []
    assert judge(**{"settings/firewall": "keep"}) == []


def test_a_node_has_its_images():
    assert judge(**{f"{TWO}/disk_gb": 3.5, f"{TWO}/member": True}) == []


def test_a_node_holds_its_ports_itself():
    assert judge(**{f"{TWO}/listening": {"10250/tcp": "kubelet"}, f"{TWO}/member": True}) == []


def test_cgroup_v1_passes_where_the_kubelet_takes_it():
    assert judge(**{f"{TWO}/cgroup": 1, "settings/kubelet_config": {"failCgroupV1": False}}) == []


def test_all_faults_of_all_hosts_come_together():
    found = judge(**{f"{TWO}/cpus": 1, "inspections/one/report/memory_mb": 1, "settings/istio_profile": "nope"})
    assert found == [("memory", "one"), ("cpus", "two"), ("istio_profile", "istio_profile")]


def test_a_source_that_a_host_does_not_reach():
    assert judge(**{f"{TWO}/unreachable": {"mirror:443": "timed out"}}) == [("source", "two")]


def test_node_addresses():
    one = "inspections/one/report"
    behind_nat = {f"{one}/address": "10.0.2.15", f"{TWO}/address": "10.0.2.15"}
    assert judge(**behind_nat) == [("node_ip", "one, two")]
    assert judge(**behind_nat, **{"hosts/two/set_ip": "10.0.0.1"}) == []
    assert judge(**{"hosts/two/set_ip": "192.0.2.1"}) == [("node_ip", "two")]


def test_every_check_is_named():
    """By these names preflight_allow knows them."""
    folder = Path(hosts.__file__).parent
    texts = [path.read_text() for path in (*folder.glob("*.py"), folder.parents[1] / "modules/preflight_check.py")]
    used = {name for text in texts for name in re.findall(r'Finding\(\s*"(\w+)"', text)}
    # The filter setting_faults makes these.
    used.add("names")
    assert used | {check for check, _key, _what in hosts.AMOUNTS} == set(hosts.CHECKS)


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://node1:6443", True),
        ("https://Node1.example.com:6443", True),
        ("https://10.0.0.1:6443", True),
        ("https://[fd00::1]:6443", True),
        ("", True),
        ("https://box_1:6443", False),
    ],
)
def test_names_for_the_certificate_of_the_api_server(url, accepted):
    assert [fault.where for fault in hosts.api_server(url)] == ([] if accepted else ["kubeadm_api_url"])


def test_fixes_of_a_registry_that_asks_for_a_name():
    fix = hosts.pull_fix("h.io/a:1: the registry h.io refuses the name or password")
    assert fix.startswith("Correct them in bare_mesh_registry_credentials")
    fix = hosts.pull_fix("h.io/a:1: https://h.io/v2/a/manifests/1 answers 401 Unauthorized")
    assert fix == "Set a name and a password for this registry in bare_mesh_registry_credentials"
