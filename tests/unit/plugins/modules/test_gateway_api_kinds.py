# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The modules of the Gateway API's kinds, by their common shape, and their wait for conditions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._base.schema import check
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api import conditions, family
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.formats import FORMATS
from ansible_collections.bare.mesh.plugins.module_utils._istio import kind_module
from ansible_collections.bare.mesh.plugins.module_utils._istio.kind_module import faults_of
from ansible_collections.bare.mesh.plugins.module_utils._k8s.argspec import CONNECTION, WAITING
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Unreachable
from ansible_collections.bare.mesh.plugins.modules import gateway_api_gateway, http_route, reference_grant

from tests.gateway_api_kinds import DATA, RULES, SCHEMAS
from tests.istio_kinds import life, load
from tests.shapes import places, replaced, without

ROOT = Path(__file__).resolve().parents[4]
GROUP = "gateway.networking.k8s.io"
CASES = [(name, case["spec"], case.get("fault")) for name, data in DATA.items() for case in data["specs"]]
ROUTE = {"name": "x", "namespace": "shop", **DATA["http_route"]["first"]}
WEB = {"name": "web", "namespace": "shop", **DATA["gateway_api_gateway"]["first"]}
TERSE = {"gatewayClassName": "c", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}]}
PATH = f"/apis/{GROUP}/v1/namespaces/shop/httproutes/x"


@pytest.fixture
def installed(cluster):
    """A cluster with the definitions of the Gateway API."""
    cluster.groups[GROUP] = ["v1", "v1beta1"]
    return cluster


@pytest.fixture
def controller(installed, monkeypatch):
    """What a controller writes while a module waits: each pause takes the next status, the last one stays."""
    statuses, clock = [], [0.0]

    def sleep(seconds):
        clock[0] += seconds
        for one in installed.objects.values():
            one["status"] = statuses.pop(0) if len(statuses) > 1 else statuses[0]

    monkeypatch.setattr(conditions.time, "sleep", sleep)
    monkeypatch.setattr(conditions.time, "monotonic", lambda: clock[0])
    return statuses


@pytest.mark.parametrize("name", DATA)
def test_the_life_of_a_resource(installed, run_module, name):
    """Each step is predicted, writes nothing in check mode, and changes nothing when it is repeated."""
    for _step, arguments, action in life(DATA[name]):
        writes = installed.writes
        predicted = run_module(load("modules", name), check=True, **arguments)
        assert installed.writes == writes
        done = run_module(load("modules", name), **arguments)
        assert [one["action"] for one in done["objects"]] == [action]
        assert predicted == done


@pytest.mark.parametrize("name", DATA)
def test_documentation_has_every_option(name):
    """An option for each field of the definition (the options are generated), documented with a reference."""
    documented = yaml.safe_load(load("modules", name).DOCUMENTATION)["options"]
    options = load(SCHEMAS, name).KIND.options
    assert set(documented) == set(options)
    assert all("https://gateway-api.sigs.k8s.io/" in " ".join(option["description"]) for option in documented.values())
    for option, (_field, argument) in options.items():
        assert {key: documented[option][key] for key in argument} == argument


@pytest.mark.parametrize("name", DATA)
def test_no_option_has_the_name_of_a_common_one(name):
    shared = {**CONNECTION, **kind_module.ARGUMENTS, **WAITING}
    names = {"metadata", *shared, *(alias for argument in shared.values() for alias in argument.get("aliases", []))}
    assert not names & set(load(SCHEMAS, name).KIND.options)


@pytest.mark.parametrize("name", DATA)
def test_there_are_enough_specs(name):
    bad = [bool(case.get("fault")) for case in DATA[name]["specs"]]
    assert bad.count(True) >= 15 <= bad.count(False)


@pytest.mark.parametrize(
    ("name", "spec", "path"), CASES, ids=[f"{name}-{number}" for number, (name, _spec, _path) in enumerate(CASES)]
)
def test_specs(name, spec, path):
    schema = load(SCHEMAS, name)
    structure = list(check(spec, schema.ROOT, schema.DEFINITIONS, "spec"))
    faults = structure or list(load(RULES, name).faults({"metadata": {"name": "x"}, "spec": spec}))
    assert (path in [fault.path for fault in faults]) if path else faults == []


@pytest.mark.parametrize("name", DATA)
def test_no_rule_stumbles_over_what_another_part_of_the_spec_is(name):
    """A field of another type, or none, is a fault of the structure; the rules still judge the rest."""
    schema, rules = load(SCHEMAS, name), load(RULES, name).faults
    for spec in [spec for module, spec, fault in CASES if module == name and fault is None]:
        for path in places(spec):
            strange = [replaced(spec, path, value) for value in (0, "x", [], {}, None)]
            for one in (*strange, without(spec, path)):
                list(faults_of({"metadata": {"name": "x", "namespace": "default"}, "spec": one}, schema, rules))


@pytest.mark.parametrize("name", DATA)
def test_examples_are_valid(installed, run_module, monkeypatch, name):
    monkeypatch.setattr(conditions, "PROBLEMS", dict.fromkeys(conditions.PROBLEMS, lambda live: []))
    module = load("modules", name)
    for task in yaml.safe_load(module.EXAMPLES):
        assert "failed" not in run_module(module, **task[f"bare.mesh.{name}"])


def test_the_fields_are_those_of_the_named_release():
    """Of the release that Istio is built with, which messages and documentation name."""
    known = yaml.safe_load((ROOT / "meta/versions.yml").read_text())["__bare_mesh_gateway_api_version"]
    assert known == family.VERSION
    assert f"release\n    {known}," in (ROOT / "plugins/doc_fragments/gateway_api_kind.py").read_text()
    for name in DATA:
        text = Path(load(SCHEMAS, name).__file__).read_text()
        assert f"from the Gateway API {known}." in text


@pytest.mark.parametrize("name", DATA)
def test_the_definitions_are_missing(cluster, run_module, name):
    module, arguments = load("modules", name), {"name": "x", **DATA[name]["first"]}
    failed = run_module(module, **arguments)
    assert (
        f"the cluster serves no {DATA[name]['kind']} ({GROUP}): the definitions (CRDs) of the Gateway API are"
        in (failed["msg"])
    )
    assert f"in release {family.VERSION}" in failed["msg"] and "Nothing was written" in failed["msg"]
    assert cluster.writes == 0
    assert run_module(module, check=True, **arguments)["changed"]
    assert run_module(module, name="x", state="absent") == {"changed": False, "objects": []}


@pytest.mark.parametrize("name", DATA)
def test_an_older_release_of_the_definitions(cluster, run_module, name):
    cluster.groups[GROUP] = ["v1beta1"]
    done = run_module(load("modules", name), name="x", **DATA[name]["first"])
    versions = load(SCHEMAS, name).KIND.versions
    if "v1beta1" in versions:
        assert done["objects"][0]["api_version"] == f"{GROUP}/v1beta1"
    else:
        assert "the definitions (CRDs) of the Gateway API are missing" in done["msg"]


def test_without_cluster_in_check_mode(cluster, run_module):
    cluster.unreachable.append(Unreachable("nobody there"))
    assert run_module(http_route, check=True, wait=True, **ROUTE)["changed"]


def test_all_faults_of_all_resources_at_once_and_nothing_is_written(installed, run_module):
    resources = [
        {"name": "a", "rules": [{"backendRefs": [{"name": "b"}], "timeouts": {"request": "1.5s"}}]},
        {"name": "b", "hostnames": ["A"]},
    ]
    failed = run_module(http_route, resources=resources)
    assert installed.writes == 0 and len(failed["faults"]) == 2
    for text in (
        "HTTPRoute default/a: spec.rules[0].timeouts.request: '1.5s' is not a duration such as 500ms, 10s or 1h30m",
        "spec.rules[0].backendRefs[0].port: is required for the Service 'b'",
        "HTTPRoute default/b: spec.hostnames[0]: 'A' is not a host name in lower case",
    ):
        assert text in failed["msg"]


# The status of a route as istiod 1.31 writes it (pilot/pkg/config/kube/gatewaycommon), with these reasons and texts.
def answered(generation=0, parent=None, **wrong):
    given = {
        "Accepted": ("True", "Accepted", "Route was valid"),
        "ResolvedRefs": ("True", "ResolvedRefs", "All references resolved"),
        **wrong,
    }
    found = [
        {"type": name, "status": status, "reason": reason, "message": message, "observedGeneration": generation}
        for name, (status, reason, message) in given.items()
    ]
    reference = {"group": GROUP, "kind": "Gateway", "name": "web", **(parent or {})}
    return {"parents": [{"parentRef": reference, "controllerName": "istio.io/gateway-controller", "conditions": found}]}


NO_BACKEND = ("False", "BackendNotFound", "backend(reviews.shop.svc.cluster.local) not found")


def test_a_route_is_ready_when_its_parents_have_accepted_it(controller, installed, run_module):
    controller += [{}, answered(ResolvedRefs=NO_BACKEND), answered()]
    done = run_module(http_route, wait=True, **ROUTE)
    assert "failed" not in done and done["changed"]
    assert [(one["parent"], one["type"], one["status"]) for one in done["conditions"]] == [
        ("Gateway shop/web", "Accepted", "True"),
        ("Gateway shop/web", "ResolvedRefs", "True"),
    ]
    assert done["conditions"][0]["message"] == "Route was valid"
    assert done["conditions"][0]["controller"] == "istio.io/gateway-controller"
    again = run_module(http_route, wait=True, **ROUTE)
    assert (again["changed"], again["conditions"]) == (False, done["conditions"])
    assert "conditions" not in run_module(http_route, check=True, wait=True, **ROUTE)
    assert "conditions" not in run_module(http_route, **ROUTE)


def test_what_was_true_before_the_change_does_not_count(controller, installed, run_module):
    run_module(http_route, **ROUTE)
    installed.objects[PATH]["metadata"]["generation"] = 2
    installed.objects[PATH]["status"] = answered(1)
    controller += [answered(1)]
    failed = run_module(http_route, wait=True, wait_timeout=30, **ROUTE)
    assert (
        "not ready after 30 s: HTTPRoute shop/x: the parent Gateway shop/web: its controller has not seen"
        in (failed["msg"])
    )
    controller[:] = [answered(2)]
    assert "failed" not in run_module(http_route, wait=True, wait_timeout=30, **ROUTE)


def test_a_reason_that_lasts_ends_the_wait_early(controller, installed, run_module):
    controller += [answered(ResolvedRefs=NO_BACKEND)]
    before = conditions.time.monotonic()
    failed = run_module(http_route, wait=True, wait_timeout=600, **ROUTE)
    assert conditions.LASTING <= conditions.time.monotonic() - before < conditions.LASTING + 5
    assert failed["msg"] == (
        "not accepted, and waiting does not change that: HTTPRoute shop/x: the parent Gateway shop/web: the condition"
        " ResolvedRefs is False (BackendNotFound: backend(reviews.shop.svc.cluster.local) not found)"
    )
    # The route is written, and what the controller says is data here, too.
    assert [one["action"] for one in failed["objects"]] == ["created"] and failed["not_ready"] == ["HTTPRoute shop/x"]
    assert [one["reason"] for one in failed["conditions"]] == ["Accepted", "BackendNotFound"]


def test_a_reason_that_passes_is_waited_for(controller, installed, run_module):
    controller += [answered(Accepted=("Unknown", "Pending", "Waiting for controller"))]
    failed = run_module(http_route, wait=True, wait_timeout=60, **ROUTE)
    assert "not ready after 60 s: " in failed["msg"] and "Accepted is Unknown (Pending: Waiting" in failed["msg"]


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({"name": "other"}, "Gateway shop/other"),
        ({"name": "web", "sectionName": "http"}, "Gateway shop/web, section http"),
        ({"name": "web", "port": 80}, "Gateway shop/web, port 80"),
        ({"name": "web", "namespace": "mesh"}, "Gateway mesh/web"),
        ({"name": "web", "group": "", "kind": "Service"}, "Service shop/web of the group core"),
    ],
)
def test_each_parent_is_to_answer(controller, installed, run_module, reference, words):
    """The answer of one parent does not count for another one."""
    controller += [answered()]
    arguments = {**ROUTE, "parent_refs": [reference]}
    failed = run_module(http_route, wait=True, wait_timeout=5, **arguments)
    assert f"no controller has answered for the parent {words}: " in failed["msg"]
    controller[:] = [answered(parent=reference)]
    assert "failed" not in run_module(http_route, wait=True, wait_timeout=5, **arguments)


def test_nothing_to_wait_for(installed, run_module, monkeypatch):
    said = []
    monkeypatch.setattr(family.AnsibleModule, "warn", lambda self, text, **more: said.append(text))
    done = run_module(http_route, name="x", namespace="shop", wait=True)
    assert done["conditions"] == [] and "names no parent (parentRefs)" in said[0]


@pytest.mark.parametrize(("name", "unnamed"), [("http_route", 1), ("grpc_route", 0)])
def test_a_route_has_at_most_128_matches(name, unnamed):
    """A rule of an HTTPRoute without matches has one by default, a rule of a GRPCRoute has none."""

    def faults(*counts):
        rules = [{} if count is None else {"matches": [{}] * count} for count in counts]
        return [one.path for one in load(RULES, name).faults({"metadata": {}, "spec": {"rules": rules}})]

    assert faults(64, 64) == []
    assert faults(64, 64, 1) == ["spec.rules"]
    assert faults(64, 64, None) == ["spec.rules"] * unnamed


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_the_longest_names_that_a_gateway_gives_to_its_objects(field):
    def faults(key):
        spec = {**TERSE, "infrastructure": {field: {key: "x"}}}
        return [one.path for one in load(RULES, "gateway_api_gateway").faults({"metadata": {}, "spec": spec})]

    prefix = ".".join(["a" * 62] * 4)
    for good in ("a" * 63, f"{prefix}a/{'b' * 63}"):
        assert faults(good) == []
    for bad in ("a" * 64, f"{prefix}aa/b", "/a", "a/", "a/b/c", ""):
        assert faults(bad) == [f"spec.infrastructure.{field}[{bad!r}]"]


def test_no_format_is_left_over():
    """Those of the schemas, which the tool that generates them takes from the definitions by their expressions."""
    texts = [Path(load(SCHEMAS, name).__file__).read_text() for name in DATA]
    used = {found for text in texts for found in re.findall(r'(?s)"=":\s*"string",\s*"~":\s*"(\w+)"', text)}
    assert used == set(FORMATS)


# The status of a Gateway: first as its definition has it by default, then as istiod 1.31 writes it.
def programmed(generation=0, **wrong):
    given = {
        "Accepted": ("True", "Accepted", "Resource accepted"),
        "Programmed": ("True", "Programmed", "Resource programmed, assigned to service(s) web-istio.shop.svc:80"),
        **wrong,
    }
    found = [
        {"type": name, "status": status, "reason": reason, "message": message, "observedGeneration": generation}
        for name, (status, reason, message) in given.items()
    ]
    bad = {"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs", "message": "No errors found"}
    return {"conditions": found, "listeners": [{"name": "http", "attachedRoutes": 0, "conditions": [bad]}]}


def test_a_gateway_is_ready_when_it_is_programmed(controller, installed, run_module):
    fresh = [
        {"type": name, "status": "Unknown", "reason": "Pending", "message": "Waiting for controller"}
        for name in ("Accepted", "Programmed")
    ]
    no_address = (
        "False",
        "AddressNotAssigned",
        "Assigned to service(s) web-istio, but failed to assign to all requested",
    )
    controller += [{"conditions": fresh}, programmed(Programmed=no_address), programmed()]
    done = run_module(gateway_api_gateway, wait=True, **WEB)
    assert [(one.get("listener"), one["type"], one["status"]) for one in done["conditions"]] == [
        (None, "Accepted", "True"),
        (None, "Programmed", "True"),
        ("http", "ResolvedRefs", "True"),
    ]
    # A load balancer may take long to give an address, so this does not end the wait early.
    controller[:] = [programmed(Programmed=no_address)]
    installed.objects[PATH.replace("httproutes/x", "gateways/web")]["status"] = controller[0]
    failed = run_module(gateway_api_gateway, wait=True, wait_timeout=100, **WEB)
    assert (
        "not ready after 100 s: Gateway shop/web: the condition Programmed is False (AddressNotAssigned"
        in failed["msg"]
    )


def test_a_gateway_that_nobody_runs(controller, installed, run_module):
    run_module(gateway_api_gateway, **WEB)
    fresh = [{"type": name, "status": "Unknown", "reason": "Pending"} for name in ("Accepted", "Programmed")]
    one = installed.objects[PATH.replace("httproutes/x", "gateways/web")]
    one["metadata"]["generation"], one["status"] = 1, {"conditions": fresh}
    controller += [{"conditions": fresh}]
    failed = run_module(gateway_api_gateway, wait=True, wait_timeout=3, **WEB)
    assert "not ready after 3 s: Gateway shop/web: its controller has not seen the change yet" in failed["msg"]


def test_a_gateway_with_a_wrong_class_parameter_ends_the_wait_early(controller, installed, run_module):
    controller += [programmed(Accepted=("False", "InvalidParameters", "no such ConfigMap"))]
    failed = run_module(gateway_api_gateway, wait=True, wait_timeout=600, **WEB)
    assert (
        "waiting does not change that: Gateway shop/web: the condition Accepted is False (InvalidParameters"
        in (failed["msg"])
    )


def test_nobody_answers_a_reference_grant(installed, run_module):
    arguments = {"name": "x", **DATA["reference_grant"]["first"]}
    assert "wait" in run_module(reference_grant, wait=True, **arguments)["msg"]
    # In v1, release 1.4 has other kinds, but no ReferenceGrant.
    installed.get, get = (lambda path: lacking(get(path)) if path == f"/apis/{GROUP}/v1" else get(path)), installed.get
    done = run_module(reference_grant, **arguments)
    assert done["objects"][0]["api_version"] == f"{GROUP}/v1beta1"


def lacking(content):
    return {"resources": [one for one in content["resources"] if one["kind"] != "ReferenceGrant"]}
