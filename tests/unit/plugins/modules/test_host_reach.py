# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_reach with sockets of this machine, and with a network that drops packets."""

from __future__ import annotations

import errno
import os
import socket

import pytest
from ansible_collections.bare.mesh.plugins.modules import host_reach


@pytest.fixture
def ports():
    """A port on which something listens, one of TCP and UDP on which nothing does, and a listener that is silent."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent,
        socket.socket() as closed,
    ):
        silent.bind(("127.0.0.1", 0))
        # Bound, so that nobody else takes it, and not listening.
        closed.bind(("127.0.0.1", 0))
        yield {
            "open": server.getsockname()[1],
            "closed": closed.getsockname()[1],
            "silent": silent.getsockname()[1],
        }


def test_a_host_that_refuses_is_reached(ports, call):
    targets = [f"127.0.0.1:{ports['open']}/tcp", f"127.0.0.1:{ports['closed']}/tcp", "127.0.0.1:9/udp", "[::1]:9/tcp"]
    for check in (True, False):
        done = call(host_reach, check=check, targets=targets, timeout=5)
        assert (done["changed"], done["lost"]) == (False, {})


def test_no_answer(ports, call):
    target = f"127.0.0.1:{ports['silent']}/udp"
    assert call(host_reach, targets=[target], timeout=0.05)["lost"] == {target: "timed out"}


@pytest.mark.parametrize(
    "error", [TimeoutError("timed out"), OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))]
)
def test_a_network_that_lets_nothing_through(call, monkeypatch, error):
    def connect(_socket, _where):
        raise error

    monkeypatch.setattr(host_reach.socket, "socket", type("Lossy", (socket.socket,), {"connect": connect}))
    done = call(host_reach, targets=["192.0.2.1:6443/tcp", "192.0.2.1:8472/udp", "fd00::2:10250/tcp"])
    assert list(done["lost"]) == ["192.0.2.1:6443/tcp", "192.0.2.1:8472/udp", "fd00::2:10250/tcp"]
    assert set(done["lost"].values()) == {str(error)}


def test_a_name_that_the_host_does_not_know_says_nothing(call, monkeypatch):
    def unknown(*_arguments, **_options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(host_reach.socket, "getaddrinfo", unknown)
    assert call(host_reach, targets=["node1:6443/tcp"])["lost"] == {}


def test_the_number_of_targets_is_bounded(call, monkeypatch):
    tried = []
    monkeypatch.setattr(host_reach, "loss", lambda *one: tried.append(one) or "")
    call(host_reach, targets=["192.0.2.1:1/tcp"] * 600)
    assert len(tried) == 512 and tried[0] == (("192.0.2.1", 1, "tcp"), 3.0)


@pytest.mark.parametrize(
    "target", ["", "192.0.2.1", "192.0.2.1:x/tcp", "192.0.2.1:0/tcp", "h:65536/udp", "h:1/sctp", ":1/tcp"]
)
def test_what_is_no_target(call, target):
    assert f"targets has {target!r}; write an address with a port" in call(host_reach, targets=[target])["msg"]
