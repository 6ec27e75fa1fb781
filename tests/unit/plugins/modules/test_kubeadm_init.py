# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What kubeadm_init makes of what it finds on a host."""

from __future__ import annotations

import base64
import json
import types

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm import KubeadmError, left_tokens
from ansible_collections.bare.mesh.plugins.modules import kubeadm_init

STARTED = ["ADMIN_CONF", "KUBELET_CONF", "API_SERVER_MANIFEST"]


@pytest.mark.parametrize(("files", "answers", "state"), [
    ([], False, "absent"),
    (["UNFINISHED"], False, "broken"),
    ([*STARTED, "UNFINISHED"], False, "broken"),
    ([*STARTED, "UNFINISHED"], True, "unfinished"),
    ([*STARTED, "UNFINISHED", "ETCD"], False, "stopped"),
    (STARTED, True, "ready"),
    ([*STARTED, "ETCD"], True, "ready"),
    ([*STARTED, "ETCD"], False, "stopped"),
    # Some or all of its files are lost, its data is not.
    (["ADMIN_CONF", "KUBELET_CONF", "ETCD"], False, "stopped"),
    (["ETCD"], False, "stopped"),
])
def test_control_plane_states(host, touch, monkeypatch, files, answers, state):
    touch(files)
    monkeypatch.setattr(kubeadm_init, "api_ready", lambda: answers)
    assert kubeadm_init.find_state(str(host["ETCD"].parents[2])) == state


def test_only_what_was_begun_here_is_started_over(host, touch, monkeypatch):
    """A control plane with its data elsewhere may only be down for a moment."""
    touch(STARTED)
    monkeypatch.setattr(kubeadm_init, "api_ready", lambda: False)
    with pytest.raises(KubeadmError, match=r"did not begin.*reset"):
        kubeadm_init.find_state(str(host["ETCD"].parents[2]))


def test_a_worker_is_not_made_a_control_plane(touch):
    touch(["KUBELET_CONF"])
    with pytest.raises(KubeadmError, match="worker of a cluster already"):
        kubeadm_init.find_state("/nonexistent")


def test_the_token_of_init_is_ours_and_short_lived():
    config = [{"kind": "ClusterConfiguration"}, {"kind": "InitConfiguration", "nodeRegistration": {"ignorePreflightErrors": ["Swap"]}}]
    cluster, init = kubeadm_init.with_token(config, "abcdef.0123456789abcdef", "15m", ["Port-6443"])
    assert cluster == config[0]
    assert init["bootstrapTokens"][0]["ttl"] == "15m"
    assert init["nodeRegistration"]["ignorePreflightErrors"] == ["Swap", "Port-6443"]
    assert config[1]["nodeRegistration"]["ignorePreflightErrors"] == ["Swap"]


@pytest.mark.parametrize(("config", "directory"), [
    ([], "/var/lib/etcd"),
    ([{"kind": "ClusterConfiguration", "etcd": {"local": {"dataDir": "/data/etcd"}}}], "/data/etcd"),
    ([{"kind": "ClusterConfiguration", "etcd": {"external": {}}}], "/var/lib/etcd"),
])
def test_where_etcd_keeps_its_data(config, directory):
    assert kubeadm_init.etcd_directory(config) == directory


def test_only_our_own_tokens_are_left_overs(answering):
    texts = {"ours": "bare.mesh: w1 joins", "kubeadm's": "The default bootstrap token", "bare": None}
    items = [
        {"metadata": {"name": name}, "data": {"description": base64.b64encode(text.encode()).decode()} if text else {}}
        for name, text in texts.items()
    ]
    assert left_tokens(answering((200, json.dumps({"items": items})))) == ["ours"]
    assert left_tokens(answering((403, ""))) == []


@pytest.mark.parametrize("token", [None, "abcdef.0123456789abcdef"])
def test_init_leaves_no_token_but_the_callers(touch, ca_cert_hash, monkeypatch, token):
    touch(["CA"])
    ran = []

    class Init:
        module = types.SimpleNamespace(no_log_values=set())

        def run(self, *arguments, config=None):
            ran.append(arguments)
            return f"--discovery-token-ca-cert-hash {ca_cert_hash}"

    monkeypatch.setattr(kubeadm_init, "begin", lambda: None)
    monkeypatch.setattr(kubeadm_init, "finish", lambda: None)
    kubelet = type("Kubelet", (), {"do": lambda self, verb: None})()
    params = {"token": token, "token_ttl": "15m", "config": [{"kind": "InitConfiguration"}]}
    assert kubeadm_init.initialise(Init(), kubelet, params, resume=False)["ca_cert_hash"] == ca_cert_hash
    assert len(Init.module.no_log_values) == 1
    assert [arguments[:2] for arguments in ran] == [("init",), *([] if token else [("token", "delete")])]
