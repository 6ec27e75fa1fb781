# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings bookinfo_authorization and bookinfo_jwt of the role bookinfo, by what callers then get."""

from __future__ import annotations

import base64
import json
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
GROUP = ("security.istio.io", "v1", "bookinfo")
OWN = {
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "of-a-user", "namespace": "bookinfo"},
    # Of a pod that does not exist, so that it denies nothing.
    "spec": {"selector": {"matchLabels": {"app": "of-a-user"}}},
}


def _text(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _number(number):
    return _text(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def key_set(key):
    """The public key as the issuer publishes it."""
    public = key.public_key().public_numbers()
    return json.dumps({"keys": [{"kty": "RSA", "kid": "lab", "n": _number(public.n), "e": _number(public.e)}]})


def token(key):
    """A token of ten minutes."""
    claims = {"iss": ISSUER, "sub": "reader", "exp": int(time.time()) + 600}
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


@pytest.fixture
def own(custom_api):
    """A policy that the role does not know."""
    custom_api.create_namespaced_custom_object(*GROUP, "authorizationpolicies", OWN)
    yield OWN["metadata"]["name"]
    custom_api.delete_namespaced_custom_object(*GROUP, "authorizationpolicies", OWN["metadata"]["name"])


@pytest.fixture
def status(page_url):
    """The status that a request from outside gets, perhaps with a token."""

    def ask(bearer=None):
        request = urllib.request.Request(page_url, headers={"Authorization": f"Bearer {bearer}"} if bearer else {})
        try:
            return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).status
        except urllib.error.HTTPError as refusal:
            return refusal.code

    return ask


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
