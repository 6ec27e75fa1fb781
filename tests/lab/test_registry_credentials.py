# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A registry that asks for a name and a password: containerd has them for the kubelet, and nobody sees them."""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from typing import ClassVar

import pytest
from conftest import LAB, PAUSE, node

# The computer's address in the lab's network, and the lab's own registry.
ADDRESS = "10.87.0.1"
LAB_REGISTRY = "https://10.87.0.10:5000/v2"
NAME, PASSWORD = "robot$mesh", "not-for-a-log"
IMAGE = PAUSE.removeprefix("registry.k8s.io/")
HOSTS_FILE = "/etc/containerd/certs.d/private.example/hosts.toml"


class Registry(http.server.BaseHTTPRequestHandler):
    """The lab's registry, for those who log in: by each request (Basic), or for a token (Bearer)."""

    scheme = "Basic"
    wanted = "Basic " + base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
    token = "a-token-of-this-registry"
    trust = None
    asked: ClassVar[list[tuple[str, bool]]] = []

    def do_GET(self):
        at_door = self.path.startswith("/token")
        basic = self.scheme == "Basic" or at_door
        known = self.headers.get("Authorization") == (self.wanted if basic else f"Bearer {self.token}")
        self.asked.append((self.path, known))
        if not known:
            realm = "private" if basic else f"http://{self.headers['Host']}/token"
            challenge = f'{"Basic" if basic else "Bearer"} realm="{realm}",service="private"'
            self.reply(401, {"WWW-Authenticate": challenge})
        elif at_door:
            self.reply(200, {"Content-Type": "application/json"}, json.dumps({"token": self.token}).encode())
        else:
            self.hand_on()

    def hand_on(self):
        """The answer of the lab's registry."""
        rest = self.path.removeprefix("/v2")
        url = LAB_REGISTRY + (rest if rest == "/" else f"/registry.k8s.io{rest}")
        headers = {"Accept": ", ".join(self.headers.get_all("Accept", ["*/*"]))}
        request = urllib.request.Request(url, headers=headers, method=self.command)
        try:
            answer = urllib.request.urlopen(request, context=self.trust, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        kept = ("Content-Type", "Docker-Content-Digest", "Docker-Distribution-Api-Version", "Content-Length")
        with answer:
            self.reply(
                answer.status, {name: answer.headers[name] for name in kept if name in answer.headers}, answer.read()
            )

    def reply(self, status, headers, body=b""):
        """Send an answer. What answers HEAD has the length of what GET would bring."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def registry():
    """Its URL."""
    Registry.trust = ssl.create_default_context(cafile=str(LAB / "ca/ca.crt"))
    with http.server.ThreadingHTTPServer((ADDRESS, 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{ADDRESS}:{server.server_port}"
        server.shutdown()


@pytest.fixture
def settings(registry, tmp_path):
    """The file with the settings for a password."""

    def write(password):
        server = registry.removeprefix("http://")
        file = tmp_path / "settings.json"
        file.write_text(
            json.dumps(
                {
                    "containerd_registries": {"private.example": registry},
                    "bare_mesh_registry_credentials": [{"registry": server, "username": NAME, "password": password}],
                }
            )
        )
        return ["-e", f"@{file}", "--limit", "node3"]

    return write


@pytest.fixture
def restored(play, api):
    yield
    if "private" in {pod.metadata.name for pod in api.list_namespaced_pod("default").items}:
        api.delete_namespaced_pod("private", "default", grace_period_seconds=0)
    done = play("playbooks/prepare_hosts.yml", "--limit", "node3")
    assert done["code"] == 0, done["errors"]
    assert not node("node3").file(HOSTS_FILE).exists


def wait_until_it_runs(api, seconds=60):
    until = time.monotonic() + seconds
    while (found := api.read_namespaced_pod("private", "default").status).phase != "Running":
        assert time.monotonic() < until, (found.container_statuses[0].state.waiting, Registry.asked)
        time.sleep(1)


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_the_kubelet_pulls_from_a_registry_that_asks_for_a_password(play, api, settings, restored, scheme, monkeypatch):
    monkeypatch.setattr(Registry, "scheme", scheme)
    predicted = play("playbooks/prepare_hosts.yml", *settings(PASSWORD), "--check", "--diff", "-vvv")
    assert predicted["code"] == 0, predicted["errors"]
    done = play("playbooks/prepare_hosts.yml", *settings(PASSWORD), "--diff", "-vvv")
    assert done["code"] == 0 and done["changed"] == predicted["changed"], done["errors"]
    for run in (predicted, done):
        assert PASSWORD not in run["output"] and Registry.wanted.split()[1] not in run["output"]
    file = node("node3").file(HOSTS_FILE)
    assert file.mode == 0o600 and Registry.wanted in file.content_string
    assert play("playbooks/prepare_hosts.yml", *settings(PASSWORD))["changed"] == {}

    Registry.asked.clear()
    spec = {"nodeName": "node3", "containers": [{"name": "pause", "image": f"private.example/{IMAGE}"}]}
    spec["containers"][0]["imagePullPolicy"] = "Always"
    api.create_namespaced_pod("default", {"metadata": {"name": "private"}, "spec": spec})
    wait_until_it_runs(api)
    assert any("/manifests/" in path for path, known in Registry.asked if known)
