# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings bookinfo_authorization and bookinfo_jwt of the role bookinfo, by what callers then get."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading
import time
import urllib.error
import urllib.request

import pytest
import truth
import yaml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from mesh_world import wait_until

ISSUER = "https://issuer.example"
# The computer's address in the lab's network, which istiod's pod reaches.
ADDRESS = "10.87.0.1"
GROUP = ("security.istio.io", "v1", "bookinfo")
OWN = {
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "of-a-user", "namespace": "bookinfo"},
    # Of a pod that does not exist, so that it denies nothing.
    "spec": {"selector": {"matchLabels": {"app": "of-a-user"}}},
}
# The page hands the token that it gets to details, which then refuses to answer.
WITHOUT_TOKENS = {
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "without-tokens", "namespace": "bookinfo"},
    "spec": {
        "selector": {"matchLabels": {"app": "details"}},
        "action": "DENY",
        "rules": [{"when": [{"key": "request.headers[authorization]", "values": ["Bearer *"]}]}],
    },
}


def _text(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _number(number):
    return _text(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def key_set(key):
    """The public key as the issuer publishes it."""
    public = key.public_key().public_numbers()
    return json.dumps({"keys": [{"kty": "RSA", "kid": "lab", "n": _number(public.n), "e": _number(public.e)}]})


def token(key, **more):
    """A token of ten minutes, with more claims."""
    claims = {"iss": ISSUER, "sub": "reader", "exp": int(time.time()) + 600, **more}
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT", "kid": "lab"}, claims))
    signed = ".".join(map(_text, parts))
    return f"{signed}.{_text(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def converge(tmp_path_factory):
    """Deploy Bookinfo with these settings. In the end it has none."""
    folder = tmp_path_factory.mktemp("runs")
    log = folder / "runs.jsonl"
    last = {}

    def run(settings, *options):
        last.clear()
        last.update(settings)
        extra = folder / "settings.yml"
        extra.write_text(yaml.safe_dump(settings))
        done = truth.play(log, "playbooks/deploy_bookinfo.yml", "-e", f"@{extra}", *options)
        assert done["code"] == 0, done["errors"]
        return done

    yield run
    if last:
        run({})


@contextlib.contextmanager
def policy(custom_api, definition):
    """A policy that the role does not know. Its name."""
    name = definition["metadata"]["name"]
    custom_api.create_namespaced_custom_object(*GROUP, "authorizationpolicies", definition)
    try:
        yield name
    finally:
        custom_api.delete_namespaced_custom_object(*GROUP, "authorizationpolicies", name)


@pytest.fixture
def own(custom_api):
    with policy(custom_api, OWN) as name:
        yield name


@pytest.fixture
def answer(page_url):
    """Status and text that a request from outside gets, perhaps with a token."""

    def ask(bearer=None):
        request = urllib.request.Request(page_url, headers={"Authorization": f"Bearer {bearer}"} if bearer else {})
        try:
            found = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10)
        except urllib.error.HTTPError as refusal:
            found = refusal
        with found:
            return found.status, found.read().decode()

    return ask


@pytest.fixture
def status(answer):
    return lambda bearer=None: answer(bearer)[0]


@pytest.fixture
def issuer(key):
    """A server that publishes the key. The address of its keys, and the paths that it has been asked for."""
    content = key_set(key).encode()
    asked = []

    class Issuer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments):
            pass

    with http.server.ThreadingHTTPServer((ADDRESS, 0), Issuer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{ADDRESS}:{server.server_port}/keys.json", asked
        server.shutdown()


@pytest.fixture
def calls(tasks):
    """The status that each pod gets of each service."""
    ask = (
        "import sys, urllib.error, urllib.request as r\n"
        "for url in sys.argv[1:]:\n"
        "    try: print(r.urlopen(url, timeout=10).status)\n"
        "    except urllib.error.HTTPError as refusal: print(refusal.code)\n"
    )
    paths = {"productpage": "/productpage", "details": "/details/0", "reviews": "/reviews/0", "ratings": "/ratings/0"}

    def run():
        urls = [f"http://{service}:9080{path}" for service, path in paths.items()]
        steps = [
            {
                "bare.mesh.k8s_exec": {
                    "namespace": "bookinfo",
                    "label_selectors": [f"app={caller}"],
                    "container": caller,
                    "command": ["python3", "-c", ask, *urls],
                },
                "register": caller,
            }
            for caller in paths
        ]
        results, _output = tasks(steps)
        lines = {caller: results[caller]["stdout"].split() for caller in paths}
        return {(caller, service) for caller in paths for service, code in zip(paths, lines[caller]) if code == "200"}

    return run


def names(custom_api):
    listed = [
        custom_api.list_namespaced_custom_object(*GROUP, plural)["items"]
        for plural in ("authorizationpolicies", "requestauthentications")
    ]
    return [sorted(one["metadata"]["name"] for one in items) for items in listed]


def settled(ask, expected):
    """Wait until three answers in a row are as expected.

    For a while, a connection that two proxies have kept open can still follow the former policies.
    """
    answers = []

    def steady():
        answers.append(ask())
        return answers[-3:] == [expected] * 3

    wait_until(steady, "the answers are not those that the settings ask for")


@pytest.mark.feature("authorization")
def test_callers_and_tokens(converge, custom_api, own, key, status, calls):
    """The role itself asks what a scenario is about, from a pod that may ask: jason's page, and a connection."""
    jwt = {"issuer": ISSUER, "jwks": key_set(key)}
    strict = {"bookinfo_authorization": "strict", "bookinfo_jwt": {**jwt, "required": True}}
    strict["bookinfo_routing"] = "jason-v2"
    predicted, done, again = converge(strict, "--check"), converge(strict), converge(strict)
    assert truth.disagreements(predicted, done) == []
    assert done["changed"] != {}
    assert again["changed"] == {}
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def outside():
        return status(), status(token(key)), status(token(stranger))

    settled(outside, (403, 200, 401))
    assert calls() == {("productpage", "details"), ("productpage", "reviews"), ("reviews", "ratings")}

    converge({**strict, "bookinfo_jwt": jwt, "bookinfo_routing": "tcp-80-20"})
    settled(outside, (200, 200, 401))

    predicted, done = converge({}, "--check"), converge({})
    assert truth.disagreements(predicted, done) == []
    assert names(custom_api) == [[own], []]
    settled(outside, (200, 200, 200))


@pytest.mark.feature("authorization")
def test_keys_at_an_address_and_audiences(converge, custom_api, issuer, key, answer, status):
    """Envoy refuses a token for somebody else with 403, not with 401 (jwt_authn/filter.cc, onComplete)."""
    address, asked = issuer
    jwt = {"issuer": ISSUER, "jwks_uri": address, "audiences": ["books", "shop"]}
    strict = {"bookinfo_jwt": {**jwt, "required": True, "forward_original_token": True}}
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def outside():
        return (
            status(),
            status(token(key, aud="books")),
            status(token(key, aud=["other", "shop"])),
            status(token(key, aud="other")),
            status(token(key)),
            status(token(stranger, aud="books")),
        )

    predicted, done, again = (converge(strict, *options) for options in (("--check",), (), ()))
    assert truth.disagreements(predicted, done) == []
    assert done["changed"] != {} and again["changed"] == {}
    settled(outside, (403, 200, 200, 403, 403, 401))
    assert asked and set(asked) == {"/keys.json"}
    # Not as a request without any token is refused, which is "RBAC: access denied".
    assert "Audiences in Jwt are not allowed" in answer(token(key, aud="other"))[1]

    def details():
        return [word in answer(token(key, aud="shop"))[1] for word in ("Publisher", "Error fetching product details")]

    with policy(custom_api, WITHOUT_TOKENS):
        settled(details, [False, True])
        converge({"bookinfo_jwt": jwt})
        settled(details, [True, False])
        settled(outside, (200, 200, 200, 403, 403, 401))

    converge({})
    assert names(custom_api) == [[], []]
    settled(outside, (200, 200, 200, 200, 200, 200))
