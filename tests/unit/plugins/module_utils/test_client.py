# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The connection: kubeconfig, errors in words, patience, pages."""

from __future__ import annotations

import json

import pytest
import urllib3
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._client import ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._failure import Failure, Unreachable
from ansible_collections.bare.mesh.plugins.module_utils._istioctl import kubeconfig
from ansible_collections.bare.mesh.plugins.module_utils._kinds import Kinds, UnknownKind

CONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "secret-token"}}],
}


class Answer:
    def __init__(self, status, body, **headers):
        self.status, self.data, self.headers = status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers


class Pool:
    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def request(self, method, url, body, headers, timeout, retries):
        self.asked.append((method, url, body, headers))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(CONFIG))
    return str(file)


@pytest.fixture
def client(config):
    return Client({"kubeconfig": config})


def test_credentials_and_apply(client):
    client.pool = Pool(Answer(200, {"metadata": {}}))
    client.apply("/api/v1/x", {"a": 1}, "me", dry_run=True)
    method, url, body, headers = client.pool.asked[0]
    assert (method, url) == ("PATCH", "https://127.0.0.1:1/api/v1/x?fieldManager=me&force=true&fieldValidation=Strict&dryRun=All")
    assert json.loads(body) == {"a": 1}
    assert headers["authorization"] == "Bearer secret-token" and headers["Content-Type"] == "application/apply-patch+yaml"


def test_missing_kubeconfig(tmp_path):
    with pytest.raises(Unreachable, match=rf"the kubeconfig {tmp_path}/none does not exist"):
        Client({"kubeconfig": f"{tmp_path}/none"})


def test_broken_kubeconfig(tmp_path):
    file = tmp_path / "config"
    file.write_text("nonsense: true")
    with pytest.raises(Failure, match=r"is not usable"):
        Client({"kubeconfig": str(file)})


def test_options_win(config, tmp_path):
    client = Client({"kubeconfig": config, "host": "https://10.0.0.1/", "api_key": "other", "validate_certs": False, "proxy": "http://p:1"})
    assert client.settings.host == "https://10.0.0.1" and client._headers("")["authorization"] == "Bearer other"
    assert client.settings.proxy == "http://p:1" and client.settings.verify_ssl is False
    with kubeconfig(client) as path, open(path, encoding="utf-8") as stream:
        given = json.load(stream)
    assert given["clusters"][0]["cluster"] == {"server": "https://10.0.0.1", "proxy-url": "http://p:1", "insecure-skip-tls-verify": True}
    assert given["users"][0]["user"] == {"token": "other"}


def test_nobody_there(client):
    client.pool = Pool(urllib3.exceptions.NewConnectionError(None, "Failed: [Errno 111] Connection refused"))
    with pytest.raises(Unreachable, match=r"does not answer: .*Connection refused"):
        client.reach()


def test_wrong_certificate(client):
    client.pool = Pool(urllib3.exceptions.SSLError("certificate verify failed"))
    with pytest.raises(Failure, match=r"is not trusted .* may belong to an earlier cluster"):
        client.reach()


def test_patience_rides_out_what_passes(client):
    busy = {"message": "too many requests"}
    webhook = {"message": "failed calling webhook: connect: connection refused"}
    client.pool = Pool(
        Answer(200, {"gitVersion": "v1"}),
        Answer(429, busy, **{"Retry-After": "1"}),
        urllib3.exceptions.ProtocolError("gone"),
        Answer(500, webhook),
        Answer(409, {"reason": "Conflict"}),
        Answer(200, {"a": 1}),
    )
    client.reach()
    assert client.get("/x") == {"a": 1} and client.version == {"gitVersion": "v1"}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(422, {"message": "spec.x: Invalid value"}), "spec.x: Invalid value"),
        (Answer(401, {"message": "Unauthorized"}), "refused or have expired"),
        (Answer(500, b"oops"), "oops"),
        (Answer(400, b""), "HTTP status 400"),
    ],
)
def test_refusals(client, answer, message):
    client.pool = Pool(Answer(200, {}), answer)
    client.reach()
    with pytest.raises(ApiError, match=message):
        client.get("/x")


def test_absent(client):
    client.pool = Pool(Answer(404, b"404 page not found"), Answer(404, {}), Answer(200, {}), Answer(404, {}))
    assert client.get("/x") is None
    assert client.delete("/x") is False
    assert client.delete("/x", dry_run=True) is True
    assert list(client.pages("/x")) == []


def test_pages(client):
    first = {"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": "more"}, "items": [{"metadata": {"name": "a"}}]}
    client.pool = Pool(Answer(200, first), Answer(200, {**first, "metadata": {}, "items": None}))
    assert list(client.pages("/x", {"labelSelector": "a=b"})) == [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}]
    assert "continue=more" in client.pool.asked[1][1] and "labelSelector=a%3Db" in client.pool.asked[1][1]


def test_paths():
    kinds = Kinds(None)
    assert kinds.path({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b"}}) == "/api/v1/namespaces/b/pods/a"
    assert kinds.collection("apps/v1", "Deployment") == "/apis/apps/v1/deployments"
    assert kinds.collection("v1", "Node", "ignored") == "/api/v1/nodes"
    with pytest.raises(UnknownKind, match=r"serves no kind Foo in example.com/v1"):
        kinds.find("example.com/v1", "Foo")
