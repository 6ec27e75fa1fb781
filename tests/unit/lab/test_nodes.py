# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab's machines, without starting one."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml

from lab import paths
from lab.host_packages import HostError
from lab.nodes import cgroups, cli, credentials, machine, machines, network, roots


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A temporary checkout and cache, with a bundle that has the files that the machines need."""
    monkeypatch.setenv("BARE_MESH_CACHE", str(tmp_path / "cache"))
    for name in ("SSH_KEY", "KNOWN_HOSTS", "CA", "FINGERPRINTS", "KUBECONFIG"):
        monkeypatch.setattr(
            credentials, name, tmp_path / "private" / getattr(credentials, name).relative_to(paths.PRIVATE)
        )
    monkeypatch.setattr(paths, "PRIVATE", tmp_path / "private")
    keys = {"el9/repodata/repomd.xml.key": "rpm key", "debian12/Release.key": "deb key"}
    for name, text in keys.items():
        path = tmp_path / "cache" / "bundle" / "current" / "os" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (tmp_path / "cache" / "fingerprints.json").write_text('{"kubernetes": "F"}')
    return tmp_path


def test_inventory_names_the_same_machines():
    inventory = yaml.safe_load((paths.REPOSITORY / "inventories/lab/hosts.yml").read_text())

    def hosts(group):
        found = {
            name: values["ansible_host"]
            for name, values in (group.get("hosts") or {}).items()
            if "ansible_host" in (values or {})
        }
        for child in (group.get("children") or {}).values():
            found |= hosts(child)
        return found

    assert hosts(inventory["all"]) == {each.name: each.address for each in machines.MACHINES}


def test_machine_ids_differ_and_stay():
    assert len({each.machine_id for each in machines.MACHINES}) == len(machines.MACHINES)
    assert machines.CONTROL_PLANE.machine_id == machines.CONTROL_PLANE.machine_id
    assert len(machines.CONTROL_PLANE.machine_id) == 32


def test_an_unknown_machine_is_named():
    with pytest.raises(HostError, match="no machine is called node9; there are mirror, node1"):
        machines.named(["node1", "node9"])


def test_machines_come_in_their_own_order():
    assert [each.name for each in machines.named(["node3", "node1"])] == ["node1", "node3"]


def test_a_root_is_named_after_what_it_is_made_from(monkeypatch):
    before = roots.directory("el9").name
    assert roots.directory("el9").name == before
    assert roots.directory("mirror").name != roots.directory("debian12").name.replace("debian12", "mirror")
    monkeypatch.setitem(roots.PACKAGES, "el9", [*roots.PACKAGES["el9"], "vim"])
    assert roots.directory("el9").name != before


def test_keys_and_certificates_are_made_once(checkout):
    credentials.ensure()
    identity = credentials.identity()
    certificate = (credentials.CA / "mirror.crt").read_bytes()
    credentials.ensure()
    assert credentials.identity() == identity
    assert (credentials.CA / "mirror.crt").read_bytes() == certificate
    known = credentials.KNOWN_HOSTS.read_text().splitlines()
    assert [line.split()[0] for line in known] == [each.address for each in machines.MACHINES]
    assert credentials.SSH_KEY.stat().st_mode & 0o777 == 0o600
    assert (credentials.CA / "mirror.key").stat().st_mode & 0o777 == 0o600
    ca = credentials.CA / "ca.crt"
    subprocess.run(
        ["openssl", "verify", "-CAfile", ca, "-verify_ip", machines.MIRROR.address, credentials.CA / "mirror.crt"],
        check=True,
        capture_output=True,
    )


def test_a_lab_of_other_signatures_is_another_lab(checkout):
    credentials.ensure()
    identity = credentials.identity()
    (checkout / "cache" / "fingerprints.json").write_text('{"kubernetes": "G"}')
    credentials.ensure()
    assert credentials.identity() != identity


def test_without_artifacts_the_message_says_what_to_run(checkout):
    (checkout / "cache" / "fingerprints.json").unlink()
    with pytest.raises(HostError, match="run python -m lab artifacts first"):
        credentials.ensure()


@pytest.fixture
def laid_out(checkout, monkeypatch):
    monkeypatch.setattr(machines, "STATE", checkout / "state")
    monkeypatch.setattr(machine, "STATE", checkout / "state")
    (checkout / "state" / "nodes").mkdir(parents=True)
    credentials.ensure()
    for each in machines.MACHINES:
        machine._lay_out(each)
    return checkout


def test_a_machine_is_laid_out_with_what_is_its_own(laid_out):
    node1, node3 = (machines.named([name])[0].directory for name in ("node1", "node3"))
    assert (node1 / "upper/etc/hostname").read_text() == "node1\n"
    assert (node1 / "upper/root/.ssh").stat().st_mode & 0o777 == 0o700
    assert (node1 / "upper/etc/ssh/ssh_host_ed25519_key").stat().st_mode & 0o777 == 0o600
    assert (node1 / "plain/var/lib/containerd").is_dir()
    repository = (node1 / "upper/etc/yum.repos.d/centos.repo").read_text()
    assert "gpgcheck=1" in repository
    assert "http://10.87.0.10/os/el9/" in repository
    assert (node1 / "upper/etc/pki/rpm-gpg/RPM-GPG-KEY-lab").read_text() == "rpm key"
    assert "signed-by=" in (node3 / "upper/etc/apt/sources.list").read_text()
    assert not (node3 / "upper/etc/yum.repos.d").exists()


def test_what_is_wiped_goes_to_the_trash(laid_out):
    (node2,) = machines.named(["node2"])
    assert not machine.outdated(node2)
    machine.wipe(node2)
    assert not node2.directory.exists()
    assert machine.wipe(node2) is None
    machine.empty_trash()
    assert not (laid_out / "state" / "trash").exists()


def test_hierarchies_of_both_cgroup_versions(tmp_path):
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(
        "24 1 0:21 / / rw - ext4 /dev/vda rw\n"
        "30 24 0:26 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
        "31 24 0:27 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
        "32 24 0:26 / /mnt/pids rw,relatime - cgroup cgroup rw,pids\n"
    )
    assert [str(path) for path in cgroups.hierarchies(mountinfo)] == ["/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"]


def test_processes_of_a_machine_include_its_pods(tmp_path, monkeypatch):
    monkeypatch.setattr(cgroups, "hierarchies", lambda: [tmp_path])
    pod = tmp_path / "bmlab-node1" / "kubepods" / "pod1"
    pod.mkdir(parents=True)
    (tmp_path / "bmlab-node1" / "cgroup.procs").write_text("41\n")
    (pod / "cgroup.procs").write_text("42\n43\n")
    assert cgroups.processes("node1") == {41, 42, 43}
    assert cgroups.processes("node2") == set()
    assert cgroups.leftover_names() == {"node1"}


def test_settings_are_put_back(tmp_path, monkeypatch):
    settings = {"net/bridge/bridge-nf-call-iptables": "1\n", "kernel/panic": "10\n"}
    for name, value in settings.items():
        (tmp_path / "proc" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc" / name).write_text(value)
    forwarding = tmp_path / "proc/net/ipv4/conf" / machines.BRIDGE / "forwarding"
    forwarding.parent.mkdir(parents=True)
    calls = []
    monkeypatch.setattr(network, "_proc", lambda name: tmp_path / "proc" / name)
    monkeypatch.setattr(network, "_RECORD", tmp_path / "sysctl.json")
    monkeypatch.setattr(network, "_ip", lambda *words: calls.append(words))
    monkeypatch.setattr(network, "bridge_exists", lambda: bool(calls))
    changed = tmp_path / "proc/net/bridge/bridge-nf-call-iptables"
    network.up()
    network.up()
    assert changed.read_text() == "0"
    assert json.loads((tmp_path / "sysctl.json").read_text()) == {"net/bridge/bridge-nf-call-iptables": "1"}
    network.down()
    assert changed.read_text() == "1"
    assert calls[-1] == ("link", "delete", machines.BRIDGE)
    assert not (tmp_path / "sysctl.json").exists()


def test_status_tells_bare_from_joined(monkeypatch):
    answers = {"node1": (0, "joined\n"), "node2": (0, "bare\n"), "node3": (255, "")}
    monkeypatch.setattr(machine, "running", lambda each: each.name != "mirror")
    monkeypatch.setattr(machine, "ssh", lambda each, command: subprocess.CompletedProcess([], *answers[each.name], ""))
    lines = [cli._line(each) for each in machines.MACHINES]
    assert [line.split()[2:] for line in lines] == [
        ["stopped"],
        ["running", "ssh", "yes", "joined"],
        ["running", "ssh", "yes", "bare"],
        ["running", "ssh", "no"],
    ]
