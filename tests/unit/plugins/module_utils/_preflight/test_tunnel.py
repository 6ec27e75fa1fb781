# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings with which no SSH tunnel can be opened."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._preflight.tunnel import tunnel

GOOD = {"wanted": True, "host": "cp1", "connection": "ssh", "password": False}


def said(url="https://127.0.0.1:16443", **given):
    return [str(fault) for fault in tunnel({"tunnel": {**GOOD, **given}, "api_url": url})]


def test_good_settings():
    assert said() == said(connection="smart") == []


def test_nothing_is_said_where_no_tunnel_is_wanted():
    assert list(tunnel({"tunnel": {}, "api_url": ""})) == []
    assert said("https://192.0.2.10:6443", wanted=False, connection="local", password=True) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"connection": "local"},
            "no tunnel leads through cp1, whose ansible_connection is local. Set bare_mesh_ssh_tunnel",
        ),
        (
            {"password": True},
            "a tunnel needs a login without a password, and the inventory has one for cp1. Give it a key",
        ),
        ({"url": "https://192.0.2.10:6443"}, "it is https://192.0.2.10:6443, where no tunnel begins"),
    ],
)
def test_what_rules_a_tunnel_out(given, message):
    (fault,) = said(**given)
    assert message in fault and "[settings]" in fault


def test_all_faults_at_once():
    assert len(said("https://192.0.2.10:6443", connection="paramiko")) == 2
