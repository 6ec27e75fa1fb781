# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Remove a node in one step, and let it join again. After the last test the cluster is complete."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from conftest import _INVENTORY, ADDRESSES, ROOT, node
from truth import disagreements


def names(api):
    return sorted(one.metadata.name for one in api.list_node().items)


@pytest.fixture
def without_node3(tmp_path):
    """Arguments for an inventory without node3."""
    inventory = json.loads(json.dumps(_INVENTORY))
    del inventory["all"]["children"]["cluster"]["children"]["workers"]["hosts"]["node3"]
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory))
    (tmp_path / "group_vars").symlink_to(ROOT / "inventories/lab/group_vars")
    return ["-i", str(tmp_path / "hosts.yml"), "-e", f"__lab_dir={ROOT}/.lab"]


def known_hosts(name):
    """The names in the hosts file of a host."""
    return set(node(name).check_output("cat /etc/hosts").split())


def assert_bare(host):
    """The host has no state of the cluster."""
    assert not host.file("/etc/kubernetes/kubelet.conf").exists
    assert not host.service("kubelet").is_running
    assert "cni0" not in host.check_output("ls /sys/class/net").split()


def test_a_node_that_the_inventory_does_not_have_is_named(play, api, without_node3):
    assert "node3" in names(api)
    way_out = "bare.mesh.remove_node with kubeadm_node=node3"
    run = play("playbooks/verify.yml", *without_node3, inventory=False)
    assert run["code"] != 0 and way_out in " ".join(run["output"].split())
    run = play("playbooks/install_kubernetes.yml", "--check", *without_node3, inventory=False)
    assert run["code"] == 0 and way_out in " ".join(run["output"].split())


def test_a_node_leaves_in_one_step(play, api):
    # istiod and the gateway have one replica each, which a PodDisruptionBudget protects.
    arguments = ["playbooks/remove_node.yml", "-e", "kubeadm_node=node3", "-e", "kubeadm_drain_force=true"]
    predicted = play(*arguments, "--check")
    assert names(api) == ["node1", "node2", "node3"]
    run = play(*arguments)
    assert run["code"] == 0, run["errors"]
    assert disagreements(predicted, run) == [] and run["changed"]
    assert names(api) == ["node1", "node2"]
    assert_bare(node("node3"))
    # In the same run, though the inventory still has it.
    assert [name for name in ("node1", "node2") if "node3" in known_hosts(name)] == []
    run = play("playbooks/verify.yml")
    assert run["code"] != 0 and "Not in the cluster: node3" in run["output"]
    assert play(*arguments)["changed"] == {}


def test_the_control_plane_stays(play, api):
    for arguments, message in (
        (["-e", "kubeadm_node=node1"], "kubeadm_node is node1, which runs the control plane"),
        ([], "kubeadm_node is not set: name the worker to remove, .* has the workers node2, node3."),
    ):
        run = play("playbooks/remove_node.yml", *arguments)
        assert run["code"] != 0 and run["changed"] == {} and re.search(message, run["errors"]), run["errors"]
    assert not api.read_node("node1").spec.unschedulable


@pytest.mark.feature("join")
def test_it_joins_again(play, api):
    run = play("site.yml")
    assert run["code"] == 0, run["errors"]
    # The others only learn its name again.
    assert set(run["changed"]) == set(ADDRESSES), run["changed"]
    assert [len(run["changed"][name]) for name in ("node1", "node2")] == [1, 1], run["changed"]
    assert known_hosts("node1") == known_hosts("node2") >= set(ADDRESSES)
    assert names(api) == ["node1", "node2", "node3"]
    run = play("playbooks/verify.yml")
    assert run["code"] == 0, run["errors"]


def test_the_reset_of_one_host_takes_its_node_away(play, api):
    arguments = ["playbooks/reset.yml", "--limit", "node3"]
    predicted = play(*arguments, "--check")
    run = play(*arguments)
    assert run["code"] == 0, run["errors"]
    assert disagreements(predicted, run) == [] and run["changed"]
    assert names(api) == ["node1", "node2"]
    assert_bare(node("node3"))
    run = play("site.yml")
    assert run["code"] == 0, run["errors"]
    assert names(api) == ["node1", "node2", "node3"]
