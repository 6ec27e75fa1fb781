# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""proxy_status, with the answers of istiod's debug page."""

from __future__ import annotations

import json

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio import proxies
from ansible_collections.bare.mesh.plugins.modules import proxy_status

PREFIX = "type.googleapis.com/envoy.config."
CLUSTERS, ROUTES = f"{PREFIX}cluster.v3.Cluster", f"{PREFIX}route.v3.RouteConfiguration"


def proxy(name, clusters=("1", "1"), routes=("1", "1"), **more):
    resources = {
        kind: {"sent": sent, "acked": acked} for kind, (sent, acked) in ((CLUSTERS, clusters), (ROUTES, routes))
    }
    common = {"cluster_id": "Kubernetes", "proxy_type": "sidecar", "istio_version": "1.31.0"}
    return {"proxy": name, **common, "resources": resources, **more}


@pytest.fixture
def istiod(cluster, monkeypatch):
    """Two pods of istiod. Returns what each answers, an answer for each look; the last one stays."""
    for name, revision in (("istiod-a", "default"), ("istiod-b", "1-30")):
        cluster.objects[f"/api/v1/namespaces/istio-system/pods/{name}"] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": "istio-system",
                "labels": {"app": "istiod", "istio.io/rev": revision},
            },
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }
    answers = {"istiod-a": [[proxy("web-1.shop")]], "istiod-b": [[]]}

    def execute(_client, namespace, pod, container, command, _timeout):
        assert (namespace, container, command[0]) == ("istio-system", "discovery", "pilot-discovery")
        left = answers[pod]
        answer = left.pop(0) if len(left) > 1 else left[0]
        return {"stdout": answer if isinstance(answer, str) else json.dumps(answer), "stderr": "why", "rc": 0}

    monkeypatch.setattr(proxies, "execute", execute)
    return answers


def test_all_proxies_of_all_istiods(istiod, run_module):
    istiod["istiod-b"] = [[proxy("gw-1.a", proxy_type="router", istio_version="1.30.2", routes=("", ""))]]
    gateway, web = run_module(proxy_status)["proxies"]
    assert web == {
        "name": "web-1",
        "namespace": "shop",
        "cluster": "Kubernetes",
        "type": "sidecar",
        "version": "1.31.0",
        "istiod": "istiod-a",
        "revision": "default",
        "synced": True,
        "clusters": "SYNCED",
        "routes": "SYNCED",
        "listeners": "NOT_SENT",
        "endpoints": "NOT_SENT",
        "extensions": "NOT_SENT",
    }
    assert (gateway["revision"], gateway["version"], gateway["type"]) == ("1-30", "1.30.2", "router")
    assert gateway["synced"] and gateway["routes"] == "NOT_SENT"
    assert [one["name"] for one in run_module(proxy_status, revision="1-30")["proxies"]] == ["gw-1"]


@pytest.mark.parametrize("routes", [("2", "1"), ("2", "")])
def test_a_proxy_that_has_not_acknowledged(istiod, run_module, routes):
    istiod["istiod-a"] = [[proxy("web-1.shop", routes=routes)]]
    (found,) = run_module(proxy_status)["proxies"]
    assert (found["synced"], found["routes"], found["clusters"]) == (False, "STALE", "SYNCED")


def test_a_proxy_that_got_nothing_is_not_synchronised(istiod, run_module):
    istiod["istiod-a"] = [[proxy("web-1.shop", clusters=("", ""), routes=("", "")), {"proxy": "new-1.shop"}]]
    assert [one["synced"] for one in run_module(proxy_status)["proxies"]] == [False, False]


def test_selections(istiod, run_module):
    names = ("web-1.shop", "web-1-b.shop", "webber-1.shop", "web-1.other")
    istiod["istiod-a"] = [[proxy(name) for name in names]]

    def found(**arguments):
        return run_module(proxy_status, query="[].join('/', [namespace, name])", **arguments)["result"]

    assert found() == ["other/web-1", "shop/web-1", "shop/web-1-b", "shop/webber-1"]
    assert found(namespace="shop", name="web") == ["shop/web-1", "shop/web-1-b"]
    assert found(name="web-1") == ["other/web-1", "shop/web-1", "shop/web-1-b"]
    assert "query is not a valid JMESPath expression" in run_module(proxy_status, query="[?")["msg"]


def test_it_waits_until_all_have_acknowledged_and_nothing_more_is_sent(istiod, run_module):
    looks = [
        [proxy("web-1.shop")],
        # istiod had not sent the change yet at the first look.
        [proxy("web-1.shop", routes=("2", "2"))],
        [proxy("web-1.shop", routes=("3", "3"))],
        [proxy("web-1.shop", routes=("3", "3"))],
        "never asked",
    ]
    istiod["istiod-a"] = looks
    assert run_module(proxy_status, wait=True)["proxies"][0]["synced"]
    assert looks == ["never asked"]


def test_the_wait_ends_with_the_names(istiod, run_module):
    istiod["istiod-a"] = [[proxy("web-1.shop", routes=("2", "1")), proxy("ok-1.shop")]]
    late = run_module(proxy_status, wait=True, wait_timeout=0)
    assert late["failed"] and "shop/web-1" in late["msg"] and len(late["proxies"]) == 2
    none = run_module(proxy_status, wait=True, wait_timeout=0, namespace="none")
    assert none["msg"] == "after 0 s, no proxy is connected that fits"
    assert not run_module(proxy_status, wait=True, wait_timeout=0, check=True)["changed"]


def test_what_istiod_cannot_say(istiod, cluster, run_module):
    istiod["istiod-a"] = ["404 page not found"]
    assert "istiod-a does not say which proxies it has: why" in run_module(proxy_status)["msg"]
    assert "wait_settle is 0" in run_module(proxy_status, wait_settle=0)["msg"]
    assert (
        "the namespace x has no ready pod with the labels app=istiod"
        in run_module(proxy_status, istio_namespace="x")["msg"]
    )


def test_the_password_of_a_proxy_is_not_printed(istiod, run_for_real):
    printed = run_for_real(proxy_status, proxy="http://user:correct-horse@p:1")
    assert "correct-horse" not in printed and '"proxies": [' in printed
