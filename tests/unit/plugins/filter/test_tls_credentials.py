# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import base64
import datetime

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.bare.mesh.plugins.filter.tls_credentials import FilterModule
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

tls_credentials = FilterModule().filters()["tls_credentials"]
NOW = datetime.datetime.now(datetime.timezone.utc)


@pytest.fixture
def issue(tmp_path):
    """Write a certificate and its key. Returns their paths."""

    def made(name, days=90, password=None):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(NOW - datetime.timedelta(days=1000))
        certificate = builder.not_valid_after(NOW + datetime.timedelta(days=days)).sign(key, hashes.SHA256())
        form = serialization.PrivateFormat.PKCS8
        hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        paths = tmp_path / f"{name}.crt", tmp_path / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, hidden))
        return {"certificate": str(paths[0]), "key": str(paths[1])}

    return made


def test_secrets_and_expiry(issue):
    shop, clients = issue("shop", 30), issue("clients")
    credentials = [
        {"name": "shop", **shop},
        {"name": "shop", "namespace": "other", **shop, "ca": clients["certificate"]},
    ]
    made = tls_credentials(credentials, namespace="gateways", labels={"a": "b"})
    assert made["faults"] == []
    assert [one["metadata"] for one in made["secrets"]] == [
        {"name": "shop", "namespace": "gateways", "labels": {"a": "b"}},
        {"name": "shop", "namespace": "other", "labels": {"a": "b"}},
    ]
    assert {one["type"] for one in made["secrets"]} == {"kubernetes.io/tls"}
    keys = [sorted(one["data"]) for one in made["secrets"]]
    assert keys == [["tls.crt", "tls.key"], ["ca.crt", "tls.crt", "tls.key"]]
    assert base64.b64decode(made["secrets"][0]["data"]["tls.key"]).startswith(b"-----BEGIN PRIVATE KEY-----")
    expires = f"{NOW + datetime.timedelta(days=30):%Y-%m-%d}"
    assert made["expiries"][0] == {"name": "shop", "namespace": "gateways", "expires": expires}


def test_all_faults_together(issue, tmp_path):
    good, late, closed = issue("good"), issue("late", -10), issue("closed", password=b"password")
    text = tmp_path / "text"
    text.write_text("text")
    made = tls_credentials(
        [
            {"name": "a", **good, "key": late["key"]},
            {"name": "b", **late},
            {"name": "c", **closed},
            {"name": "d", **good, "certificate": str(text)},
            {"name": "e", **good, "key": str(text), "ca": str(text)},
            {"name": "f", **good, "key": str(tmp_path / "none")},
            {"name": "g", **good},
            {"name": "g", "namespace": "default", **good},
        ],
        "credentials_of_mine",
    )
    expired = f"{NOW - datetime.timedelta(days=10):%Y-%m-%d}"
    assert [(one["where"].removeprefix("credentials_of_mine"), one["what"]) for one in made["faults"]] == [
        ("[0].key", "does not belong to the certificate"),
        ("[1].certificate", f"has expired on {expired}"),
        ("[2].key", "is encrypted"),
        ("[3].certificate", "is no certificate in the PEM format"),
        ("[4].key", "is no private key in the PEM format"),
        ("[4].ca", "is no certificate in the PEM format"),
        ("[5].key", f"is {tmp_path / 'none'}, which cannot be read: No such file or directory"),
        ("[7]", "is a second credential g of the namespace default"),
    ]
    assert made["secrets"] == made["expiries"] == []


def test_what_is_no_list():
    with pytest.raises(AnsibleFilterError, match="needs a list"):
        tls_credentials({"name": "a"})
