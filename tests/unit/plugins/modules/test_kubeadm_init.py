# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What kubeadm_init makes of what it finds on a host."""

from __future__ import annotations

import base64
import copy
import json
import re

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.node import API_VERSION, SIGN_OF_LIFE, left_tokens
from ansible_collections.bare.mesh.plugins.modules import kubeadm_init

STARTED = ["ADMIN_CONF", "KUBELET_CONF", "API_SERVER_MANIFEST"]


@pytest.mark.parametrize(
    ("files", "answers", "state"),
    [
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
    ],
)
def test_control_plane_states(host, touch, monkeypatch, files, answers, state):
    touch(files)
    monkeypatch.setattr(kubeadm_init, "api_ready", lambda: answers)
    assert kubeadm_init.find_state(str(host["ETCD"].parents[2])) == state


def test_only_what_was_begun_here_is_started_over(host, touch, monkeypatch):
    """A control plane with its data elsewhere may only be down for a moment."""
    touch(STARTED)
    monkeypatch.setattr(kubeadm_init, "api_ready", lambda: False)
    with pytest.raises(Failure, match=r"did not begin.*reset"):
        kubeadm_init.find_state(str(host["ETCD"].parents[2]))


def test_a_worker_is_not_made_a_control_plane(touch):
    touch(["KUBELET_CONF"])
    with pytest.raises(Failure, match="worker of a cluster already"):
        kubeadm_init.find_state("/nonexistent")


def test_the_token_of_init_is_ours_and_short_lived():
    config = [
        {"kind": "ClusterConfiguration"},
        {
            "kind": "InitConfiguration",
            "apiVersion": "kubeadm.k8s.io/v9",
            "nodeRegistration": {"ignorePreflightErrors": ["Swap"]},
        },
        {"kind": "KubeletConfiguration"},
    ]
    before = copy.deepcopy(config)
    cluster, init, kubelet = kubeadm_init.complete(config, TOKEN, ["Port-6443"])
    assert cluster == {"kind": "ClusterConfiguration", "apiVersion": API_VERSION}
    assert kubelet == config[2] and config == before
    assert init["apiVersion"] == "kubeadm.k8s.io/v9"
    (made,) = init["bootstrapTokens"]
    assert (made["token"], made["ttl"]) == (TOKEN, "15m") and made["description"].startswith("bare.mesh: ")
    assert init["nodeRegistration"]["ignorePreflightErrors"] == ["Swap", "Port-6443"]


@pytest.mark.parametrize(
    ("config", "directory"),
    [
        ([], "/var/lib/etcd"),
        ([{"kind": "ClusterConfiguration", "etcd": {"local": {"dataDir": "/data/etcd"}}}], "/data/etcd"),
        ([{"kind": "ClusterConfiguration", "etcd": {"external": {}}}], "/var/lib/etcd"),
    ],
)
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


TOKEN = "abcdef.0123456789abcdef"
INIT = {"kind": "InitConfiguration"}
WANTED = {"config": [INIT, {"kind": "ClusterConfiguration"}]}
SECRETS = "/api/v1/namespaces/kube-system/secrets"


@pytest.fixture
def empty(member, machine):
    """A host without a control plane, on which kubeadm init makes one."""
    member.unit = {"ActiveState": "inactive", "UnitFileState": "disabled"}
    member.ready_now = False

    def init(_command):
        for path in ("admin.conf", "kubelet.conf", "manifests/kube-apiserver.yaml"):
            machine.put(f"/etc/kubernetes/{path}", path)
        machine.put("/etc/kubernetes/pki/ca.crt", "authority")
        machine.put("/var/lib/etcd/member/snap/db", SIGN_OF_LIFE)
        member.ready_now = True
        member.unit["ActiveState"] = "active"
        return "kubeadm join --token ..."

    machine.acts["kubeadm init"] = init
    return member


def test_check_mode_predicts_a_new_cluster(empty, machine, predicted, call):
    done = predicted(kubeadm_init, **WANTED)
    assert done["state"] == "absent" and done["initialised"]
    (enable, init, delete) = machine.ran
    token = json.loads(machine.inputs[0].split("\n---\n")[0])["bootstrapTokens"][0]["token"]
    assert re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", token) and token not in init
    assert (
        enable == "systemctl enable kubelet"
        and delete == f"kubeadm token delete --kubeconfig /etc/kubernetes/admin.conf {token[:6]}"
    )
    assert (call(kubeadm_init, **WANTED)["state"], machine.path(kubeadm_init.UNFINISHED).exists()) == ("ready", False)


def test_an_init_that_was_killed_is_begun_anew(empty, machine, predicted):
    machine.put(kubeadm_init.UNFINISHED)
    machine.put("/etc/kubernetes/manifests/etcd.yaml")
    machine.put("/var/lib/kubelet/config.yaml")
    done = predicted(kubeadm_init, **WANTED)
    assert done["state"] == "broken" and done["initialised"]
    words = [command.split(" --config")[0] for command in machine.ran]
    assert words.index("kubeadm reset") < words.index("kubeadm init")
    assert words[-1].startswith("kubeadm token delete ")
    assert not machine.path("/var/lib/kubelet/config.yaml").exists()


def test_an_init_that_was_killed_late_is_continued(empty, machine, predicted):
    machine.acts["kubeadm init"]("")
    machine.put(kubeadm_init.UNFINISHED)
    assert predicted(kubeadm_init, **WANTED)["state"] == "unfinished"
    assert "Port-6443" in machine.inputs[0] and not any("reset" in command for command in machine.ran)


def test_a_cluster_that_is_down_is_started(empty, machine, predicted):
    machine.acts["kubeadm init"]("")
    empty.ready_now = False
    empty.unit["ActiveState"] = "inactive"

    def start(_command):
        empty.ready_now = True
        empty.unit.update(UnitFileState="enabled", ActiveState="active")

    machine.acts["systemctl enable --now kubelet"] = start
    done = predicted(kubeadm_init, **WANTED)
    assert done["state"] == "stopped" and not done["initialised"] and machine.ran == ["systemctl enable --now kubelet"]


def test_a_cluster_that_stays_down_is_not_undone(empty, machine, call):
    machine.acts["kubeadm init"]("")
    empty.ready_now = False
    failed = call(kubeadm_init, wait_timeout=0, **WANTED)
    assert "its API server does not come up" in failed["msg"] and machine.ran == ["systemctl enable --now kubelet"]
    assert machine.path("/var/lib/etcd/member/snap/db").exists()


def test_tokens_that_a_killed_run_left_go(empty, machine, predicted):
    machine.acts["kubeadm init"]("")
    empty.unit["UnitFileState"] = "enabled"
    left = {
        "metadata": {"name": "bootstrap-token-abcdef"},
        "data": {"description": base64.b64encode(b"bare.mesh: w1 joins").decode()},
    }

    def secrets(path, method="GET"):
        items = [] if empty.deleted else [left]
        return (200, json.dumps({"items": items})) if method == "GET" else (empty.deleted.append(path), "")

    empty.request = secrets
    assert predicted(kubeadm_init, **WANTED)["state"] == "ready"
    assert empty.deleted == [f"{SECRETS}/bootstrap-token-abcdef"] and machine.ran == []


def test_the_token_is_printed_nowhere(empty, machine, call):
    """Not when kubeadm fails and prints its configuration, either."""

    def fail(_command):
        given = json.loads(machine.inputs[-1].split("\n---\n")[0])["bootstrapTokens"][0]["token"]
        return 1, f"using token {given}", f"cannot use {given}"

    init, machine.acts["kubeadm init"] = machine.acts["kubeadm init"], fail
    failed = call(kubeadm_init, **WANTED)
    made = json.loads(machine.inputs[-1].split("\n---\n")[0])["bootstrapTokens"][0]["token"]
    assert "kubeadm init failed with code 1" in failed["msg"] and made not in call.printed
    assert machine.path(kubeadm_init.UNFINISHED).exists()
    machine.acts["kubeadm init"] = init
    assert call(kubeadm_init, **WANTED)["initialised"]
    made = json.loads(machine.inputs[-1].split("\n---\n")[0])["bootstrapTokens"][0]["token"]
    assert made not in call.printed


def test_failures_are_messages(empty, machine, call):
    assert "no document of kind InitConfiguration" in call(kubeadm_init, config=[])["msg"]
    machine.programs = {"systemctl"}
    assert call(kubeadm_init, check=True, **WANTED)["changed"]
    assert "kubeadm is not installed on this node" in call(kubeadm_init, **WANTED)["msg"]
    machine.programs = set()
    assert "systemctl" in call(kubeadm_init, **WANTED)["msg"]


@pytest.mark.parametrize("check", [True, False])
def test_a_worker_is_left_alone(empty, machine, call, check):
    machine.put("/etc/kubernetes/kubelet.conf")
    assert "worker of a cluster already" in call(kubeadm_init, check=check, **WANTED)["msg"] and machine.ran == []
