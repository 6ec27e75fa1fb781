# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The modules of Istio's kinds, by their common shape."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._istio import kind_module
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import virtual_service as schema
from ansible_collections.bare.mesh.plugins.module_utils._k8s import module as api_module
from ansible_collections.bare.mesh.plugins.module_utils._k8s.argspec import CONNECTION
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Unreachable
from ansible_collections.bare.mesh.plugins.modules import destination_rule, gateway, virtual_service

from tests.istio_kinds import DATA, load, steps


@pytest.mark.parametrize("name", DATA)
def test_the_life_of_a_resource(cluster, run_module, name):
    """Each step is predicted, writes nothing in check mode, and changes nothing when it is repeated."""
    for _step, arguments, action in steps(name):
        writes = cluster.writes
        predicted = run_module(load("modules", name), check=True, **arguments)
        assert cluster.writes == writes
        done = run_module(load("modules", name), **arguments)
        assert [one["action"] for one in done["objects"]] == [action]
        assert predicted == done


@pytest.mark.parametrize("name", DATA)
def test_documentation_has_every_option(name):
    """An option for each field that Istio has (the options are generated), documented with a reference."""
    documentation = yaml.safe_load(load("modules", name).DOCUMENTATION)
    documented = documentation["options"]
    targets = load("doc_fragments", "istio_targets").ModuleDocFragment
    for fragment, text in (("istio_targets", targets.DOCUMENTATION), ("istio_targets.target_ref", targets.TARGET_REF)):
        if f"bare.mesh.{fragment}" in documentation["extends_documentation_fragment"]:
            documented |= yaml.safe_load(text)["options"]
    options = load("module_utils._istio.schemas", name).KIND.options
    assert set(documented) == set(options)
    assert all(
        "https://istio.io/latest/docs/reference/" in " ".join(option["description"]) for option in documented.values()
    )


@pytest.mark.parametrize("name", DATA)
def test_no_option_has_the_name_of_a_common_one(name):
    """Neither of the connection's options nor of those of all kinds, nor of their other names."""
    shared = {**CONNECTION, **kind_module.ARGUMENTS}
    names = {"metadata", *shared, *(alias for argument in shared.values() for alias in argument.get("aliases", []))}
    assert not names & set(load("module_utils._istio.schemas", name).KIND.options)


@pytest.mark.parametrize("name", DATA)
def test_there_are_enough_specs(name):
    """At least fifteen valid and fifteen invalid ones."""
    bad = [bool(case.get("fault")) for case in DATA[name]["specs"]]
    assert bad.count(True) >= 15 <= bad.count(False)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("name", DATA)
def test_the_password_of_a_proxy_is_not_printed(cluster, run_for_real, name, check):
    options = {"name": "x", "proxy": "http://user:correct-horse@p:1", **DATA[name]["first"]}
    printed = run_for_real(load("modules", name), check=check, **options)
    assert "correct-horse" not in printed and '"changed": true' in printed


def test_host_is_the_host_of_the_rule(cluster, run_module, monkeypatch):
    given = []
    monkeypatch.setattr(api_module, "Client", lambda params: given.append(params["api_host"]) or cluster)
    monkeypatch.setenv("K8S_AUTH_HOST", "https://10.0.0.1")
    run_module(destination_rule, name="x", host="reviews")
    run_module(destination_rule, name="y", host="ratings", api_host="https://10.0.0.2")
    assert given == ["https://10.0.0.1", "https://10.0.0.2"]
    assert [one["spec"]["host"] for one in cluster.objects.values()] == ["reviews", "ratings"]


@pytest.mark.parametrize("name", DATA)
def test_examples_are_valid(cluster, run_module, name):
    module = load("modules", name)
    for task in yaml.safe_load(module.EXAMPLES):
        assert "failed" not in run_module(module, **task[f"bare.mesh.{name}"])


def test_build_is_pure_and_takes_both_forms():
    arguments = {
        "name": None,
        "namespace": "shop",
        "labels": {"team": "a"},
        "annotations": None,
        "hosts": None,
        "gateways": None,
        "http": None,
        "tls": None,
        "tcp": None,
        "export_to": None,
        "resources": [
            {"name": "a", "hosts": ["a"], "export_to": ["."], "labels": {"tier": "x"}},
            {
                "metadata": {"name": "b", "namespace": "other"},
                "spec": {"hosts": ["b"], "http": [{"route": [{"weight": "50"}]}]},
            },
        ],
    }
    first, second = kind_module.build(arguments, schema)
    assert first["metadata"] == {"name": "a", "namespace": "shop", "labels": {"team": "a", "tier": "x"}}
    assert first["spec"] == {"hosts": ["a"], "exportTo": ["."]}
    assert second["metadata"] == {"name": "b", "namespace": "other", "labels": {"team": "a"}}
    # A template's result is a text in older Ansible versions.
    assert second["spec"]["http"][0]["route"][0]["weight"] == 50
    assert [first, second] == kind_module.build(arguments, schema)


def test_one_bad_of_many_and_none_is_written(cluster, run_module):
    good = [{"name": f"r{number}", "host": f"h{number}"} for number in range(49)]
    result = run_module(
        destination_rule, resources=[*good, {"name": "bad", "host": "h", "subsets": [{"name": "v1"}, {"name": "v1"}]}]
    )
    assert result["failed"] and cluster.writes == 0
    assert "DestinationRule default/bad: spec.subsets[1].name: there is another subset 'v1'" in result["msg"]


def test_the_server_refuses_one_of_many_and_none_is_written(cluster, run_module):
    """Only the server can tell here."""
    cluster.objects["/api/v1/namespaces/default"] = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "default"},
    }
    cluster.refuse["/apis/networking.istio.io/v1/namespaces/default/destinationrules/r7"] = (400, "not this one")
    many = [{"name": f"r{number}", "host": f"h{number}"} for number in range(50)]
    asked = run_module(destination_rule, resources=many, validate="server")
    assert cluster.writes == 0 and "so nothing was written. DestinationRule default/r7: " in asked["msg"]
    assert run_module(destination_rule, resources=many, validate="server", check=True)["failed"]
    partly = run_module(destination_rule, resources=many)
    assert partly["failed"] and cluster.writes > 0 and "Written: " in partly["msg"]


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"name": "x", "host": ["x"]}, "unknown option host; known: name,"),
        ({"metadata": {"name": "x"}, "kind": "Gateway", "spec": {}}, "its kind is Gateway"),
        ({"metadata": "x"}, "metadata and spec must be mappings"),
        ({"name": "Bad_Name", "hosts": ["x"]}, "metadata.name: 'Bad_Name' is not a valid name"),
        ({"hosts": ["x"]}, "VirtualService default/without name"),
        ({"name": "x", "hosts": ["x"], "http": [{"match": [None]}]}, "spec.http[0].match[0]: must not be null"),
        ({"name": "x", "hosts": [None]}, "spec.hosts[0]: must not be null"),
        (
            {"name": "x", "hosts": ["x"], "http": [{"rout": []}]},
            "spec.http[0].rout: unknown field; did you mean route?",
        ),
    ],
)
def test_bad_items(cluster, run_module, resource, message):
    assert message in run_module(virtual_service, resources=[resource])["msg"]


def test_labels_that_are_not_a_mapping(cluster, run_module):
    result = run_module(
        virtual_service, labels={"team": "a"}, resources=[{"name": "x", "hosts": ["x"], "labels": "tier"}]
    )
    assert "metadata.labels" in result["msg"]


def test_istio_not_installed(cluster, run_module):
    cluster.groups = {}
    arguments = {"name": "x", **DATA["gateway"]["first"]}
    assert "install Istio first" in run_module(gateway, **arguments)["msg"]
    assert run_module(gateway, check=True, **arguments)["changed"]
    assert run_module(gateway, name="x", state="absent") == {"changed": False, "objects": []}


def test_older_istio(cluster, run_module):
    cluster.groups["networking.istio.io"] = ["v1beta1", "v1alpha3"]
    result = run_module(gateway, name="x", **DATA["gateway"]["first"])
    assert result["objects"][0]["api_version"] == "networking.istio.io/v1beta1"


def test_without_cluster_in_check_mode(cluster, run_module):
    cluster.unreachable.append(Unreachable("nobody there"))
    assert run_module(gateway, check=True, name="x", **DATA["gateway"]["first"])["changed"]
