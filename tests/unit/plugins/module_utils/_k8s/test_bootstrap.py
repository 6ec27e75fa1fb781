# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bootstrap tokens: made by one request, and gone whatever happens."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._base.token import MARK
from ansible_collections.bare.mesh.plugins.module_utils._k8s import bootstrap
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NODE = "/api/v1/nodes/w1"


@pytest.fixture
def posts(cluster):
    """What was posted; posts.errors are raised in place of it."""

    class Posts(list):
        def __init__(self):
            super().__init__()
            self.errors = []

        def request(self, method, path, query=None, body=None, content_type=""):
            assert (method, path) == ("POST", bootstrap.SECRETS)
            for error in self.errors:
                raise error
            self.append(body)
            cluster.objects[f"{path}/{body['metadata']['name']}"] = body
            return body

    found = Posts()
    cluster.request, cluster.host = found.request, "https://192.0.2.10:6443"
    return found


def test_a_token_lives_as_long_as_the_join(cluster, posts):
    before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    with bootstrap.bootstrap_token(cluster, "w1", 60) as token:
        assert re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", token)
        assert list(cluster.objects) == [f"{bootstrap.SECRETS}/bootstrap-token-{token[:6]}"]
    assert cluster.objects == {}
    data = posts[0]["stringData"]
    assert f"{data['token-id']}.{data['token-secret']}" == token and posts[0]["type"] == "bootstrap.kubernetes.io/token"
    expiration = datetime.datetime.strptime(data["expiration"], "%Y-%m-%dT%H:%M:%SZ")
    expiration = expiration.replace(tzinfo=datetime.timezone.utc)
    assert 60 <= (expiration - before).total_seconds() < 70
    # kubeadm_init knows by it whose a left token is.
    assert data["description"] == MARK + "w1 joins"


def test_two_tokens_differ(cluster, posts):
    for _time in range(2):
        with bootstrap.bootstrap_token(cluster, "w1", 60):
            pass
    first, second = (post["stringData"] for post in posts)
    assert first["token-id"] != second["token-id"] and first["token-secret"] != second["token-secret"]


def test_a_token_goes_after_an_error(cluster, posts):
    with pytest.raises(RuntimeError, match="the join failed"), bootstrap.bootstrap_token(cluster, "w1", 60):
        raise RuntimeError("the join failed")
    assert len(posts) == 1 and cluster.objects == {}


def test_a_token_whose_answer_was_lost(cluster, posts):
    lost = ApiError(409, "already exists", "AlreadyExists")
    posts.errors.append(lost)
    with pytest.raises(ApiError), bootstrap.bootstrap_token(cluster, "w1", 60):
        pass
    lost.repeated = True
    with bootstrap.bootstrap_token(cluster, "w1", 60) as token:
        assert token
    assert [request[0] for request in cluster.requests] == ["DELETE", "DELETE"]


def test_a_cluster_that_is_away(cluster, posts):
    posts.errors.append(Unreachable("nobody is there"))
    with pytest.raises(Unreachable, match="nobody is there"), bootstrap.bootstrap_token(cluster, "w1", 60):
        pass


def authority():
    """(a certificate authority in PEM form, the hash of its public key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    made = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return made, hashlib.sha256(public).hexdigest()


def published(certificate):
    kubeconfig = {
        "clusters": [
            {"cluster": {"certificate-authority-data": base64.b64encode(certificate).decode(), "server": "https://a"}}
        ]
    }
    return {"metadata": {}, "data": {"kubeconfig": yaml.safe_dump(kubeconfig)}}


def test_the_certificate_authority_is_read_from_cluster_info(cluster, posts):
    certificate, digest = authority()
    cluster.objects[bootstrap.CLUSTER_INFO] = published(certificate)
    assert bootstrap.certificate_authority(cluster) == (certificate.decode(), f"sha256:{digest}")


UNUSABLE = [
    {"metadata": {}},
    *({"metadata": {}, "data": {"kubeconfig": text}} for text in ("[]", "[")),
    published(b"no certificate"),
]


@pytest.mark.parametrize("info", [None, *UNUSABLE])
def test_a_cluster_whose_init_has_not_ended(cluster, posts, info):
    if info:
        cluster.objects[bootstrap.CLUSTER_INFO] = info
    with pytest.raises(Failure, match=r"https://192\.0\.2\.10:6443 has no usable ConfigMap kube-public/cluster-info"):
        bootstrap.certificate_authority(cluster)


@pytest.mark.parametrize(
    ("addresses", "deleted"),
    [
        ([{"type": "InternalIP", "address": "192.0.2.11"}], True),
        ([{"type": "Hostname", "address": "192.0.2.11"}], False),
        ([{"type": "InternalIP", "address": "192.0.2.77"}], False),
        (None, False),
    ],
)
def test_only_the_node_object_of_the_same_host_is_deleted(cluster, addresses, deleted):
    cluster.objects[NODE] = {"metadata": {"name": "w1"}, "status": {"addresses": addresses} if addresses else {}}
    bootstrap.forget_node(cluster, "w1", "192.0.2.11")
    assert (NODE not in cluster.objects) is deleted
    bootstrap.forget_node(cluster, "../w2", "192.0.2.11")
    assert cluster.requests[-1] == ("GET", "/api/v1/nodes/..%2Fw2")
