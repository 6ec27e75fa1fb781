# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bounds of the definitions (CRDs), and values of odd types."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.schema import check, coerce


@pytest.mark.parametrize(
    ("node", "value", "message"),
    [
        ({"=": "number", "..": [0, 100]}, 100.5, "100.5 is out of range, allowed is 0 to 100"),
        ({"=": "number", "..": [0, 100]}, float("nan"), "out of range"),
        ({"=": "number", "..": [0, 100]}, "5", "must be a number"),
        ({"=": "integer", "..": [0, None]}, -1, "allowed is at least 0"),
        ({"=": "integer", "..": [0, None]}, 2**63, "not in the range"),
        ({"=": "string", "..": [None, 3]}, "abcd", "has 4 characters, allowed are at most 3"),
        ({"[]": "string", "..": [1, 2]}, [], "has 0 items, allowed are 1 to 2"),
        ({"[]": "string", "..": [1, 2]}, ["a", "b", "c"], "has 3 items"),
        ({"{}": "string", "..": [None, 1]}, {"a": "b", "c": "d"}, "has 2 items, allowed are at most 1"),
        ({"{}": "string"}, {1: "a"}, "must be a string"),
        ("bytes", "?", "not base64"),
        ("bytes", 1, "must be a base64 string"),
        ("duration", "1.5ms", "a whole number of milliseconds, such as 1ms"),
        ("duration", "0.5ms", "at least 1ms"),
        ("period", "10", "'10' is not a duration such as 500ms, 10s or 1h"),
        ("period", 10, "must be a duration such as 10s, is 10"),
    ],
)
def test_out_of_bounds(node, value, message):
    (fault,) = check(value, node, {}, "spec")
    assert message in fault.message


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"=": "number", "..": [0, 100]}, 0),
        ({"=": "number", "..": [0, 100]}, None),
        ({"=": "string", "..": [None, 3]}, "abc"),
        ({"[]": "string", "..": [1, 2]}, ["a"]),
        ({"{}": "string", "..": [None, 1]}, {}),
        ("bytes", "YQ=="),
        ("period", "0s"),
        ("period", "1.5h30m"),
    ],
)
def test_within_bounds(node, value):
    assert not list(check(value, node, {}, "spec"))


def test_coerce_where_there_are_bounds():
    nodes = {
        "a": {"=": "number", "..": [0, 1]},
        "b": {"[]": {"=": "integer", "..": [0, None]}, "..": [1, 2]},
        "c": {"{}": "int", "..": [None, 1]},
    }
    assert coerce({"a": "0.5", "b": ["7"], "c": {"x": "1"}}, nodes, {}) == {"a": 0.5, "b": [7], "c": {"x": 1}}
    assert coerce({"c": {"x": "9" * 5000}}, nodes, {}) == {"c": {"x": "9" * 5000}}
