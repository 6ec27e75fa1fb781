# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Validation of Istio's kinds: a table of specs and the faults that are to be found in them."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.schema import check, coerce, nanoseconds
from ansible_collections.bare.mesh.plugins.module_utils._istio.kind_module import faults_of
from ansible_collections.bare.mesh.plugins.module_utils._istio.re2 import refused
from ansible_collections.bare.mesh.plugins.module_utils._istio.validators import metadata

from tests.istio_kinds import DATA, load
from tests.shapes import places, replaced, without

CASES = [(name, case["spec"], case.get("fault")) for name, data in DATA.items() for case in data["specs"]]


def found(name, spec):
    schema = load("module_utils._istio.schemas", name)
    structure = list(check(spec, schema.ROOT, schema.DEFINITIONS, "spec"))
    definition = {"metadata": {"name": "x", "namespace": "default"}, "spec": spec}
    return structure or list(load("module_utils._istio.rules", name).faults(definition))


@pytest.mark.parametrize(
    ("name", "spec", "path"), CASES, ids=[f"{name}-{number}" for number, (name, _spec, _path) in enumerate(CASES)]
)
def test_table(name, spec, path):
    faults = found(name, spec)
    assert (path in [fault.path for fault in faults]) if path else not faults


@pytest.mark.parametrize("name", sorted(DATA))
def test_no_rule_stumbles_over_what_another_part_of_the_spec_is(name):
    """A field of another type, or none, is a fault of the structure; the rules still judge the rest."""
    schema, rules = load("module_utils._istio.schemas", name), load("module_utils._istio.rules", name).faults
    for spec in [spec for module, spec, fault in CASES if module == name and fault is None]:
        for path in places(spec):
            strange = [replaced(spec, path, value) for value in (0, "x", [], {}, None)]
            for one in (*strange, without(spec, path)):
                list(faults_of({"metadata": {"name": "x", "namespace": "default"}, "spec": one}, schema, rules))


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "^/api/v[0-9]+/.*$",
        "(?i)x",
        "(?P<n>a)",
        "(?:a|b)*?",
        r"\d+\.\w{2,3}",
        r"[^\]]+",
        r"\Qa(?=b)\E",
        r"a\\1",
        "[(?=]",
        "[*+]*",
        "[[:alpha:]]",
        r"\pL\p{Greek}",
        r"\x{10FFFF}",
        "a{1000}",
        r"x\z",
        r"\(?=",
        "(?s:.)",
    ],
)
def test_regex_of_re2(text):
    assert refused(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(",
        "a(?!b)",
        "(?<=a)b",
        r"(a)\1",
        "(?P<n>a)(?P=n)",
        "(?>a)",
        "a**",
        "a++",
        "[z-a]",
        "a{1001}",
        "x" * 1025,
        r"x\Z",
        "(?#c)",
        "*a",
    ],
)
def test_regex_that_re2_refuses(text):
    assert refused(text)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("10s", 10 * 10**9),
        ("1h30m", 5400 * 10**9),
        ("1.5s", 1500 * 10**6),
        ("0.1ms", 100_000),
        ("1.μs", 1000),
        (".5ns", 0),
        ("0", 0),
        ("+1s", 10**9),
        ("-1s", -(10**9)),
        ("10", None),
        ("", None),
        (".s", None),
        ("9" * 5000 + "s", None),
        ("300000000h", None),
    ],
)
def test_durations(text, length):
    assert nanoseconds(text) == length


@pytest.mark.parametrize(
    ("meta", "path"),
    [
        ({"name": "a.b-c"}, None),
        ({"name": "A"}, "metadata.name"),
        ({"name": "a" * 254}, "metadata.name"),
        ({}, "metadata.name"),
        ({"name": "a", "namespace": "a.b"}, "metadata.namespace"),
        ({"name": "a", "labels": {"app.kubernetes.io/name": "x", "empty": ""}}, None),
        ({"name": "a", "labels": {"a": "b c"}}, "metadata.labels['a']"),
        ({"name": "a", "labels": {"a": 1}}, "metadata.labels['a']"),
        ({"name": "a", "labels": {"-a": "b"}}, "metadata.labels['-a']"),
        ({"name": "a", "annotations": {"a": 1}}, "metadata.annotations['a']"),
        ({"name": "a", "annotations": {"a b": "1"}}, "metadata.annotations['a b']"),
    ],
)
def test_metadata(meta, path):
    assert [fault.path for fault in metadata(meta)] == ([path] if path else [])


def test_coerce():
    nodes = {"a": "int", "b": "boolean", "c": "string", "d": {"[]": "#n"}, "e": {"{}": "number"}}
    given = {"a": "-5", "b": "True", "c": "5", "d": ["x", "7"], "e": {"k": "0.5"}, "other": "1"}
    assert coerce(given, nodes, {"n": "uint"}) == {
        "a": -5,
        "b": True,
        "c": "5",
        "d": ["x", 7],
        "e": {"k": 0.5},
        "other": "1",
    }


@pytest.mark.parametrize(
    ("value", "node", "message"),
    [
        ("x", "int", "must be an integer"),
        (True, "int", "must be an integer"),
        (2**31, "int", "not in the range"),
        (-1, "uint", "not in the range"),
        (1, "string", "quote it"),
        ("x", {"[]": "any"}, "must be a list"),
        ("x", {"{}": "any"}, "must be a mapping"),
        (1, {"a": "any"}, "must be a mapping"),
        ({"aliass": 1}, {"alias": "any"}, "did you mean alias?"),
        ({"x": 1}, {"alias": "any"}, "known: alias"),
        ({"a": 1, "b": 1}, {"a": "any", "b": "any", "1": [["a", "b"]]}, "only one of a and b"),
        ({}, {"a": "any", "!": ["a"]}, "is required"),
    ],
)
def test_structure(value, node, message):
    (fault,) = check(value, node, {}, "spec")
    assert message in fault.message


def test_snake_case_in_protobuf_json():
    assert not list(check({"access_log_file": "x"}, {"accessLogFile": "any"}, {}, "spec", aliases=True))
