# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page of the claims and their tests. test_specs.py looks whether the page is fresh."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import yaml

from tools.coverage_page import FEATURES, NOTHING, Mark, marks, measured, page

KNOWN = yaml.safe_load(FEATURES.read_text())
IDS = [name for document in KNOWN["documents"] for name in document["features"]]


def test_every_mark_names_a_feature_that_there_is():
    assert {one.feature for one in marks()} - set(IDS) == set()


def test_features_are_named_once_and_said_in_a_sentence():
    assert [name for name, times in Counter(IDS).items() if times > 1] == []
    assert set(KNOWN["unit_tests_are_enough"]) <= set(IDS)
    sentences = [text for document in KNOWN["documents"] for text in document["features"].values()]
    assert [text for text in sentences if not text.endswith(".") or "|" in text] == []


SOURCE = """
import pytest
pytestmark = [pytest.mark.lifecycle, pytest.mark.feature("all")]

@pytest.mark.parametrize("name", ["a"])
@pytest.mark.feature("one", "two")
def test_it(name): pass

@pytest.mark.feature("class")
class TestMany:
    @pytest.mark.feature("method")
    def test_part(self): pass
"""


@pytest.fixture
def folder(tmp_path):
    def write(place, source):
        path = tmp_path / place / "test_some.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return tmp_path

    return write


def test_marks_of_modules_classes_and_functions(folder):
    assert marks(folder("lab", SOURCE)) == [
        Mark("all", "tests/lab/test_some.py", "lifecycle"),
        Mark("one", "tests/lab/test_some.py::test_it", "lifecycle"),
        Mark("two", "tests/lab/test_some.py::test_it", "lifecycle"),
        Mark("class", "tests/lab/test_some.py::TestMany", "lifecycle"),
        Mark("method", "tests/lab/test_some.py::TestMany::test_part", "lifecycle"),
    ]


@pytest.mark.parametrize(("place", "where"), [("lab", "lab"), ("unit/roles", "unit")])
def test_where_a_test_runs(folder, place, where):
    found = marks(folder(place, 'import pytest\n@pytest.mark.feature("a")\ndef test_it(): pass\n'))
    assert found == [Mark("a", f"tests/{place}/test_some.py::test_it", where)]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('@pytest.mark.feature("a")\ndef helper(): pass\n', "line 2 is not that of a test"),
        ('@pytest.mark.feature("a")\nclass TestNothing: pass\n', "line 2 is not that of a test"),
        ("@pytest.mark.feature\ndef test_it(): pass\n", "names no feature"),
        ("@pytest.mark.feature(*NAMES)\ndef test_it(): pass\n", "malformed"),
    ],
    ids=["helper", "class", "empty", "computed"],
)
def test_marks_that_prove_nothing_are_refused(folder, source, words):
    with pytest.raises(ValueError, match=words):
        marks(folder("unit", source))


def test_only_tests_on_machines_prove_what_needs_machines():
    claims = {"refused": "No.", "runs": "Runs.", "lab": "Lab.", "none": "None."}
    features = {"unit_tests_are_enough": ["refused"], "documents": [{"title": "Some", "features": claims}]}
    found = [Mark("refused", "u", "unit"), Mark("runs", "u", "unit"), Mark("lab", "l", "lab"), Mark("lab", "u", "unit")]
    text = page(features, found)
    assert "2 of 4 claims are proven." in text
    assert text.endswith(
        "## Some\n\n| claim | tests | where |\n| --- | --- | --- |\n"
        "| No. | `u` | unit |\n"
        f"| Runs. | {NOTHING}<br>`u` | unit |\n"
        "| Lab. | `l`<br>`u` | lab, unit |\n"
        f"| None. | {NOTHING} |  |\n"
    )
    with pytest.raises(ValueError, match=r"no feature of .*: t: nonesuch"):
        page(features, [Mark("nonesuch", "t", "lab")])


@pytest.mark.parametrize(("slowest", "proven"), [(0.99, True), (1.0, False)])
def test_a_claim_about_time_needs_all_ratios_below_one(tmp_path, slowest, proven):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/some.json").write_text(json.dumps({"ratios": {"a": 0.5, "b": slowest, "c": 9}}))
    found = measured({"quick": {"benchmark": "some", "ratios": ["a", "b"]}}, tmp_path)
    assert found == ([Mark("quick", "benchmarks/some.py: a 0.50, b 0.99", "benchmark")] if proven else [])


def test_claims_about_time_are_claims():
    assert set(KNOWN["benchmarks"]) <= set(IDS)
