# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""kubeadm_token against a played kubeadm and API server."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm import KubeadmError
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
