# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kubeconfigs, options and service accounts that cannot be used. What is done with them is in test_client.py."""

from __future__ import annotations

import os

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s.configuration import configuration
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable

CONFIG = """
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: secret-token}}]
"""


def test_missing_kubeconfig(tmp_path):
    with pytest.raises(Unreachable, match=rf"the kubeconfig {tmp_path}/none does not exist"):
        configuration({"kubeconfig": f"{tmp_path}/none"})


def test_broken_kubeconfig(tmp_path):
    file = tmp_path / "config"
    file.write_text("nonsense: true")
    with pytest.raises(Failure, match=r"is not usable"):
        configuration({"kubeconfig": str(file)})


@pytest.mark.parametrize(("text", "cause"), [
    ("$ANSIBLE_VAULT;1.1;AES256\n6638\n", "is encrypted by ansible-vault: decrypt it"),
    ("users:\n- user: {client-key-data: c2VjcmV0\n", r"is not YAML: see line 3$"),
    ("-----BEGIN CERTIFICATE-----\n", r"the file .* is not a kubeconfig: set the option kubeconfig"),
    ("[1]", r"the file .* is not a kubeconfig"),
    ("{kind: Secret, data: {token: c2VjcmV0}}", r"the file .* is not a kubeconfig"),
    ("", "is empty"),
])  # fmt: skip
def test_what_is_wrong_with_a_kubeconfig(tmp_path, text, cause):
    """And nothing of what it contains is in the message."""
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(Failure, match=cause) as refusal:
        configuration({"kubeconfig": f"{tmp_path}/none{os.pathsep}{file}" if text else str(file)})
    assert "c2VjcmV0" not in str(refusal.value)


def test_pod_without_service_account(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(Failure, match=r"no usable service account .*set the option kubeconfig"):
        configuration({})


def test_certificate_files_that_do_not_exist(tmp_path):
    file = tmp_path / "config"
    file.write_text(CONFIG)
    for option in ("ca_cert", "client_cert", "client_key"):
        with pytest.raises(Failure, match=rf"{option}: the file {tmp_path}/none does not exist"):
            configuration({"kubeconfig": str(file), option: f"{tmp_path}/none"})
