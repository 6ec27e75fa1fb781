# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""istio_config on the real mesh: files and templates, pruning, and traffic while subsets are exchanged."""

from __future__ import annotations

import threading
import time

import pytest
import yaml
from conftest import ISTIO, LAB
from test_traffic import versions

from tests.istio_kinds import load
from tests.module_process import run_module

RULES = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "DestinationRule",
    "metadata": {"name": "reviews", "namespace": "bookinfo"},
}
ROUTES = {**RULES, "kind": "VirtualService"}


def everyone_to(version):
    """All requests to one version, and no subset but this one."""
    route = [{"destination": {"host": "reviews", "subset": version}}]
    subsets = [{"name": version, "labels": {"version": version}}]
    return [
        {**ROUTES, "spec": {"hosts": ["reviews"], "http": [{"route": route}]}},
        {**RULES, "spec": {"host": "reviews", "subsets": subsets}},
    ]


@pytest.fixture(scope="module", autouse=True)
def _routes_as_before():
    yield
    import truth  # Fixtures of a test are not available here.

    assert truth.play(LAB / "runs-after-config.jsonl", "playbooks/deploy_bookinfo.yml")["code"] == 0


def apply(**arguments):
    result = run_module(load("modules", "istio_config"), kubeconfig=str(LAB / "kubeconfig"), **arguments)
    assert "failed" not in result, result
    return result


def settled(url, version):
    """Wait until the proxies have the routes."""
    end = time.monotonic() + 30
    while set(versions(url, 8)) != {version}:
        assert time.monotonic() < end, "the routes did not reach the proxies"


@pytest.mark.feature("routes-without-failure")
def test_no_request_fails_while_subsets_are_exchanged(page_url):
    apply(resources=everyone_to("v1"))
    settled(page_url, "v1")
    served, stop = [], threading.Event()

    def visit():
        while not stop.is_set() and len(served) < 10000:
            # It fails for a page without reviews.
            served.extend(versions(page_url, 8))

    visitor = threading.Thread(target=visit)
    visitor.start()
    for version in ("v3", "v1", "v2", "v3"):
        # With the pause that it has by default. A second is too short where the cluster has just been built.
        assert apply(resources=everyone_to(version))["changed"]
        stop.wait(1)
    alive = visitor.is_alive()
    stop.set()
    visitor.join(60)
    assert alive, "a page had no reviews"
    settled(page_url, "v3")
    assert {"v1", "v2", "v3"} <= set(served)
    assert not apply(resources=everyone_to("v3"))["changed"]


@pytest.mark.feature("batches")
def test_files_templates_and_what_they_no_longer_have(tasks, tmp_path):
    folder = tmp_path / "templates/mesh"
    folder.mkdir(parents=True)
    (folder / "rules.yml").write_text(yaml.safe_dump(everyone_to("v1")[1]))
    (folder / "routes.yml.j2").write_text(
        "{% for name in names %}\n"
        "---\n"
        "apiVersion: networking.istio.io/v1\n"
        "kind: VirtualService\n"
        "metadata: {name: '{{ name }}', namespace: shop}\n"
        "spec: {hosts: ['{{ name }}'], http: [{route: [{destination: {host: reviews}}]}]}\n"
        "{% endfor %}\n"
    )

    def step(register, names, **more):
        call = {"src": ["mesh"], "owner": "lab", "prune": True, "validate": "server"}
        return {"bare.mesh.istio_config": call, "vars": {"names": names}, "register": register, "diff": True, **more}

    shop = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    results, _output = tasks(
        [
            {"bare.mesh.k8s": {"resources": [shop]}},
            step("created", ["one", "two"]),
            step("predicted", ["two"], check_mode=True),
            step("pruned", ["two"]),
            step("again", ["two"]),
            {"bare.mesh.istio_config": {"resources": [], "owner": "lab", "prune": True}, "register": "gone"},
        ]
    )
    actions = {
        name: {f"{one['kind']} {one['name']}": one["action"] for one in result["objects"]}
        for name, result in results.items()
    }
    assert actions["created"]["VirtualService one"] == "created"
    assert actions["predicted"] == actions["pruned"]
    assert actions["pruned"] == {
        "DestinationRule reviews": "unchanged",
        "VirtualService two": "unchanged",
        "VirtualService one": "deleted",
    }
    assert results["predicted"]["diff"] == results["pruned"]["diff"] != []
    assert not results["again"]["changed"]
    assert set(actions["gone"].values()) == {"deleted"} and len(actions["gone"]) == 2


@pytest.mark.feature("proxy-status")
def test_the_proxies_have_a_change_when_the_wait_ends(page_url):
    for version in ("v1", "v3"):
        apply(resources=everyone_to(version), settle=0)
        waited = run_module(load("modules", "proxy_status"), kubeconfig=str(LAB / "kubeconfig"), wait=True)
        assert len(waited["proxies"]) >= 7 and all(one["synced"] for one in waited["proxies"])
        assert {one["version"] for one in waited["proxies"]} == {ISTIO}
        assert set(versions(page_url, 40)) == {version}


@pytest.mark.feature("weights", "proxy-configuration")
def test_a_route_is_in_the_proxy(page_url):
    """The weights, the subset's endpoints and the gateway's listener, as the proxies have them."""
    route = [
        {"destination": {"host": "reviews", "subset": subset}, "weight": weight}
        for subset, weight in (("v1", 75), ("v3", 25))
    ]
    subsets = [{"name": version, "labels": {"version": version}} for version in ("v1", "v3")]
    shares = [
        {**ROUTES, "spec": {"hosts": ["reviews"], "http": [{"name": "split", "route": route, "timeout": "7s"}]}},
        {**RULES, "spec": {"host": "reviews", "subsets": subsets}},
    ]
    apply(resources=shares)

    def ask(query, namespace="bookinfo", app="productpage"):
        found = run_module(
            load("modules", "proxy_config_info"),
            kubeconfig=str(LAB / "kubeconfig"),
            namespace=namespace,
            label_selectors=[f"app={app}"],
            query=query,
        )
        assert "failed" not in found, found
        return found["result"]

    end = time.monotonic() + 30
    host = "reviews.bookinfo.svc.cluster.local"
    wanted = [["v1", 75], ["v3", 25]]
    while ask(f"routes[?virtual_host=='{host}:9080' && name=='split'].clusters[].[subset, percent]") != wanted:
        assert time.monotonic() < end
    assert ask(f"clusters[?host=='{host}' && subset].subset | sort(@)") == ["v1", "v3"]
    assert ask(f"length(endpoints[?cluster=='outbound|9080|v3|{host}' && health=='HEALTHY'])") == 1
    assert ask("length(listeners)", "istio-system", "istio-ingressgateway") >= 1
