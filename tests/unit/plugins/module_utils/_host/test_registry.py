# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking registries for images: a registry on this machine, which wants a token and keeps its blobs elsewhere."""

from __future__ import annotations

import base64
import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._host import fetch, registry

INDEX = {"manifests": [{"digest": "sha256:one"}]}
MANIFEST = {"config": {"digest": "sha256:two"}}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Authorization")))
        answer = server.answers.get(self.path.split("?")[0], 404)
        given = self.headers.get("Authorization")
        if server.basic and self.path.startswith(server.asks) and given != server.basic:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="r"')
            self.end_headers()
        elif server.token and self.path.startswith("/v2/") and self.headers.get("Authorization") != "Bearer secret":
            self.send_response(401)
            realm = f'Bearer realm="{server.url}/token",service="s",scope="repository:a/b:pull"'
            self.send_header("WWW-Authenticate", realm)
            self.end_headers()
        elif isinstance(answer, int):
            self.send_error(answer)
        elif isinstance(answer, str):
            self.send_response(307)
            self.send_header("Location", answer)
            self.end_headers()
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def servers():
    """A registry and a store of blobs."""
    started = []
    for _name in ("registry", "store"):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.url, server.asked, server.token = f"http://127.0.0.1:{server.server_port}", [], False
        # What the user must send, and where it is asked for: in the registry, or where tokens are got.
        server.basic, server.asks = "", ""
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
    here, store = started
    here.answers = {
        "/v2/a/b/manifests/1": INDEX,
        "/v2/a/b/manifests/sha256:one": MANIFEST,
        "/v2/a/b/blobs/sha256:two": f"{store.url}/two",
        "/token": {"token": "secret"},
    }
    store.answers = {"/two": {}}
    yield here, store
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("token", [False, True])
def test_an_image_that_is_served(servers, token):
    here, store = servers
    here.token = token
    assert registry.refusals(["r.io/a/b:1"], {"r.io": here.url}, "", "", {}) == {}
    # The store of the blobs was asked, and did not get the token.
    assert store.asked == [("/two", None)]
    if token:
        assert here.asked[1][0] == "/token?service=s&scope=repository%3Aa%2Fb%3Apull"
        assert here.asked[2:] and {given for _path, given in here.asked[2:]} == {"Bearer secret"}


def test_images_that_are_not(servers):
    here, store = servers
    endpoints = {"r.io": f"{here.url}/v2", "closed.io": "http://127.0.0.1:1"}
    found = registry.refusals(["r.io/a/b:2", "r.io/a/b:1", "closed.io/x:1"], endpoints, "", "", {})
    assert found["r.io/a/b:2"] == f"{here.url}/v2/a/b/manifests/2 answers 404 Not Found"
    assert found["closed.io/x:1"] == "http://127.0.0.1:1/v2/x cannot be reached: [Errno 111] Connection refused"
    assert "r.io/a/b:1" not in found
    store.answers = {}
    assert registry.refusals(["r.io/a/b:1"], endpoints, "", "", {}) == {
        "r.io/a/b:1": f"{store.url}/two answers 404 Not Found"
    }
    here.answers["/v2/a/b/manifests/1"] = {"schemaVersion": 1}
    assert "is not an image's manifest" in registry.refusals(["r.io/a/b:1"], endpoints, "", "", {})["r.io/a/b:1"]
    # A token that does not help is not asked for again and again.
    here.token, here.answers["/token"] = True, {"token": "wrong"}
    here.asked.clear()
    assert "answers 401" in registry.refusals(["r.io/a/b:1"], endpoints, "", "", {})["r.io/a/b:1"]
    assert len(here.asked) == 3
    for none in ([], {}, ["x"]):
        here.answers["/token"] = none
        assert "answers 401" in registry.refusals(["r.io/a/b:1"], endpoints, "", "", {})["r.io/a/b:1"]


@pytest.mark.parametrize(
    ("endpoints", "url"),
    [
        ({}, "https://registry-1.docker.io/v2"),
        ({"docker.io": "https://m.example"}, "https://m.example/v2"),
        ({"docker.io": "https://m.example/v2/docker.io/"}, "https://m.example/v2/docker.io"),
    ],
)
def test_the_address_of_a_registry(endpoints, url):
    assert registry.base_url("docker.io", endpoints) == url
    assert registry.base_url("ghcr.io", {}) == "https://ghcr.io/v2"
    assert registry.split("registry.k8s.io/coredns/coredns:v1") == ("registry.k8s.io", "coredns/coredns", "v1")


GOOD = base64.b64encode(b"robot:s3cret").decode()


@pytest.mark.parametrize(("token", "asks"), [(False, "/v2/"), (True, "/token")])
def test_a_registry_that_asks_for_a_name(servers, token, asks):
    """As registries with htpasswd do, and those with a server of tokens, such as Harbor."""
    here, store = servers
    here.token, here.basic, here.asks = token, f"Basic {GOOD}", asks
    name, endpoints = here.url.partition("//")[2], {"r.io": here.url}
    assert registry.refusals(["r.io/a/b:1"], endpoints, "", "", {name: GOOD}) == {}
    assert (f"Basic {GOOD}") in {given for path, given in here.asked if path.startswith(asks)}
    # The store of the blobs is another server, and gets neither the name nor the token.
    assert store.asked == [("/two", None)]
    wrong = {name: base64.b64encode(b"robot:old").decode()}
    refused = {"r.io/a/b:1": f"the registry {name} refuses the name or password"}
    assert registry.refusals(["r.io/a/b:1"], endpoints, "", "", wrong) == refused
    # Those of other servers are not sent.
    here.asked.clear()
    unknown = registry.refusals(["r.io/a/b:1"], endpoints, "", "", {"r.io": GOOD})
    assert " answers 401 Unauthorized" in unknown["r.io/a/b:1"]
    assert not any(given for _path, given in here.asked)


def test_a_user_who_may_not_pull(servers):
    """The server of tokens gives one to every user; the registry sees what is in it."""
    here, _store = servers
    here.token, here.answers["/token"] = True, {"access_token": "for nothing"}
    name = here.url.partition("//")[2]
    found = registry.refusals(["r.io/a/b:1"], {"r.io": here.url}, "", "", {name: GOOD})
    assert found == {"r.io/a/b:1": f"the registry {name} refuses the name or password"}


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("https://r.io/v2/x", "https://r.io/y", True),
        ("http://r.io/v2/x", "https://r.io/y", True),
        ("https://r.io/v2/x", "https://store.io/y", False),
        # The same server, but everybody on the way could read it.
        ("https://r.io/v2/x", "http://r.io/y", False),
    ],
)
def test_where_a_redirect_may_take_the_token(old, new, kept):
    request = urllib.request.Request(old, headers={"Authorization": "Bearer secret"})
    following = fetch.Redirects().redirect_request(request, None, 307, "", {}, new)
    assert following.full_url == new and (following.get_header("Authorization") == "Bearer secret") is kept
