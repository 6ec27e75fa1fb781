# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who asks whether a token works, by a server that sees the certificates and headers of its callers."""

from __future__ import annotations

import http.server
import json
import ssl
import subprocess
import threading

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._istio import remote_secrets
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError, Client

USER = {"status": {"userInfo": {"username": "system:serviceaccount:istio-system:reader"}}}


@pytest.fixture
def server(tmp_path):
    """An API server that asks for a certificate, as that of kubeadm does, and its admin kubeconfig."""
    seen, answers = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            certified = bool(self.connection.getpeercert())
            seen.append((self.path, self.headers["Authorization"], certified))
            status, body = answers.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *arguments):
            pass

    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    names = ["-subj", "/CN=kubernetes", "-addext", "subjectAltName=DNS:kubernetes"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*command, "-keyout", key, "-out", certificate, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.socket = context.wrap_socket(running.socket, server_side=True)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        running.seen, running.answers = seen, answers
        cluster = {"server": f"https://127.0.0.1:{running.server_port}", "certificate-authority": certificate}
        # The name by which a tunnel's end is known.
        cluster["tls-server-name"] = "kubernetes"
        running.config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": cluster}],
            "users": [{"name": "u", "user": {"client-certificate": certificate, "client-key": key}}],
        }
        (tmp_path / "config").write_text(yaml.safe_dump(running.config))
        running.client = Client({"kubeconfig": str(tmp_path / "config")})
        yield running
        running.shutdown()


def test_the_token_is_judged_and_not_the_certificate(server):
    server.answers += [(201, USER), (401, {"message": "Unauthorized"}), (201, USER)]
    bearer = remote_secrets.as_bearer(server.client, "the-token")
    assert remote_secrets.user_of(bearer) == "system:serviceaccount:istio-system:reader"
    assert remote_secrets.user_of(bearer) == ""
    # The connection that it came from still has its own credentials.
    assert remote_secrets.user_of(server.client)
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    assert server.seen == [(path, "Bearer the-token", False)] * 2 + [(path, None, True)]


def test_other_errors_are_no_refusal_of_the_token(server):
    """A server that is broken says nothing of the token, which must not be replaced for that."""
    server.answers.append((403, {"message": "not allowed"}))
    with pytest.raises(ApiError, match="not allowed"):
        remote_secrets.user_of(remote_secrets.as_bearer(server.client, "the-token"))


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.!.c", "a.W10.c", "a.e30.c", "a.eyJleHAiOiJ4In0.c"])
def test_a_token_that_says_no_end(token):
    assert remote_secrets.end_of(token) is None
