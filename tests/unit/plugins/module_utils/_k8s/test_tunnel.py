# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The SSH tunnel that a kubeconfig describes."""

from __future__ import annotations

import socket
import textwrap

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.tunnel import (
    Tunnel,
    describe,
    tunnel_in,
    tunnel_of,
)

TUNNEL = Tunnel(["ssh", "-p", "22"], "198.51.100.1", "/run/cp/one", "127.0.0.1:16443", "192.0.2.10:6443")


def kubeconfig(lines):
    return "clusters:\n- cluster:\n    server: https://127.0.0.1:16443\n" + textwrap.indent(lines, "    ") + "\n"


def test_the_description_is_read_as_it_was_written(tmp_path):
    text = kubeconfig(describe(TUNNEL))
    (cluster,) = yaml.safe_load(text)["clusters"]
    # The certificate of the API server has no name for the tunnel's end.
    assert cluster["cluster"]["tls-server-name"] == "kubernetes"
    assert tunnel_in(text) == TUNNEL
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    assert tunnel_of(str(path)) == TUNNEL


def test_no_tunnel(tmp_path):
    assert tunnel_of(str(tmp_path / "none")) is None
    path = tmp_path / "kubeconfig"
    for text in ("clusters: []\n", kubeconfig("extensions:\n- name: minikube\n  extension: {}")):
        path.write_text(text)
        assert tunnel_of(str(path)) is None
        assert tunnel_in(text) is None
    path.write_bytes(b"\xff")
    assert tunnel_of(str(path)) is None


@pytest.mark.parametrize(
    "lines",
    [
        "extensions: [{name: ssh-tunnel.bare.mesh, extension: {listen: a}}]",
        "extensions: [{name: ssh-tunnel.bare.mesh}]",
        "extensions: {ssh-tunnel.bare.mesh",
    ],
)
def test_a_damaged_description(lines):
    with pytest.raises(Failure, match=r"extension ssh-tunnel.bare.mesh is damaged: run the playbook"):
        tunnel_in(kubeconfig(lines))


def test_the_command_line():
    command = TUNNEL.start(3600)
    assert command[0] == "ssh" and command[-2:] == ["198.51.100.1", "true"]
    assert command.index("ControlPersist=3600") < command.index("-p"), "ssh takes the first value of an option"
    assert command[command.index("-L") + 1] == "127.0.0.1:16443:192.0.2.10:6443"
    assert TUNNEL.control("exit") == ["ssh", "-S", "/run/cp/one", "-O", "exit", "198.51.100.1"]


def test_it_is_open_while_somebody_listens(tmp_path):
    tunnel = TUNNEL._replace(control_path=str(tmp_path / "socket"))
    assert not tunnel.is_open()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(tunnel.control_path)
        server.listen()
        assert tunnel.is_open()
    # What a process leaves that was killed.
    assert not tunnel.is_open()
