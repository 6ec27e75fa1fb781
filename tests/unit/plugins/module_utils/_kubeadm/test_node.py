# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm import node

KUBECONFIG = """apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Y2EgdGV4dA==
    server: https://192.0.2.10:6443
  name: kubernetes
"""


class Module:
    """Runs commands as AnsibleModule does."""

    def __init__(self, program=None):
        self.program = program

    def get_bin_path(self, name, required=False):
        return self.program

    def run_command(self, words, pass_fds=(), environ_update=None):
        done = subprocess.run(words, pass_fds=pass_fds, env=environ_update, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def program(tmp_path):
    """A kubeadm that prints its arguments and its configuration, and fails when told to."""
    path = tmp_path / "kubeadm"
    path.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "print(sys.argv[1:])\n"
        "if '--config' in sys.argv:\n"
        "    print(open(sys.argv[sys.argv.index('--config') + 1]).read())\n"
        "sys.exit('fail' in sys.argv and 'the reason')\n"
    )
    path.chmod(0o755)
    return str(path)


def test_kubeconfig_fields_are_read_without_a_yaml_library():
    assert node.field(KUBECONFIG, "server") == "https://192.0.2.10:6443"
    assert node.decoded(KUBECONFIG, "certificate-authority-data") == "ca text"


def test_a_kubeconfig_cut_short_is_told():
    with pytest.raises(ValueError, match="no server"):
        node.field(KUBECONFIG[:60], "server")


@pytest.mark.parametrize("content", [None, "", KUBECONFIG[:60], KUBECONFIG])
def test_an_unusable_kubeconfig_means_not_ready(tmp_path, content):
    path = tmp_path / "admin.conf"
    if content is not None:
        path.write_text(content)
    assert not node.api_ready(str(path))


def test_the_configuration_reaches_kubeadm_and_no_disk(program):
    documents = [{"kind": "A"}, {"kind": "B"}]
    out = node.Kubeadm(Module(program)).run("init", config=documents)
    words, text = out.split("\n", 1)
    assert "/proc/self/fd/" in words
    assert [json.loads(part) for part in text.split("---")] == documents


def test_a_failure_quotes_kubeadm(program):
    with pytest.raises(Failure, match=r"(?s)kubeadm fail failed with code 1.*the reason"):
        node.Kubeadm(Module(program)).run("fail")


def test_without_kubeadm_the_message_says_what_to_run():
    with pytest.raises(Failure, match="not installed"):
        node.Kubeadm(Module()).run("init")


def test_two_modules_never_run_kubeadm_at_once(tmp_path, monkeypatch, program):
    monkeypatch.setattr(node, "LOCK", str(tmp_path / "lock"))
    first = node.Kubeadm(Module(program))
    first.acquire()
    with pytest.raises(Failure, match="another kubeadm"):
        node.Kubeadm(Module(program)).acquire(timeout=0)
    os.close(first.lock)
    node.Kubeadm(Module(program)).acquire(timeout=0)


@pytest.mark.parametrize(
    ("where", "content", "lived"),
    [
        ("snap/db", b"\0" * 9000 + node.SIGN_OF_LIFE + b"\0", True),
        ("wal/0-0.wal", b"x" + node.SIGN_OF_LIFE, True),
        ("snap/db", b"/registry/configmaps/kube-system/other", False),
        ("snap/db", b"", False),
        (None, b"", False),
    ],
)
def test_etcd_data_tells_whether_the_cluster_has_lived(tmp_path, where, content, lived):
    if where:
        path = tmp_path / "member" / where
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    assert node.has_lived(str(tmp_path)) is lived


@pytest.mark.parametrize(
    ("state", "idle"),
    [
        ("ActiveState=active\nUnitFileState=enabled\n", False),
        ("ActiveState=activating\nUnitFileState=enabled\n", False),
        ("ActiveState=active\nUnitFileState=disabled\n", True),
        ("ActiveState=failed\nUnitFileState=enabled\n", True),
        ("ActiveState=inactive\nUnitFileState=\n", True),
    ],
)
def test_kubelet_is_to_run_and_to_be_enabled(state, idle):
    module = Module("systemctl")
    module.run_command = lambda *words, **options: (0, state, "")
    assert node.Kubelet(module).idle() is idle
