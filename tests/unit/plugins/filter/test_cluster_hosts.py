# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosts of the cluster, from an inventory and facts."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError, AnsibleUndefinedVariable
from ansible_collections.bare.mesh.plugins.filter import cluster_hosts

HOSTS = cluster_hosts.FilterModule().filters()["cluster_hosts"]
FACTS = {"default_ipv4": {"address": "10.0.0.1"}}


def one(**known):
    (found,) = HOSTS({"control_plane": ["n1"]}, {"n1": known})
    return found


@pytest.mark.parametrize(
    ("known", "node_ip"),
    [
        ({}, "n1"),
        ({"ansible_host": "192.0.2.1"}, "192.0.2.1"),
        ({"ansible_host": "192.0.2.1", "ansible_facts": FACTS}, "10.0.0.1"),
        ({"ansible_host": "192.0.2.1", "ansible_facts": {"default_ipv4": {}}}, "192.0.2.1"),
        ({"ansible_host": "192.0.2.1", "ansible_facts": FACTS, "bare_mesh_node_ip": "172.16.0.1"}, "172.16.0.1"),
    ],
)
def test_the_node_address(known, node_ip):
    found = one(**known)
    assert (found["node_ip"], found["set_ip"]) == (node_ip, known.get("bare_mesh_node_ip", ""))
    assert found["ssh_address"] == known.get("ansible_host", "n1")
    names = ["n1", found["ssh_address"], node_ip]
    assert found["names"] == sorted(set(names), key=names.index)


def test_the_container_runtime():
    assert one()["container_runtime"] == "containerd"
    assert one(bare_mesh_container_runtime="docker")["container_runtime"] == "docker"


def test_the_port_of_ssh():
    assert (one()["ssh_port"], one(ansible_port=2222)["ssh_port"]) == ("22", "2222")


def test_names():
    assert (one()["hostname"], one()["node_name"]) == ("n1", "n1")
    found = one(host_prep_hostname="Node-A")
    assert (found["name"], found["hostname"], found["node_name"]) == ("n1", "Node-A", "node-a")


def test_groups_are_joined_in_order_and_each_host_comes_once():
    hostvars = {name: {} for name in ("a", "b", "c", "other")}
    found = HOSTS({"control_plane": ["c"], "workers": ["a", "c", "b"], "mirrors": ["other"]}, hostvars)
    assert [host["name"] for host in found] == ["c", "a", "b"]
    assert [(host["control_plane"], host["worker"]) for host in found] == [(True, True), (False, True), (False, True)]
    assert HOSTS({"all": []}, {}) == []


class Undefined(dict):
    """Variables of a host of which some need facts that are not gathered."""

    def __getitem__(self, name):
        if super().__getitem__(name) is None:
            raise AnsibleUndefinedVariable(name)
        return super().__getitem__(name)


@pytest.mark.parametrize("unresolved", [None, "{{ ansible_facts['eth1']['ipv4']['address'] }}"])
def test_an_address_from_facts_that_are_not_there_yet(unresolved):
    (found,) = HOSTS({"workers": ["n1"]}, {"n1": Undefined(bare_mesh_node_ip=unresolved, ansible_host="192.0.2.1")})
    assert (found["set_ip"], found["node_ip"]) == ("", "192.0.2.1")


def test_it_says_what_it_works_on():
    with pytest.raises(AnsibleFilterError, match=r"groups \| bare\.mesh\.cluster_hosts\(hostvars\)"):
        HOSTS(["n1"], {})


def test_every_key_is_documented():
    contains = yaml.safe_load(cluster_hosts.RETURN)["_value"]["contains"]
    assert set(contains) == set(one())
