# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Gateway API's kinds on the real API server, and Bookinfo's page through a gateway that istiod makes of them.

The definitions come with the lab's Istio (the lock file of its Go modules). Afterwards none of it is left.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
import truth
from conftest import ADDRESSES, LAB
from kubernetes.client.exceptions import ApiException
from mesh_world import wait_until

from tests.gateway_api_kinds import DATA, SCHEMAS
from tests.istio_kinds import as_manifest, life, load
from tests.module_process import run_module
from tools.gateway_api_schema import definitions_of_kinds, fields_of, name_of
from tools.istio_schema import kind_of

pytestmark = pytest.mark.lifecycle
GROUP = "gateway.networking.k8s.io"
GATEWAY = {
    "name": "web",
    "namespace": "bookinfo",
    "annotations": {"networking.istio.io/service-type": "NodePort"},
    "gateway_class_name": "istio",
    "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
}
ROUTE = {
    "name": "page",
    "namespace": "bookinfo",
    "parent_refs": [{"name": "web", "sectionName": "http"}],
    "hostnames": ["gateway-api.example.com"],
    "rules": [
        {
            "matches": [{"path": {"type": "Exact", "value": "/productpage"}}],
            "backendRefs": [{"name": "productpage", "port": 9080}],
        }
    ],
}


def run(module, /, **arguments):
    return run_module(load("modules", module), kubeconfig=str(LAB / "kubeconfig"), **arguments)


def place(name):
    """Group, version and plural of a kind."""
    names = {"gateway_api_gateway": "gateways"}
    return GROUP, load(SCHEMAS, name).KIND.versions[0], names.get(name) or f"{name.replace('_', '')}s"


@pytest.fixture(scope="module", autouse=True)
def site(tmp_path_factory):
    """The site as it is, or built anew where an earlier test has left bare hosts."""
    done = truth.play(tmp_path_factory.mktemp("site") / "runs.jsonl", "site.yml")
    assert done["code"] == 0, done["errors"]


@pytest.fixture(scope="module")
def definitions(site, custom_api):
    """The definitions (CRDs) of the standard channel. What the cluster did not have is removed again."""
    found = definitions_of_kinds()
    listed = custom_api.list_cluster_custom_object("apiextensions.k8s.io", "v1", "customresourcedefinitions")["items"]
    there = {one["metadata"]["name"] for one in listed}
    fresh = [one for one in found.values() if one["metadata"]["name"] not in there]
    if len(fresh) == len(found):
        for name, data in DATA.items():
            failed = run(name, name="x", **data["first"])
            assert "the definitions (CRDs) of the Gateway API are missing" in failed["msg"], failed
    done = run("k8s", resources=list(found.values()), wait=True)
    assert "failed" not in done, done
    yield found
    run("k8s", resources=fresh, state="absent", wait=True)


def refusal(custom_api, name, spec):
    """Why the server does not take an object; empty if it does. Nothing is written."""
    group, version, plural = place(name)
    meta = {"name": "x", "namespace": "default"}
    body = {"apiVersion": f"{group}/{version}", "kind": DATA[name]["kind"], "metadata": meta, "spec": spec}
    try:
        custom_api.create_namespaced_custom_object(
            group, version, "default", plural, body, dry_run="All", field_validation="Strict"
        )
    except ApiException as error:
        assert error.status in (400, 422), error.body
        return error.body
    return ""


@pytest.mark.feature("gateway-api")
@pytest.mark.parametrize("name", DATA)
def test_the_server_is_of_the_same_opinion(custom_api, definitions, name):
    others = []
    for number, case in enumerate(DATA[name]["specs"]):
        why = refusal(custom_api, name, case["spec"])
        if bool(why) != bool(case.get("fault")):
            others.append(f"{number}: {json.dumps(case)}: {why or 'the server takes it'}")
    assert others == []


@pytest.mark.parametrize("name", DATA)
def test_the_schema_is_that_of_the_definitions(definitions, name):
    schema, (definition,) = load(SCHEMAS, name), [one for kind, one in definitions.items() if name_of(kind) == name]
    assert fields_of(definition) == schema.DEFINITIONS
    assert kind_of(definition) == schema.KIND


@pytest.mark.parametrize("form", ["options", "manifest"])
@pytest.mark.parametrize("name", DATA)
def test_the_life_of_a_resource(definitions, name, form):
    """Each step, in check mode and for real: check mode tells what the step does, also with the server's defaults."""
    shop = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    assert "failed" not in run("k8s", resources=[shop])
    for step, arguments, action in life(DATA[name]):
        if form == "manifest":
            arguments = as_manifest(name, arguments, SCHEMAS)
        predicted = run(name, check=True, **arguments)
        done = run(name, **arguments)
        assert predicted == done, step
        assert [one["action"] for one in done["objects"]] == [action], step
        assert done["changed"] == (action not in ("unchanged", "absent")) == bool(done.get("diff")), step


@pytest.fixture
def nothing_left(definitions, api):
    yield
    for name, one in (("http_route", ROUTE), ("gateway_api_gateway", GATEWAY)):
        run(name, name=one["name"], namespace=one["namespace"], state="absent")
    wait_until(lambda: "web-istio" not in services(api), "istiod does not remove what it has made for the Gateway")


def services(api):
    return {one.metadata.name: one for one in api.list_namespaced_service("bookinfo").items}


def page(port, path="/productpage"):
    """The status and the text of a page at the gateway's node port; 0 while nobody answers."""
    request = urllib.request.Request(f"http://{ADDRESSES['node3']}:{port}{path}")
    request.add_header("Host", "gateway-api.example.com")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


@pytest.mark.feature("gateway-api")
def test_the_page_through_a_gateway_that_istiod_makes(definitions, api, nothing_left):
    steps = (("gateway_api_gateway", GATEWAY, "Programmed"), ("http_route", ROUTE, "ResolvedRefs"))
    for name, arguments, condition in steps:
        predicted = run(name, check=True, wait=True, **arguments)
        done = run(name, wait=True, wait_timeout=300, **arguments)
        assert "failed" not in done, done
        assert done.pop("conditions") and predicted == done and done["changed"]
        again = run(name, wait=True, wait_timeout=300, **arguments)
        assert not again["changed"]
        assert "True" in [one["status"] for one in again["conditions"] if one["type"] == condition]
    [port] = [one.node_port for one in services(api)["web-istio"].spec.ports if one.port == 80]
    wait_until(lambda: page(port)[0] == 200, "the page does not answer at the gateway")
    assert "<title>Simple Bookstore App</title>" in page(port)[1]
    # No other path is in the route.
    assert page(port, "/login")[0] == 404

    # A backend that is not there is told by the controller, and the wait ends long before its timeout.
    wrong = {**ROUTE, "rules": [{"backendRefs": [{"name": "nobody", "port": 9080}]}]}
    failed = run("http_route", wait=True, wait_timeout=600, **wrong)
    assert (
        "waiting does not change that: HTTPRoute bookinfo/page: the parent Gateway bookinfo/web, section http: "
        in (failed["msg"])
    )
    assert "ResolvedRefs is False (BackendNotFound: " in failed["msg"]
    for name, arguments, _condition in reversed(steps):
        gone = {"name": arguments["name"], "namespace": arguments["namespace"], "state": "absent"}
        assert [one["action"] for one in run(name, **gone)["objects"]] == ["deleted"]
        assert [one["action"] for one in run(name, **gone)["objects"]] == ["absent"]


def test_the_site_is_as_before(definitions, page_url):
    """Also with the definitions there, the mesh and the page are whole."""
    with urllib.request.urlopen(page_url, timeout=30) as answer:
        assert answer.status == 200
