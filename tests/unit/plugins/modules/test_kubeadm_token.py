# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""kubeadm_token against a played kubeadm and API server."""

from __future__ import annotations

import json

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.node import KubeadmError
from ansible_collections.bare.mesh.plugins.modules import kubeadm_token


@pytest.mark.parametrize(("address", "deleted"), [("192.0.2.11", True), ("192.0.2.77", False)])
def test_only_the_nodes_own_remains_are_deleted(answering, monkeypatch, address, deleted):
    body = '{"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.11"}]}}'
    server = answering((200, body))
    monkeypatch.setattr(kubeadm_token.ApiServer, "of", lambda *arguments: server)
    kubeadm_token.forget("w1", address)
    assert (("DELETE", "/api/v1/nodes/w1") in server.seen) is deleted


def test_a_token_is_on_no_command_line(touch, kubeadm, ca_cert_hash):
    touch(["ADMIN_CONF", "CA"])
    params = {"token": "abcdef.0123456789abcdef", "ttl": "15m", "node": "", "node_ip": ""}
    assert kubeadm_token.create(kubeadm, params) == {"ca_certificate": "", "ca_cert_hash": ca_cert_hash}
    assert params["token"] not in " ".join(kubeadm.arguments)
    assert kubeadm.config[0]["bootstrapTokens"][0]["token"] == params["token"]


@pytest.mark.parametrize("files", [[], ["ADMIN_CONF", "UNFINISHED"]])
def test_a_token_needs_a_finished_control_plane(touch, kubeadm, files):
    touch(files)
    with pytest.raises(KubeadmError, match="is not there"):
        kubeadm_token.create(kubeadm, {"node": ""})


TOKEN = "abcdef.0123456789abcdef"


@pytest.fixture
def plane(member, machine, ca_cert_hash):
    """A host with a finished control plane."""
    machine.put("/etc/kubernetes/admin.conf")
    machine.put("/etc/kubernetes/pki/ca.crt", "authority")
    machine.acts["kubeadm token create"] = f"kubeadm join --token {TOKEN} --discovery-token-ca-cert-hash {ca_cert_hash}"
    return member


def test_a_token_is_made_and_deleted(plane, machine, call, ca_cert_hash):
    plane.objects["/api/v1/nodes/w1"] = (200, '{"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.11"}]}}')
    before = machine.everything()
    for state in ("present", "absent"):
        assert call(kubeadm_token, check=True, token=TOKEN, state=state, node="w1", node_ip="192.0.2.11")["changed"]
        assert machine.ran == [] and plane.deleted == []
    done = call(kubeadm_token, token=TOKEN, node="w1", node_ip="192.0.2.11", ttl="5m")
    assert (done["changed"], done["ca_certificate"], done["ca_cert_hash"]) == (True, "authority", ca_cert_hash)
    assert plane.deleted == ["/api/v1/nodes/w1"] and TOKEN not in call.printed and TOKEN not in machine.ran[0]
    (made,) = json.loads(machine.inputs[0])["bootstrapTokens"]
    assert (made["token"], made["ttl"], made["description"]) == (TOKEN, "5m", "bare.mesh: w1 joins")
    assert call(kubeadm_token, token=TOKEN, state="absent")["changed"]
    assert machine.ran[1] == "kubeadm token delete abcdef" and TOKEN not in call.printed
    assert machine.everything() == before


def test_failures_are_messages_without_the_token(plane, machine, call):
    machine.acts["kubeadm token"] = machine.acts["kubeadm token create"] = (1, "", f"the token {TOKEN} is refused")
    for state in ("present", "absent"):
        failed = call(kubeadm_token, token=TOKEN, state=state)
        assert "kubeadm token" in failed["msg"] and "is refused" in failed["msg"] and TOKEN not in call.printed
    failed = call(kubeadm_token, token="ABCDEF.0123456789abcdef")
    assert "token is not of the form" in failed["msg"] and "ABCDEF.0123456789abcdef" not in call.printed
    plane.objects["/api/v1/nodes/w1"] = ConnectionRefusedError("refused")
    assert "does not answer: refused" in call(kubeadm_token, token=TOKEN, node="w1")["msg"]
    machine.programs = {"systemctl"}
    assert "kubeadm is not installed" in call(kubeadm_token, token=TOKEN)["msg"]
    machine.path("/etc/kubernetes/admin.conf").unlink()
    assert "kubeadm init has not come to its end" in call(kubeadm_token, token=TOKEN)["msg"]
    assert "missing required arguments: token" in call(kubeadm_token)["msg"]


def test_a_kubeconfig_that_is_cut_short(plane, machine, call, monkeypatch):
    def broken(*arguments):
        raise ValueError("the kubeconfig has no server")

    monkeypatch.setattr(kubeadm_token.ApiServer, "of", broken)
    assert "is not usable: the kubeconfig has no server; make it anew" in call(kubeadm_token, token=TOKEN, node="w1")["msg"]
