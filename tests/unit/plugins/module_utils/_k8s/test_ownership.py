# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an object already is as its definition says."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s.diff import delta
from ansible_collections.bare.mesh.plugins.module_utils._k8s.ownership import _built_in, equal, in_order, same
from hypothesis import given
from hypothesis import strategies as st

from tests.shapes import places, without
from tests.unit.plugins.module_utils._k8s.objects import one

DESIRED = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
    "spec": {
        "paused": False,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "web:1",
                        "args": ["-v"],
                        "ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}],
                        "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
                    }
                ],
                "volumes": [{"name": "tmp", "emptyDir": {}}],
                "tolerations": None,
            }
        },
    },
}
PORT: dict = {".": {}, "f:containerPort": {}, "f:protocol": {}}
OWNED = {
    "f:metadata": {"f:labels": {"f:app": {}}},
    "f:spec": {
        "f:paused": {},
        "f:template": {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"web"}': {
                        ".": {},
                        "f:name": {},
                        "f:image": {},
                        "f:args": {},
                        "f:ports": {
                            'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}},
                            'k:{"containerPort":53,"protocol":"UDP"}': PORT,
                        },
                        "f:env": {'k:{"name":"NODE"}': {".": {}, "f:name": {}, "f:valueFrom": {}}},
                    }
                },
                "f:volumes": {'k:{"name":"tmp"}': {".": {}, "f:name": {}, "f:emptyDir": {}}},
            }
        },
    },
}


@pytest.fixture
def live():
    one = copy.deepcopy(DESIRED)
    one["metadata"] |= {
        "uid": "u",
        "managedFields": [{"manager": "me", "operation": "Apply", "fieldsV1": copy.deepcopy(OWNED)}],
    }
    one["spec"] |= {"replicas": 3, "paused": None}
    pod = one["spec"]["template"]["spec"]
    pod["dnsPolicy"] = "ClusterFirst"
    pod["containers"][0]["ports"][0]["protocol"] = "TCP"
    pod["containers"][0]["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] = "v1"
    pod["containers"].insert(0, {"name": "injected"})
    return one


def container(one):
    return one["spec"]["template"]["spec"]["containers"][-1]


def owned_container(one):
    template = one["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:template"]
    return template["f:spec"]["f:containers"]['k:{"name":"web"}']


def test_defaults_and_fields_of_others_are_not_differences(live):
    assert in_order(DESIRED, live, "me")


@pytest.mark.parametrize(
    "change",
    [
        lambda one: container(one).update(image="web:2"),
        lambda one: container(one)["args"].append("-x"),
        lambda one: container(one)["ports"].reverse(),
        lambda one: container(one)["ports"].pop(),
        lambda one: one["spec"]["template"]["spec"].update(containers=None),
        lambda one: one["metadata"].pop("labels"),
        # Somebody else has taken a field over, even though its value is right.
        lambda one: owned_container(one).pop("f:args"),
        lambda one: owned_container(one)["f:ports"].popitem(),
        # We once set a field that the definition no longer has.
        lambda one: owned_container(one).update({"f:command": {}}),
        lambda one: owned_container(one)["f:env"].update({'k:{"name":"OLD"}': {".": {}}}),
        lambda one: owned_container(one)["f:args"].update({"f:x": {}}),
        lambda one: one["metadata"].update(managedFields=[]),
    ],
)
def test_differences(live, change):
    change(live)
    assert not in_order(DESIRED, live, "me")


def test_without_adopt_right_values_of_others_are_enough(live):
    owned_container(live).pop("f:args")
    assert in_order(DESIRED, live, "me", adopt=False)
    live["metadata"]["managedFields"] = []
    assert not in_order(DESIRED, live, "me")
    container(live)["args"] = ["-z"]
    assert not in_order(DESIRED, live, "me", adopt=False)


def test_sets():
    desired = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "finalizers": ["a", "b"]}}
    entry = {
        "manager": "me",
        "operation": "Apply",
        "fieldsV1": {"f:metadata": {"f:finalizers": {'v:"a"': {}, 'v:"b"': {}}}},
    }
    live = {"metadata": {"name": "x", "finalizers": ["other", "a", "b"], "managedFields": [entry]}}
    assert in_order(desired, live, "me")
    desired["metadata"]["finalizers"].reverse()
    assert not in_order(desired, live, "me")
    live["metadata"]["finalizers"].remove("a")
    assert not in_order(desired, live, "me")


def test_an_applied_status_is_ignored():
    live = {
        "metadata": {"managedFields": [{"manager": "me", "operation": "Apply", "fieldsV1": {"f:status": {"f:x": {}}}}]}
    }
    assert in_order({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}}, live, "me")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab\n", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "b"]), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_equals_itself(value):
    assert equal(value, copy.deepcopy(value))


@given(st.dictionaries(st.sampled_from(["name", "a", "b"]), VALUES, max_size=3))
def test_a_value_has_no_difference_to_itself(value):
    assert delta(value, copy.deepcopy(value)) == ({}, {})


@pytest.mark.parametrize(
    ("desired", "live", "answer"),
    [
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": False}, {}, False),
        ({"a": 0}, {}, False),
        ({"a": ""}, {}, False),
        ({"a": {}}, {}, False),
        ({"a": []}, {}, False),
        ({}, {"a": {}}, False),
        ({"a": None}, {}, True),
        ({}, {"a": None}, True),
        ({"a": "x"}, {}, False),
        ([1, {"a": 1}], [1, {"a": 1, "b": 2}], False),
        ([1, {"a": 1, "b": None}], [1, {"a": 1}], True),
        ([1], [1, 2], False),
        ([1, 2], [2, 1], False),
        ([None], [], False),
        (1, True, False),
        ("1", 1, False),
        ({}, None, False),
    ],
)
def test_equal(desired, live, answer):
    assert equal(desired, live) is answer


def test_defaults_count_by_their_place_and_for_kubernetes_own_kinds():
    port = ("ingress", "ports")
    assert equal([{"port": 80}], [{"port": 80, "protocol": "TCP"}], port, built_in=True)
    assert not equal([{"port": 80}], [{"port": 80, "protocol": "UDP"}], port, built_in=True)
    assert not equal([{"port": 80, "protocol": "UDP"}], [{"port": 80, "protocol": "TCP"}], port, built_in=True)
    assert not equal([{"port": 80}], [{"port": 80, "protocol": "TCP"}], ("ports",), built_in=True)
    assert not equal([{"port": 80}], [{"port": 80, "protocol": "TCP", "endPort": 90}], port, built_in=True)
    assert not equal([{"port": 80}], [{"port": 80, "protocol": "TCP"}], port)


# What a task asks for first; then a part of it goes, and the fault stays in the cluster unless the change is seen.
ROUTE = {
    "route": [{"destination": {"host": "reviews"}}],
    "fault": {"delay": {"fixedDelay": "7s", "percentage": {"value": 100}}},
    "timeout": "1s",
}
PEERS = [{"podSelector": {}, "namespaceSelector": {}}]
LEAVES = [
    ("networking.istio.io/v1", {"spec": {"http": [ROUTE]}}, {"f:spec": {"f:http": {}}}),
    ("v1", {"spec": {"selector": {"app": "web", "version": "v1"}}}, {"f:spec": {"f:selector": {}}}),
    ("networking.k8s.io/v1", {"spec": {"ingress": [{"from": PEERS}]}}, {"f:spec": {"f:ingress": {}}}),
    (
        "rbac.authorization.k8s.io/v1",
        {"rules": [{"verbs": ["get"], "resources": ["pods"], "resourceNames": ["a"]}]},
        {"f:rules": {}},
    ),
    ("security.istio.io/v1", {"spec": {"rules": [{}]}}, {"f:spec": {"f:rules": {}}}),
]


@pytest.mark.parametrize(("api_version", "content", "owned"), LEAVES, ids=[case[0] for case in LEAVES])
def test_whatever_is_removed_is_a_difference(api_version, content, owned):
    first = {"apiVersion": api_version, "kind": "X", "metadata": {"name": "x"}, **content}
    live = copy.deepcopy(first)
    live["metadata"]["managedFields"] = [{"manager": "me", "operation": "Apply", "fieldsV1": owned}]
    assert in_order(first, live, "me") and in_order(first, live, "me", adopt=False)
    for path in places(content):
        for adopt in (True, False):
            second = {**without(content, path), "apiVersion": api_version, "kind": "X", "metadata": {"name": "x"}}
            assert not in_order(second, live, "me", adopt), path


def test_empty_values_count():
    """rules: [] of an AuthorizationPolicy denies everything, emptyDir: {} is a volume."""
    one = {"apiVersion": "security.istio.io/v1", "kind": "X", "metadata": {"name": "x"}, "spec": {"a": 1}}
    entry = {"manager": "me", "operation": "Apply", "fieldsV1": {"f:spec": {"f:a": {}}}}
    live = {**one, "metadata": {"name": "x", "managedFields": [entry]}}
    assert in_order(one, live, "me")
    assert in_order({**one, "spec": {"a": 1, "rules": None}}, live, "me")
    for empty in ([], {}, "", 0, False):
        assert not in_order({**one, "spec": {"a": 1, "rules": empty}}, live, "me")


def test_the_time_of_a_write_and_fields_of_others_are_not_changes(live):
    after = copy.deepcopy(live)
    after["metadata"] |= {"resourceVersion": "2", "annotations": {"revision": "1"}}
    after["metadata"]["managedFields"][0]["time"] = "later"
    after["metadata"]["managedFields"].insert(0, {"manager": "controller", "operation": "Update", "fieldsV1": {}})
    after["spec"]["replicas"] = 4
    after["status"] = {"x": 1}
    assert same(live, after, "me") and same(live, after, "me", adopt=False)
    assert not same(None, after, "me")


@pytest.mark.parametrize(
    "change",
    [
        lambda one: container(one).update(image="web:2"),
        lambda one: container(one)["args"].append("-x"),
        lambda one: container(one)["ports"].reverse(),
        lambda one: container(one)["env"].clear(),
        lambda one: one["spec"]["template"]["spec"].update(containers=None),
        lambda one: one["metadata"].pop("labels"),
        lambda one: one["spec"]["template"]["spec"]["volumes"][0].pop("emptyDir"),
    ],
)
def test_changes_of_own_fields(live, change):
    after = copy.deepcopy(live)
    change(after)
    assert not same(live, after, "me") and not same(live, after, "me", adopt=False)


def test_change_of_owner_counts_where_it_matters(live):
    after = copy.deepcopy(live)
    owned_container(after).update({"f:command": {}})
    assert not same(live, after, "me") and same(live, after, "me", adopt=False)
    after["metadata"]["managedFields"] = []
    assert not same(live, after, "me") and same(live, after, "me", adopt=False)


def test_change_in_a_set():
    entry = {
        "manager": "me",
        "operation": "Apply",
        "fieldsV1": {"f:metadata": {"f:finalizers": {'v:"a"': {}, 'v:"b"': {}}}},
    }
    one = {"metadata": {"finalizers": ["a", "b"], "managedFields": [entry]}}
    assert same(one, {"metadata": {"finalizers": ["a", "other", "b"], "managedFields": [entry]}}, "me")
    assert not same(one, {"metadata": {"finalizers": ["b", "a"], "managedFields": [entry]}}, "me")


def owned_by_me(live, fields):
    entry = {"manager": "me", "operation": "Apply", "fieldsV1": fields}
    return {**live, "metadata": {**live["metadata"], "managedFields": [entry]}}


LEAF = {"f:spec": {"f:a": {"f:b": {}}}}
KEYED = {"f:spec": {"f:containers": {'k:{"name":"x"}': {"f:name": {}}}}}
PAUSED = {"f:spec": {"f:paused": {}}}
SET = {"f:metadata": {"f:finalizers": {'v:"x"': {}}}}


@pytest.mark.parametrize(
    ("wanted", "live", "fields", "expected"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, LEAF, True),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, LEAF, False),
        ({"a": {"b": 1}}, {}, LEAF, False),
        ({"a": {"b": 1}}, {"a": [1]}, LEAF, False),
        ({"a": {"b": 1}, "c": None}, {"a": {"b": 1}}, LEAF, True),
        ({"a": {"b": 1}, "c": None}, {"a": {"b": 1}, "c": 2}, LEAF, False),
        ({"a": {"b": 1}, "c": 2}, {"a": {"b": 1}, "c": 2}, LEAF, False),
        ({"a": {}}, {"a": {"b": 1}}, LEAF, False),
        ({"containers": [{"name": "x"}]}, {"containers": [{"name": "x"}]}, KEYED, True),
        ({"containers": ["x"]}, {"containers": [{"name": "x"}]}, KEYED, False),
        ({"containers": [{"name": "y"}]}, {"containers": [{"name": "y"}]}, KEYED, False),
        ({"containers": [{"name": "x"}]}, {"containers": None}, KEYED, False),
        # What we once wrote is gone, and another has come first.
        ({"containers": [{"name": "x"}]}, {"containers": [{"name": "y"}]}, KEYED, False),
        # The API server leaves out what is empty, and nothing else.
        ({"paused": False}, {}, PAUSED, True),
        ({"paused": 0}, {}, PAUSED, True),
        ({"paused": True}, {}, PAUSED, False),
        ({"paused": -1}, {}, PAUSED, False),
        ({"containers": []}, {"containers": [{"name": "x"}]}, KEYED, False),
    ],
)
def test_what_is_in_order(wanted, live, fields, expected):
    live = owned_by_me(one("Deployment", "web", api_version="apps/v1", spec=live), fields)
    assert in_order(one("Deployment", "web", api_version="apps/v1", spec=wanted), live, "me") is expected


@pytest.mark.parametrize(
    ("wanted", "live", "expected"),
    [
        (["x"], ["x"], True),
        (["x"], ["y", "x"], True),
        (["y"], ["y", "x"], False),
        (["x"], ["y"], False),
        ([], ["x"], False),
        (["x"], None, False),
        (["x", "y"], None, False),
    ],
)
def test_finalizers_are_a_set(wanted, live, expected):
    definition, there = one("ConfigMap", "a"), one("ConfigMap", "a")
    definition["metadata"]["finalizers"], there["metadata"]["finalizers"] = wanted, live
    assert in_order(definition, owned_by_me(there, SET), "me") is expected


@pytest.mark.parametrize(
    ("api_version", "built_in"),
    [
        ("v1", True),
        ("apps/v1", True),
        ("networking.k8s.io/v1", True),
        ("networking.istio.io/v1", False),
        ("example.com/v1", False),
    ],
)
def test_kinds_of_kubernetes_itself(api_version, built_in):
    assert _built_in(api_version) is built_in


def test_the_server_s_defaults_count_for_its_own_kinds_alone():
    path, live = ("sources", "serviceAccountToken"), {"path": "token", "expirationSeconds": 3600}
    assert equal({"path": "token"}, live, path, True) is True
    assert equal({"path": "token"}, live, path, False) is False
    assert equal({"path": "token"}, {**live, "expirationSeconds": 3601}, path, True) is False
    assert equal({"path": "token"}, live, ("sources",), True) is False


@pytest.mark.parametrize(
    ("one_value", "other", "expected"), [(1, 1.0, True), (1, True, False), (1, "1", False), ([1], [1, 2], False)]
)
def test_equal_values(one_value, other, expected):
    assert equal(one_value, other) is expected
