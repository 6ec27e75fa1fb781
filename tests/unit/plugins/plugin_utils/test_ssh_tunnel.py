# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the SSH tunnel is planned, opened and closed. The program is a script that stands for ssh."""

from __future__ import annotations

import socket
import textwrap
import types
from pathlib import Path

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.tunnel import describe
from ansible_collections.bare.mesh.plugins.plugin_utils import ssh_tunnel

OPTIONS = {
    "control_path_dir": "/run/cp",
    "host": "198.51.100.1",
    "host_key_checking": True,
    "port": None,
    "private_key_file": None,
    "remote_user": None,
    "ssh_args": "-C -o ControlMaster=auto",
    "ssh_common_args": "-o 'ProxyCommand=ssh -W %h:%p jump'",
    "ssh_executable": "ssh",
    "ssh_extra_args": "",
    "timeout": 10,
}


def plan(server="https://127.0.0.1:16443", target="https://192.0.2.10:6443", transport="ssh", **options):
    given = {**OPTIONS, **options}
    connection = types.SimpleNamespace(transport=transport, get_option=given.__getitem__)
    return ssh_tunnel.plan(connection, Path("/home/a/.kube/config"), server, target)


def test_the_connection_of_the_inventory_is_used():
    tunnel = plan(port=2222, private_key_file="~/key", remote_user="admin", host_key_checking=False)
    assert tunnel.command[:4] == ["ssh", "-C", "-o", "ControlMaster=auto"]
    assert tunnel.command[4:6] == ["-o", "ProxyCommand=ssh -W %h:%p jump"]
    words = " ".join(tunnel.command)
    assert f"-p 2222 -l admin -i {Path.home()}/key" in words and "StrictHostKeyChecking=no" in words
    assert tunnel.destination == "198.51.100.1"
    assert (tunnel.listen, tunnel.target) == ("127.0.0.1:16443", "192.0.2.10:6443")
    assert "StrictHostKeyChecking" not in " ".join(plan().command)


def test_each_kubeconfig_has_a_tunnel_of_its_own():
    assert plan().control_path == plan().control_path
    assert len(plan().control_path) < len("/run/cp/") + 30
    connection = types.SimpleNamespace(transport="ssh", get_option=OPTIONS.__getitem__)
    other = ssh_tunnel.plan(connection, Path("/other"), "https://127.0.0.1:16443", "https://192.0.2.10:6443")
    assert other.control_path != plan().control_path


def test_an_api_server_with_an_address_of_version_6():
    assert plan(target="https://[2001:db8::1]:6443").target == "[2001:db8::1]:6443"
    assert plan(target="https://api.example.com").target == "api.example.com:443"


def test_what_rules_a_tunnel_out():
    with pytest.raises(Failure, match=r"connection of the type local: set bare_mesh_ssh_tunnel"):
        plan(transport="local")
    for server in ("https://192.0.2.10:6443", "https://127.0.0.1"):
        with pytest.raises(Failure, match=r"kubeadm_api_url .* to which no SSH tunnel can lead"):
            plan(server=server)


@pytest.fixture
def make(tmp_path):
    """A tunnel whose ssh is this script. It writes its arguments to the file said."""

    def tunnel(script):
        program = tmp_path / "ssh"
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/said\n{script}\n')
        program.chmod(0o755)
        return plan(ssh_executable=str(program), control_path_dir=str(tmp_path / "cp"))

    return tunnel


def listening(tunnel):
    server = socket.socket(socket.AF_UNIX)
    Path(tunnel.control_path).parent.mkdir(exist_ok=True)
    server.bind(tunnel.control_path)
    server.listen()
    return server


def test_it_is_opened_once(make, tmp_path):
    tunnel = make("exit 0")
    Path(tmp_path / "cp").mkdir()
    # What a process leaves that was killed would keep ssh from making its own.
    Path(tunnel.control_path).touch()
    ssh_tunnel.open_tunnel(tunnel)
    assert not Path(tunnel.control_path).exists()
    (line,) = (tmp_path / "said").read_text().splitlines()
    assert line.endswith("198.51.100.1 true") and "BatchMode=yes" in line
    with listening(tunnel):
        ssh_tunnel.open_tunnel(tunnel)
    assert len((tmp_path / "said").read_text().splitlines()) == 1


def test_what_ssh_says_is_in_the_message(make):
    with pytest.raises(Failure) as caught:
        ssh_tunnel.open_tunnel(make("echo Permission denied >&2; exit 255"))
    assert "through 198.51.100.1 on 127.0.0.1:16443: Permission denied: check that" in str(caught.value)
    with pytest.raises(Failure, match="ssh ended with code 3"):
        ssh_tunnel.open_tunnel(make("exit 3"))


def test_no_ssh(make, tmp_path):
    tunnel = make("")
    (tmp_path / "ssh").unlink()
    with pytest.raises(Failure, match="does not start: No such file"):
        ssh_tunnel.open_tunnel(tunnel)


def test_ssh_that_does_not_end(make, monkeypatch):
    monkeypatch.setattr(ssh_tunnel, "PATIENCE", 0.2)
    with pytest.raises(Failure, match=r"did not end within 0.2 seconds"):
        ssh_tunnel.open_tunnel(make("exec sleep 5"))


def test_only_an_open_one_is_closed(make, tmp_path):
    tunnel = make("exit 0")
    ssh_tunnel.close_tunnel(tunnel)
    assert not (tmp_path / "said").exists()
    with listening(tunnel):
        ssh_tunnel.close_tunnel(tunnel)
    assert (tmp_path / "said").read_text().strip() == f"-S {tunnel.control_path} -O exit 198.51.100.1"


def test_a_modules_kubeconfig_says_whether_there_is_one(make, tmp_path, monkeypatch):
    tunnel = make("echo no route; exit 1")
    path = tmp_path / "kubeconfig"
    assert ssh_tunnel.reach({}) == ssh_tunnel.reach({"kubeconfig": str(path)}) == ""
    path.write_text("clusters:\n- cluster:\n" + textwrap.indent(describe(tunnel), "    ") + "\n")
    assert "no route" in ssh_tunnel.reach({"kubeconfig": str(path)})
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", str(path))
    assert "no route" in ssh_tunnel.reach({})
    make("exit 0")
    assert ssh_tunnel.reach({"kubeconfig": str(path)}) == ""


def test_a_module_that_connects_two_clusters_has_two_tunnels(make, tmp_path):
    """The one of the other cluster is opened too, also if the first one has no way."""
    other = tmp_path / "other"
    other.write_text("clusters:\n- cluster:\n" + textwrap.indent(describe(make("exit 0")), "    ") + "\n")
    assert ssh_tunnel.reach({"kubeconfig": str(tmp_path / "none"), "remote_kubeconfig": str(other)}) == ""
    assert "16443:192.0.2.10:6443" in (tmp_path / "said").read_text()
    make("echo no route; exit 1")
    assert "no route" in ssh_tunnel.reach({"remote_kubeconfig": str(other)})
