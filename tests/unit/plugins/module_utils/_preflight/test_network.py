# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's verdicts about the way from host to host."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._preflight import network

HOSTS = [{"name": name, "node_ip": f"10.0.0.{number}"} for number, name in enumerate(("cp", "w1", "w2"), 1)]
TCP, UDP = "10.0.0.1:6443/tcp", "10.0.0.1:8472/udp"


def found(tried, **state):
    bare = {"member": False, "ufw": False, "firewalld": False}
    reports = {"cp": {**bare, **state}, "w1": bare, "w2": bare}
    return [(one.check, one.where, one.what) for one in network.lost(tried, HOSTS, reports)]


def test_a_port_that_nobody_reaches_is_one_fault():
    tried = {"cp": {"lost": {}}, "w1": {"lost": {TCP: "timed out"}}, "w2": {"lost": {TCP: "timed out"}}}
    assert found(tried) == [("network", "w1, w2", "cannot reach 6443/tcp of cp (10.0.0.1): timed out")]


def test_no_answer_by_udp_is_a_warning():
    assert found({"w1": {"lost": {UDP: "timed out"}}}) == [
        ("network_udp", "w1", "got no answer from 8472/udp of cp (10.0.0.1): timed out")
    ]


@pytest.mark.parametrize("firewall", ["ufw", "firewalld"])
def test_the_firewall_of_a_host_is_opened_later(firewall):
    tried = {"w1": {"lost": {TCP: "timed out", UDP: "timed out"}}}
    assert found(tried, **{firewall: True}) == []
    # In a node it is open.
    assert [check for check, *_rest in found(tried, member=True, **{firewall: True})] == ["network"]


def test_what_was_not_tried_says_nothing():
    assert found({"cp": None, "w1": {"skipped": True}, "w2": {"failed": True, "msg": "no"}}) == []
    # A host that could not be inspected has a fault already.
    assert found({"w1": {"lost": {"10.0.0.9:6443/tcp": "timed out"}}}) == []
