# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The connection: options that win, error messages, repeated requests, pages."""

from __future__ import annotations

import email.utils
import http.server
import json
import threading
import time

import pytest
import urllib3
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._istio.istioctl import kubeconfig
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError, Client, _retry_after
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds, UnknownKind
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable

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
        self.status, self.headers = status, headers
        self.data = body if isinstance(body, bytes) else json.dumps(body).encode()


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
    sent = "fieldManager=me&force=true&fieldValidation=Strict&dryRun=All"
    assert (method, url) == ("PATCH", f"https://127.0.0.1:1/api/v1/x?{sent}")
    assert json.loads(body) == {"a": 1}
    assert headers["authorization"] == "Bearer secret-token"
    assert headers["Content-Type"] == "application/apply-patch+yaml"


def test_text_is_no_object(client):
    """The log of a container, with what is no UTF-8. Errors are those of other requests."""
    client.pool = Pool(Answer(200, b"first\n\xffsecond\n"), Answer(404, {"message": "no such pod"}))
    assert client.text("/api/v1/x/log", {"sinceSeconds": 60}) == "first\n\ufffdsecond\n"
    assert client.pool.asked[0][:2] == ("GET", "https://127.0.0.1:1/api/v1/x/log?sinceSeconds=60")
    with pytest.raises(ApiError, match="no such pod"):
        client.text("/api/v1/x/log")


def test_what_is_applied_can_be_read_as_yaml(client):
    """As the API server does, also where JSON and YAML write a character differently."""
    data = {
        "picture": "a\U0001f517b",
        "text": "\u00e9\u4e2d \\ud83d\\udd17",
        "odd": "\x00\x1b\x7f\x85\u2028\ufeff\uffff",
    }
    client.pool = Pool(Answer(200, {"metadata": {}}))
    client.apply("/api/v1/x", data, "me")
    body = client.pool.asked[0][2]
    assert json.loads(body) == yaml.safe_load(body.decode()) == data


def test_options_win(config, tmp_path):
    client = Client(
        {
            "kubeconfig": config,
            "api_host": "https://10.0.0.1/",
            "api_key": "other",
            "validate_certs": False,
            "proxy": "http://p:1",
        }
    )
    assert client.settings.host == "https://10.0.0.1" and client._headers("")["authorization"] == "Bearer other"
    assert client.settings.proxy == "http://p:1" and client.settings.verify_ssl is False
    with kubeconfig(client) as path, open(path, encoding="utf-8") as stream:
        given = json.load(stream)
    assert given["clusters"][0]["cluster"] == {
        "server": "https://10.0.0.1",
        "proxy-url": "http://p:1",
        "insecure-skip-tls-verify": True,
    }
    assert given["users"][0]["user"] == {"token": "other"}


PLUGIN = """
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "https://127.0.0.1:1", proxy-url: "http://other:1"}}]
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: %s, interactiveMode: Never}}}]
"""
CREDENTIAL = """#!/bin/sh
echo x >>"$0.calls"
echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
  "status": {"token": "t'$(wc -l <"$0.calls" | tr -d ' ')'", "expirationTimestamp": "2020-01-01T00:00:00Z"}}'
"""


def test_options_hold_after_a_token_is_refreshed(tmp_path):
    """The plugin's token is always out of date.

    So each request refreshes it, and with it the kubeconfig's own server.
    """
    plugin, file, ca = tmp_path / "plugin", tmp_path / "config", tmp_path / "ca"
    plugin.write_text(CREDENTIAL)
    plugin.chmod(0o700)
    file.write_text(PLUGIN % plugin)
    ca.write_text("")
    client = Client(
        {"kubeconfig": str(file), "api_host": "https://10.0.0.1", "validate_certs": False, "proxy": "http://p:1"}
    )
    client.settings.ssl_ca_cert = str(ca)
    client.pool = Pool(*[Answer(200, {})] * 3)
    for _number in range(3):
        client.get("/x")
    assert [url for _method, url, _body, _headers in client.pool.asked] == ["https://10.0.0.1/x"] * 3
    tokens = [headers["authorization"] for _method, _url, _body, headers in client.pool.asked]
    assert len(set(tokens)) == 3, "nothing was refreshed"
    settings = client.settings
    assert (settings.host, settings.verify_ssl, settings.proxy) == ("https://10.0.0.1", False, "http://p:1")


def test_proxy_s_password_goes_into_a_header(config, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client = Client({"kubeconfig": config, "proxy": "http://me:pass%40word@p:1"})
    assert client.settings.proxy_headers == urllib3.make_headers(proxy_basic_auth="me:pass@word")
    assert client.pool.proxy.host == "p"


@pytest.mark.parametrize("host", ["reviews", "10.0.0.1:6443", "ftp://x"])
def test_host_that_is_not_a_url(host):
    with pytest.raises(Failure, match=r"api_host is .*set the URL of the API server"):
        Client({"api_host": host})


@pytest.fixture
def server():
    """A real server on the loopback interface that gives each request the next of the raw answers."""
    answers, asked = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path))
            raw = answers.pop(0)
            if raw:
                self.wfile.write(raw)
            self.close_connection = True

        do_GET = do_DELETE = do_PATCH = answer

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        running.answers, running.asked = answers, asked
        running.client = Client({"api_host": f"http://127.0.0.1:{running.server_port}"})
        running.client.patience = 60
        yield running
        running.shutdown()


def raw(body, status="200 OK", *headers):
    return "\r\n".join(
        [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", body]
    ).encode()


BROKEN = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a"\r\nzz\r\n'


def test_requests_with_broken_answers_are_repeated(server):
    date = email.utils.formatdate(time.time() + 2, usegmt=True)
    past = email.utils.formatdate(0, usegmt=True)
    server.answers += [
        BROKEN,
        b"",
        raw("{}", "503 Busy", f"Retry-After: {date}"),
        raw("{}", "503 Busy", f"Retry-After: {past}"),
        raw("{}", "503 Busy", "Retry-After: soon"),
        raw('{"a": 1}'),
    ]
    assert server.client.get("/x") == {"a": 1}
    server.client.patience = 0
    server.answers += [BROKEN]
    with pytest.raises(Unreachable, match=r"does not answer: "):
        server.client.get("/x")


def test_requests_that_were_given_up_are_marked(client):
    """What is asked next would wait as long, so a batch ends here; a refusal is one object's matter."""
    client.pool = Pool(Answer(200, {}), *[Answer(503, {"message": "busy"})] * 20, Answer(422, {}))
    client.reach()
    client.patience = 3
    with pytest.raises(ApiError, match="busy") as busy:
        client.get("/x")
    client.pool.answers = client.pool.answers[-1:]
    with pytest.raises(ApiError) as refusal:
        client.get("/x")
    assert busy.value.given_up and not refusal.value.given_up
    client.pool = Pool(urllib3.exceptions.ProtocolError("gone"))
    client.patience = 0
    with pytest.raises(Unreachable) as gone:
        client.get("/x")
    assert gone.value.given_up


def test_retry_after():
    assert _retry_after("2") == 2 and _retry_after(None) == 0 and _retry_after("-1") == 0 and _retry_after("soon") == 0
    assert 50 < _retry_after(email.utils.formatdate(time.time() + 60, usegmt=True)) <= 60


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (raw("<html>", "200 OK"), r"answers with b'<html>', which is not a Kubernetes object"),
        (raw("[]", "200 OK"), r"which is not a Kubernetes object"),
        (
            raw("", "302 Found", "Location: https://elsewhere/"),
            r"redirects to https://elsewhere/: set the address of the API server",
        ),
    ],
)
def test_answers_that_are_not_kubernetes_objects(server, answer, message):
    server.answers += [answer]
    with pytest.raises(Failure, match=message):
        server.client.get("/x")
    assert len(server.asked) == 1


def test_deletion_whose_answer_was_lost(server):
    server.answers += [b"", raw("{}", "404 Not Found")]
    assert server.client.delete("/x") is True
    server.answers += [raw("{}", "404 Not Found")]
    assert server.client.delete("/x") is False


def test_dry_run_of_a_deletion_is_asked_for(client):
    client.pool = Pool(Answer(200, {}))
    client.delete("/x", dry_run=True, propagation="Foreground")
    assert json.loads(client.pool.asked[0][2]) == {"propagationPolicy": "Foreground", "dryRun": ["All"]}


def test_writes_are_real_and_strict_unless_asked_otherwise(client):
    client.pool = Pool(Answer(200, {}), Answer(200, {}), Answer(200, {}))
    client.apply("/x", {}, "me")
    client.delete("/x")
    client.get("/x")
    (_verb, url, _body, _headers), (_verb, _url, options, headers), (_verb, _url, body, reading) = client.pool.asked
    assert url.endswith("?fieldManager=me&force=true&fieldValidation=Strict")
    assert json.loads(options) == {"propagationPolicy": "Background"} and headers["Content-Type"] == "application/json"
    assert body is None and "Content-Type" not in reading


def test_patch_is_a_strategic_one_where_the_kind_has_it(client):
    client.pool = Pool(
        Answer(200, {}),
        Answer(415, {"message": "not supported"}),
        Answer(200, {"a": 1}),
        Answer(422, {"message": "no"}),
    )
    client.patch("/x", {"a": 1}, "me")
    assert client.patch("/y", {"a": 1}, "me", dry_run=True) == {"a": 1}
    with pytest.raises(ApiError, match=r"no"):
        client.patch("/z", {}, "me")
    query = "?fieldManager=me&fieldValidation=Strict"
    asked = [(verb, url.rpartition("/")[2], headers["Content-Type"]) for verb, url, _body, headers in client.pool.asked]
    assert asked == [
        ("PATCH", f"x{query}", "application/strategic-merge-patch+json"),
        ("PATCH", f"y{query}&dryRun=All", "application/strategic-merge-patch+json"),
        ("PATCH", f"y{query}&dryRun=All", "application/merge-patch+json"),
        ("PATCH", f"z{query}", "application/strategic-merge-patch+json"),
    ]
    assert json.loads(client.pool.asked[2][2]) == {"a": 1}


@pytest.mark.parametrize(
    ("status", "reason", "again"),
    [
        *((status, "", True) for status in (429, 502, 503, 504)),
        (409, "Conflict", True),
        (409, "AlreadyExists", False),
        (422, "Conflict", False),
        (300, "", False),
        (500, "", False),
        (501, "", False),
        (505, "", False),
    ],
)
def test_which_answers_are_repeated(client, status, reason, again):
    client.pool = Pool(Answer(200, {}), Answer(status, {"reason": reason}), Answer(200, {"a": 1}))
    client.reach()
    if again:
        assert client.get("/x") == {"a": 1}
    else:
        with pytest.raises(ApiError) as refusal:
            client.get("/x")
        assert refusal.value.status == status and not refusal.value.repeated


def test_causes_of_a_refusal(client):
    client.pool = Pool(Answer(200, {}), Answer(403, {"details": {"causes": [{"reason": "NamespaceTerminating"}, {}]}}))
    client.reach()
    with pytest.raises(ApiError) as refusal:
        client.get("/x")
    assert refusal.value.causes == ("NamespaceTerminating", "")


@pytest.mark.parametrize("verify", [True, False])
def test_a_certificate_that_is_not_checked_gives_no_warning(config, monkeypatch, verify):
    silenced = []
    monkeypatch.setattr(urllib3, "disable_warnings", lambda: silenced.append(1))
    client = Client({"kubeconfig": config, "validate_certs": verify})
    assert client.settings.verify_ssl is verify and bool(silenced) is not verify
    assert client.source == config and Client({"api_host": "https://10.0.0.1"}).source == "https://10.0.0.1"


def test_list_whose_token_has_expired_starts_again(client):
    def page(more, *names):
        items = [{"metadata": {"name": name}} for name in names]
        return Answer(200, {"kind": "PodList", "metadata": {"continue": more}, "items": items})

    client.pool = Pool(page("one", "a", "b"), Answer(410, {"reason": "Expired"}), page("two", "a", "b"), page("", "c"))
    assert [one["metadata"]["name"] for one in client.pages("/x")] == ["a", "b", "c"]
    assert "continue" not in client.pool.asked[2][1]
    client.pool = Pool(Answer(410, {"reason": "Expired", "message": "too old"}))
    with pytest.raises(ApiError, match="too old"):
        list(client.pages("/x"))


def test_unreachable_server(client):
    client.pool = Pool(urllib3.exceptions.NewConnectionError(None, "Failed: [Errno 111] Connection refused"))
    with pytest.raises(Unreachable, match=r"does not answer: .*Connection refused"):
        client.reach()


def test_wrong_certificate(client):
    client.pool = Pool(urllib3.exceptions.SSLError("certificate verify failed"))
    with pytest.raises(Failure, match=r"is not trusted .* may belong to an earlier cluster"):
        client.reach()


def test_requests_are_repeated_while_the_server_is_away(client):
    busy = {"message": "too many requests"}
    webhook = {"message": "failed calling webhook: connect: connection refused"}
    client.pool = Pool(
        Answer(200, {"gitVersion": "v1"}),
        Answer(429, busy, **{"Retry-After": "1"}),
        urllib3.exceptions.ProtocolError("gone"),
        Answer(500, webhook),
        # As behind a firewall until the pod network has its routes again.
        Answer(500, {"message": "failed calling webhook: dial tcp 10.96.0.9:443: connect: no route to host"}),
        Answer(409, {"reason": "Conflict"}),
        Answer(200, {"a": 1}),
    )
    client.reach()
    assert client.get("/x") == {"a": 1}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(422, {"message": "spec.x: Invalid value"}), "spec.x: Invalid value"),
        (Answer(401, {"message": "Unauthorized"}), "refused or have expired"),
        (Answer(500, b"oops"), "oops"),
        # Of Prometheus behind the proxy of its Service: https://prometheus.io/docs/prometheus/latest/querying/api/
        (
            Answer(400, {"status": "error", "errorType": "bad_data", "error": "unclosed left parenthesis"}),
            "unclosed left",
        ),
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
    first = {
        "kind": "PodList",
        "apiVersion": "v1",
        "metadata": {"continue": "more"},
        "items": [{"metadata": {"name": "a"}}],
    }
    client.pool = Pool(Answer(200, first), Answer(200, {**first, "metadata": {}, "items": None}))
    assert list(client.pages("/x", {"labelSelector": "a=b"})) == [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    ]
    assert "continue=more" in client.pool.asked[1][1] and "labelSelector=a%3Db" in client.pool.asked[1][1]


def test_a_collection_is_remembered_until_something_is_written(client):
    page = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [{"metadata": {"name": "a"}}]}
    empty = {**page, "items": []}
    client.pool = Pool(*[Answer(200, page)] * 4, Answer(200, {}), Answer(200, empty))
    pods = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}]
    for _again in range(2):
        assert list(client.pages("/x")) == pods
    assert len(client.pool.asked) == 2, "it remembers nothing unless it is asked to"
    client.remember()
    for _again in range(2):
        assert list(client.pages("/x")) == pods
    assert len(client.pool.asked) == 3
    # A part of it is another question.
    assert list(client.pages("/x", {"labelSelector": "a=b"})) == pods and len(client.pool.asked) == 4
    client.request("PATCH", "/x/a", body={})
    assert list(client.pages("/x")) == []


def test_paths():
    kinds = Kinds(None)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b"}}
    assert kinds.path(pod) == "/api/v1/namespaces/b/pods/a"
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:a/b?c"}}
    assert kinds.path(role) == "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aa%2Fb%3Fc"
    assert kinds.collection("apps/v1", "Deployment") == "/apis/apps/v1/deployments"
    assert kinds.collection("v1", "Node", "ignored") == "/api/v1/nodes"
    with pytest.raises(UnknownKind, match=r"serves no kind Foo in example.com/v1"):
        kinds.find("example.com/v1", "Foo")
