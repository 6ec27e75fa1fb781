# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_inspect on a played host."""

from __future__ import annotations

import socket

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
      {"ifname": "lo", "address": "00:00:00:00:00:00", "addr_info": [{"scope": "host", "local": "127.0.0.1", "prefixlen": 8}]},
      {"ifname": "eth0", "address": "02:00:00:00:00:01", "addr_info": [{"scope": "global", "local": "10.0.0.5", "prefixlen": 24}]},
      {"ifname": "cni0", "address": "02:00:00:00:00:02", "addr_info": [{"scope": "global", "local": "10.244.0.1", "prefixlen": 24}]}
    ]"""
    assert host_inspect.interfaces(text) == (["02:00:00:00:00:01"], ["10.0.0.5/24"])
    assert host_inspect.interfaces("") == ([], [])


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
