# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Istio's kinds on the real API server with Istio's webhook: it judges as the modules do, takes what they write."""

from __future__ import annotations

import json

import pytest
from conftest import LAB, SHOP
from kubernetes.client.exceptions import ApiException

from tests.istio_kinds import DATA, as_manifest, load, removed_field, steps
from tests.module_process import run_module
from tools.istio_schema import from_openapi, kind_of, share, snake


@pytest.fixture(scope="module")
def definitions(custom_api):
    """The definitions (CRDs) of Istio's kinds, by the name of the module."""
    found = custom_api.list_cluster_custom_object("apiextensions.k8s.io", "v1", "customresourcedefinitions")["items"]
    return {snake(one["spec"]["names"]["kind"]): one for one in found if one["spec"]["group"].endswith(".istio.io")}


def refusal(custom_api, definition, spec):
    """Why the server does not take an object; empty if it does. Nothing is written."""
    group, names = definition["spec"]["group"], definition["spec"]["names"]
    version = load("module_utils._istio.schemas", snake(names["kind"])).KIND.versions[0]
    body = {
        "apiVersion": f"{group}/{version}",
        "kind": names["kind"],
        "metadata": {"name": "x", "namespace": "default"},
        "spec": spec,
    }
    try:
        custom_api.create_namespaced_custom_object(
            group, version, "default", names["plural"], body, dry_run="All", field_validation="Strict"
        )
    except ApiException as error:
        assert error.status in (400, 422), error.body
        return error.body
    return ""


def has(value, path):
    """Whether there is something at a path."""
    for step in path:
        if (isinstance(value, list) and len(value) <= step) or (isinstance(value, dict) and step not in value):
            return False
        value = value[step]
    return True


@pytest.mark.feature("typed-modules")
@pytest.mark.parametrize("name", DATA)
def test_the_server_is_of_the_same_opinion(custom_api, definitions, name):
    others = []
    for number, case in enumerate(DATA[name]["specs"]):
        if "null" in json.dumps(case["spec"]):
            # The server drops nulls without a word; the modules refuse them.
            continue
        why = refusal(custom_api, definitions[name], case["spec"])
        if bool(why) != bool(case.get("fault")):
            others.append(f"{number}: {case}: {why or 'the server takes it'}")
    assert others == []


@pytest.mark.feature("typed-modules")
@pytest.mark.parametrize("name", DATA)
def test_the_schema_is_that_of_the_server(definitions, name):
    schema = load("module_utils._istio.schemas", name)
    fields = definitions[name]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert share(from_openapi(fields), schema.KIND.kind) == schema.DEFINITIONS
    assert kind_of(definitions[name]) == schema.KIND


@pytest.mark.parametrize("form", ["options", "manifest"])
@pytest.mark.parametrize("name", DATA)
def test_the_life_of_a_resource(custom_api, definitions, name, form):
    """Each step, in check mode and for real: check mode writes nothing, and tells what the step does."""
    kind = load("module_utils._istio.schemas", name).KIND
    place = (kind.group, kind.versions[0], "shop", definitions[name]["spec"]["names"]["plural"])

    def live():
        listed = custom_api.list_namespaced_custom_object(*place)["items"]
        return [one for one in listed if one["metadata"]["name"] == "steps"]

    def run(module, **arguments):
        return run_module(load("modules", module), kubeconfig=str(LAB / "kubeconfig"), **arguments)

    assert "failed" not in run("k8s", resources=[SHOP])
    for step, arguments, action in steps(name):
        if form == "manifest":
            arguments = as_manifest(name, arguments)
        before = live()
        predicted = run(name, check=True, **arguments)
        assert live() == before, step
        done = run(name, **arguments)
        assert predicted == done, step
        assert [one["action"] for one in done["objects"]] == [action], step
        changed = action not in ("unchanged", "absent")
        assert done["changed"] == changed == (live() != before) == bool(done.get("diff")), step
        if step == "remove a field":
            assert has(before[0], removed_field(name)) and not has(live()[0], removed_field(name))
