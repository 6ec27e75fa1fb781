# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module, by its main(). The program is a script that stands for ssh."""

from __future__ import annotations

import textwrap

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s.tunnel import Tunnel, describe
from ansible_collections.bare.mesh.plugins.modules import ssh_forward


@pytest.fixture
def forward(tmp_path, call):
    def run(url, script="exit 0", check=False, **more):
        program = tmp_path / "ssh"
        program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\n{script}\n')
        program.chmod(0o755)
        tunnel = Tunnel([str(program)], "198.51.100.1", "/run/cp/one", "127.0.0.1:16443", "192.0.2.10:6443")
        path = tmp_path / "kubeconfig"
        path.write_text("clusters:\n- cluster:\n" + textwrap.indent(describe(tunnel), "    ") + "\n")
        result = call(ssh_forward, check=check, kubeconfig=str(path), url=url, **more)
        said = tmp_path / "said"
        return result, said.read_text().strip() if said.exists() else ""

    return run


@pytest.mark.parametrize(
    ("url", "more", "here", "option"),
    [
        ("http://192.0.2.11:31380/p?a=1", {}, "http://127.0.0.1:31380/p?a=1", "127.0.0.1:31380:192.0.2.11:31380"),
        ("http://192.0.2.11/", {}, "http://127.0.0.1:8080/", "127.0.0.1:8080:192.0.2.11:80"),
        ("https://a.example", {}, "https://127.0.0.1:8443", "127.0.0.1:8443:a.example:443"),
        ("http://[2001:db8::1]:31380", {}, "http://127.0.0.1:31380", "127.0.0.1:31380:[2001:db8::1]:31380"),
        ("http://a:2000", {"local_port": 3000}, "http://127.0.0.1:3000", "127.0.0.1:3000:a:2000"),
    ],
)
@pytest.mark.parametrize("check", [False, True])
def test_the_port_is_forwarded(forward, url, more, here, option, check):
    result, said = forward(url, check=check, **more)
    assert (result["changed"], result["url"]) == (False, here)
    assert said == f"-S /run/cp/one -O forward -L {option} 198.51.100.1"


def test_a_port_that_is_taken(forward):
    result, _said = forward("http://a:2000", "echo Port forwarding failed >&2; exit 255")
    assert result["failed"] and "port 2000 to a:2000: Port forwarding failed: set local_port" in result["msg"]


@pytest.mark.parametrize("url", ["192.0.2.11:31380", "ftp://a", "http://a:b"])
def test_no_url(forward, url):
    result, said = forward(url)
    assert result["failed"] and f"url is {url}: give an address" in result["msg"] and not said


def test_a_kubeconfig_without_a_tunnel(tmp_path, call):
    result = call(ssh_forward, kubeconfig=str(tmp_path / "none"), url="http://a")
    assert result["failed"] and "describes no SSH tunnel: set bare_mesh_ssh_tunnel to true" in result["msg"]
