# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Definitions as plain data, and where objects of a kind live."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s import resource
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import (
    Kind,
    Kinds,
    UnknownKind,
    group_kind,
    is_crd,
    split_version,
)
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure


def one(kind="ConfigMap", name="a", namespace=None, api_version="v1", **more):
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **more}


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!!python/tuple [1]",
        "!!python/object/new:dict {}",
        "!!python/module:os",
    ],
)
def test_yaml_creates_no_python_objects(text):
    with pytest.raises(Failure, match=r"here is not valid YAML"):
        resource.load_yaml(text, "here")


def test_yaml():
    assert resource.load_yaml("a: 2026-01-01\nb: 1\nc: true\n---\n---\n[x]\n", "here") == [
        {"a": "2026-01-01", "b": 1, "c": True},
        ["x"],
    ]
    with pytest.raises(Failure, match=r"here is not valid YAML"):
        resource.load_yaml("a: [", "here")


def test_files(tmp_path):
    path = tmp_path / "a.yml"
    path.write_text("a: é", encoding="utf-8")
    assert resource.read_file(str(path)) == [{"a": "é"}]
    path.write_bytes(b"a: \xff")
    with pytest.raises(Failure, match=r"a.yml is not UTF-8 text"):
        resource.read_file(str(path))
    with pytest.raises(Failure, match=r"none cannot be read: No such file"):
        resource.read_file(str(tmp_path / "none"))


def test_lists_are_replaced_by_their_items():
    inner = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [one(name="b")]}
    found = resource.expand(
        [one(), {"apiVersion": "v1", "kind": "List", "items": [inner, one(name="c")]}, one("Things", items=[1])], "o"
    )
    assert [item["metadata"]["name"] for item in found] == ["a", "b", "c", "a"]
    assert resource.expand([one(data={1: "x"})], "o") == [one(data={"1": "x"})]


UNSUPPORTED = "o, object 1: ConfigMap a has a value that JSON does not support"


@pytest.mark.parametrize(
    ("definition", "fault"),
    [
        (1, "o, object 1: must be a mapping, is 1"),
        ({}, "o, object 1: apiVersion and kind and metadata.name missing, or not a string"),
        ({**one(), "kind": 1}, "o, object 1: kind missing, or not a string"),
        ({**one(), "apiVersion": None}, "o, object 1: apiVersion missing, or not a string"),
        ({**one(), "metadata": []}, "o, object 1: metadata.name missing, or not a string"),
        (one(name=""), "o, object 1: metadata.name missing, or not a string"),
        (one(name=1), "o, object 1: metadata.name missing, or not a string"),
        (
            one(data={"a": float("nan")}),
            f"{UNSUPPORTED}: Out of range float values are not JSON compliant",
        ),
        (one(data={"a": {1, 2}}), f"{UNSUPPORTED}: Object of type set is not"),
        (one("Secret", data=[1]), "o, object 1: Secret a: data must be a mapping of names to strings"),
        (one("Secret", stringData={"a": 1}), "o, object 1: Secret a: stringData.a must be a string: quote it"),
        ({"kind": "List", "items": [1]}, "o, object 1, items, object 1: must be a mapping, is 1"),
    ],
)
def test_bad_definitions(definition, fault):
    with pytest.raises(Failure) as error:
        resource.expand([definition], "o")
    assert str(error.value).startswith(fault)


def test_all_faults_are_in_one_message():
    with pytest.raises(Failure, match=r"object 1: must be a mapping, .*; o, object 2: kind missing"):
        resource.expand([1, {**one(), "kind": 1}, one()], "o")
    assert resource.expand([one("Secret", data={"a": None}), one(data={"a": 1})], "o")


def test_normalise():
    full = one(status={"a": 1}, spec={})
    full["metadata"].update(uid="1", labels={}, annotations=None, finalizers=[], resourceVersion="1", generation=0)
    assert resource.normalise(full, True, "here") == one(namespace="here", spec={})
    assert resource.normalise(one(namespace="mine"), True, "here") == one(namespace="mine")
    assert resource.normalise(one(namespace="mine"), False, "here") == one()
    assert "uid" in full["metadata"], "the given one stays as it is"


def test_names():
    assert resource.identity(one(namespace="n")) == "ConfigMap n/a" and resource.identity(one()) == "ConfigMap a"
    assert resource.key(one(namespace="n", api_version="apps/v1")) == ("apps", "ConfigMap", "n", "a")
    assert resource.key(one()) == ("", "ConfigMap", "", "a")
    summary = {"api_version": "v1", "kind": "ConfigMap", "namespace": "", "name": "a", "action": "created"}
    assert resource.summary(one(), "created") == summary


def test_duplicates():
    given = [one(name="b"), one(), one(api_version="v2"), one(name="b"), one(name="c"), one(namespace="n")]
    assert resource.duplicates(given) == ["ConfigMap a", "ConfigMap b"]
    assert resource.duplicates([one(), one(name="c")]) == []


def test_waves():
    objects = [
        one("Thing", api_version="example.com/v1"),
        one("Gateway", api_version="networking.istio.io/v1"),
        one("APIService", api_version="apiregistration.k8s.io/v1"),
        one("Ingress", api_version="networking.k8s.io/v1"),
        one("Job", api_version="batch/v1"),
        one("Job", api_version="example.com/v1"),
        one("RoleBinding", api_version="rbac.authorization.k8s.io/v1"),
        one("Secret"),
        one("ServiceAccount"),
        one("Namespace"),
        one("CustomResourceDefinition", api_version="apiextensions.k8s.io/v1"),
    ]
    kinds = [[item["kind"] for item in wave] for wave in resource.waves(objects)]
    assert kinds == [
        ["Namespace", "CustomResourceDefinition"],
        ["ServiceAccount"],
        ["RoleBinding", "Secret"],
        ["Job"],
        ["Ingress"],
        ["APIService"],
        ["Gateway"],
        ["Thing", "Job"],
    ]


def test_versions_and_kinds():
    assert split_version("v1") == ("", "v1") and split_version("apps/v1") == ("apps", "v1")
    crd = one("CustomResourceDefinition", api_version="apiextensions.k8s.io/v1")
    assert is_crd(crd) is True and is_crd(one()) is False
    assert group_kind(crd) == ("apiextensions.k8s.io", "CustomResourceDefinition")


def test_paths():
    kinds = Kinds(None)
    assert kinds.path(one(namespace="n")) == "/api/v1/namespaces/n/configmaps/a"
    assert kinds.path(one()) == "/api/v1/configmaps/a"
    assert kinds.path(one("Node", namespace="n")) == "/api/v1/nodes/a"
    assert kinds.path(one("Deployment", "a/b", "n/m", "apps/v1")) == "/apis/apps/v1/namespaces/n%2Fm/deployments/a%2Fb"
    assert kinds.collection("apps/v1", "Deployment") == "/apis/apps/v1/deployments"
    assert kinds.namespaced(one()) is True and kinds.namespaced(one("Namespace")) is False


def crd(**spec):
    return one("CustomResourceDefinition", api_version="apiextensions.k8s.io/v1", spec=spec)


def test_kinds_of_the_batch_s_own_definitions():
    kinds = Kinds(None)
    names = {"plural": "things", "kind": "Thing"}
    kinds.learn(
        [
            one(),
            crd(group="g", scope="Namespaced", names=names),
            crd(group="h", scope="Cluster", names=names),
            {**crd(), "spec": None},
        ]
    )
    assert kinds.find("g/v1", "Thing") == Kind("things", True) and kinds.find("h/v1", "Thing") == Kind("things", False)
    assert kinds.brought == {("g", "Thing"), ("h", "Thing"), ("", "")}
    with pytest.raises(UnknownKind, match=r"serves no kind Other in g/v1: install its"):
        kinds.find("g/v1", "Other")


def test_versions_that_are_served(cluster):
    kinds = Kinds(cluster)
    assert kinds.served_versions("autoscaling/v9", "HorizontalPodAutoscaler") == ["autoscaling/v2", "autoscaling/v1"]
    assert kinds.served_versions("autoscaling/v1", "Other") == []
    asked = len(cluster.requests)
    assert kinds.served_versions("autoscaling/v2", "HorizontalPodAutoscaler") and len(cluster.requests) == asked
    assert kinds.served_versions("v1", "ConfigMap") == ["v1"]
    assert kinds.served_versions("none/v1", "Thing") == []
    assert Kinds(None).served_versions("v1", "ConfigMap") == []


def test_subresources_are_not_kinds(cluster):
    answers = {
        "/apis/g": {"versions": [{"groupVersion": "g/v1"}]},
        "/apis/g/v1": {"resources": [{"kind": "Thing", "name": "things"}, {"kind": "Scale", "name": "things/scale"}]},
    }
    cluster.get = answers.get
    assert Kinds(cluster).served_versions("g/v1", "Thing") == ["g/v1"]
    assert Kinds(cluster).served_versions("g/v1", "Scale") == []


def test_keys_are_texts_as_in_json():
    """As kubectl takes the examples of Istio's documentation."""
    text = "portLevelMtls: {8080: {mode: DISABLE}}\ndata: [{1.5: a, true: b, c: d}]"
    assert resource.load_yaml(text, "here") == [
        {"portLevelMtls": {"8080": {"mode": "DISABLE"}}, "data": [{"1.5": "a", "true": "b", "c": "d"}]}
    ]
