# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a change looks like to the user."""

from __future__ import annotations

import copy

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._k8s import diff

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def one(kind="ConfigMap", **more):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", "namespace": "n"}, **more}


def managed(definition, *managers):
    entries = [{"manager": name, "operation": operation} for name, operation in managers]
    return {**definition, "metadata": {**definition["metadata"], "managedFields": entries, "uid": "1"}}


@pytest.mark.parametrize(
    ("before", "after", "left", "right"),
    [
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1}, {"a": 2}),
        ({"a": 1}, {}, {"a": 1}, {}),
        ({}, {"a": None}, {}, {"a": None}),
        ({"a": {"b": 1, "c": 1}}, {"a": {"b": 1}}, {"a": {"c": 1}}, {"a": {}}),
        (1, 2, 1, 2),
        ([1], 2, [1], 2),
        ({"a": 1}, [1], {"a": 1}, [1]),
        ([1, 2], [1, 3], [2], [3]),
        ([1, 2], [1], [1, 2], [1]),
        (
            [{"name": "x", "v": 1, "w": 1}],
            [{"name": "x", "v": 2, "w": 1}],
            [{"name": "x", "v": 1}],
            [{"name": "x", "v": 2}],
        ),
        ([{"name": "x"}], [{"name": "x"}, {"name": "y"}], [], [{"name": "y"}]),
        ([{"name": "x"}, {"name": "y"}], [{"name": "y"}], [{"name": "x"}], []),
        ([{"name": "x"}, {"name": "y"}], [{"name": "y"}, {"name": "x"}], ["x", "y"], ["y", "x"]),
        (
            [{"name": "x", "v": 1}, {"name": "y"}],
            [{"name": "y"}, {"name": "x", "v": 2}],
            [{"name": "x", "v": 1}],
            [{"name": "x", "v": 2}],
        ),
        ([{"name": "x"}, {"name": "x"}], [{"name": "x"}], [{"name": "x"}, {"name": "x"}], [{"name": "x"}]),
        ([{"name": "x"}], [{"name": "x"}, {"name": "x"}], [{"name": "x"}], [{"name": "x"}, {"name": "x"}]),
        ([{"v": 1}], [{"name": "x"}], [{"v": 1}], [{"name": "x"}]),
        ([{"name": "x"}, 1], [{"name": "x"}, 2], [1], [2]),
        ([{"name": "x"}], [{"v": 1}], [{"name": "x"}], [{"v": 1}]),
    ],
)
def test_delta(before, after, left, right):
    assert diff.delta(before, after) == (left, right)


def test_what_the_server_writes_is_not_shown():
    given = managed(one(data={"a": "1"}, status={"x": 1}), ("me", "Apply"))
    assert diff.visible(given) == one(data={"a": "1"})
    assert diff.visible(None) == {} and diff.visible({"kind": "X"}) == {"kind": "X", "metadata": {}}


def test_managers():
    given = managed(one(), ("b", "Update"), ("a", "Apply"), ("a", "Apply"))
    given["metadata"]["managedFields"].append({"manager": "c", "operation": "Update", "subresource": "status"})
    assert diff.managers(given) == ["a (Apply)", "b (Update)"]
    assert diff.managers(None) == [] and diff.managers(one()) == []


def test_a_new_object_is_shown_as_it_was_given():
    shown = diff.render(one(data={"a": "1"}), None, managed(one(data={"a": "1"}, more="default"), ("me", "Apply")))
    assert yaml.safe_load(shown["after"]) == one(data={"a": "1"}) and shown["before"] == ""
    assert shown["before_header"] == shown["after_header"] == "ConfigMap n/a"


def test_a_change_is_shown_as_the_server_made_it():
    shown = diff.render(one(data={"a": "2"}), one(data={"a": "1"}), one(data={"a": "2"}, more="default"))
    assert (shown["before"], shown["after"]) == ("data:\n  a: '1'\n", "data:\n  a: '2'\nmore: default\n")


def test_a_deleted_object_is_shown_as_it_was():
    shown = diff.render(one(), one(data={"a": "1"}), None)
    assert yaml.safe_load(shown["before"]) == one(data={"a": "1"}) and shown["after"] == ""


def test_a_change_of_owners_alone():
    shown = diff.render(one(), managed(one(), ("you", "Update")), managed(one(), ("me", "Apply")))
    assert (shown["before"], shown["after"]) == ("fieldManagers:\n- you (Update)\n", "fieldManagers:\n- me (Apply)\n")


@pytest.mark.parametrize("field", ["data", "stringData"])
def test_values_of_secrets_are_hidden(field):
    before, after = (
        one("Secret", **{field: {"a": "old", "b": "same"}}),
        one("Secret", **{field: {"a": "new", "b": "same", "c": "more"}}),
    )
    for definition in (before, after):
        definition["metadata"]["annotations"] = {APPLIED: f"copy of {definition[field]}", "note": "x"}
    kept = copy.deepcopy([before, after])
    shown = diff.render(after, before, after)
    assert yaml.safe_load(shown["before"]) == {
        "metadata": {"annotations": {APPLIED: "(hidden, before)"}},
        field: {"a": "(hidden, before)"},
    }
    hidden = {"a": "(hidden, after)", "c": "(hidden, after)"}
    assert yaml.safe_load(shown["after"]) == {"metadata": {"annotations": {APPLIED: "(hidden, after)"}}, field: hidden}
    assert [before, after] == kept
    created = diff.render(after, None, after)["after"]
    assert "new" not in created and "same" not in created and "note: x" in created
    assert "old" not in diff.render(before, before, None)["before"]


def test_texts_of_several_lines_are_blocks():
    text = one(data={"a": "1\n2\n", "b": "x", "c": ["x"] * 2, "long": "word " * 60})
    shown = diff.render(text, None, text)["after"]
    assert "  a: |\n    1\n    2\n" in shown and "  b: x\n" in shown and "word " * 60 in shown
    part = ["x"]
    assert "&" not in diff.render(one(a=part, b=part), None, one())["after"]


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}, ({"b": 2}, {"b": 3, "c": 4})),
        (
            {"l": [{"name": "a", "v": 1}, {"name": "b", "v": 1}]},
            {"l": [{"name": "a", "v": 1}, {"name": "b", "v": 2}]},
            ({"l": [{"name": "b", "v": 1}]}, {"l": [{"name": "b", "v": 2}]}),
        ),
        ({"l": [{"name": "a"}, {"name": "b"}]}, {"l": [{"name": "b"}]}, ({"l": [{"name": "a"}]}, {"l": []})),
        (
            {"l": [{"name": "a"}, {"name": "b"}]},
            {"l": [{"name": "b"}, {"name": "a"}]},
            ({"l": ["a", "b"]}, {"l": ["b", "a"]}),
        ),
        ({"l": [1, 2]}, {"l": [1, 3]}, ({"l": [2]}, {"l": [3]})),
        ({"l": [1]}, {"l": [1, 2]}, ({"l": [1]}, {"l": [1, 2]})),
    ],
)
def test_delta_of_named_items(before, after, difference):
    assert diff.delta(before, after) == difference


def test_long_texts_are_shown_by_lines():
    one = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    shown = diff.render(one, {**one, "data": {"f": "a\nb\n"}}, {**one, "data": {"f": "a\nc\n"}})
    assert (shown["before"], shown["after"]) == ("data:\n  f: |\n    a\n    b\n", "data:\n  f: |\n    a\n    c\n")


def test_copy_that_kubectl_keeps_of_a_secret_is_hidden():
    one = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {"k": "c2VjcmV0"}}
    noted = copy.deepcopy(one)
    noted["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "c2VjcmV0"}
    shown = diff.render(one, noted, None)
    assert "c2VjcmV0" not in shown["before"] and noted["data"] == {"k": "c2VjcmV0"}
