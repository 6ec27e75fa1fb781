# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from lab.artifacts import bundle, store
from lab.artifacts.store import Item


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BARE_MESH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def writer(text, calls):
    def build(out):
        calls.append(text)
        (out / text).write_text(text)

    return build


def test_the_second_run_builds_nothing():
    calls = []
    first = Item("thing", ["1"], writer("a", calls)).path()
    second = Item("thing", ["1"], writer("a", calls)).path()
    assert first == second
    assert calls == ["a"]


def test_another_input_builds_anew(tmp_path):
    recipe = tmp_path / "recipe"
    recipe.write_text("one")
    before = Item("thing", [recipe], writer("a", [])).key
    recipe.write_text("two")
    assert Item("thing", [recipe], writer("a", [])).key != before


def test_a_key_follows_the_items_it_is_made_of():
    def over(text):
        return Item("package", [Item("program", [text], writer("a", []))], writer("b", [])).key

    assert over("1") != over("2")


def test_inputs_do_not_run_into_each_other():
    assert store.key_of(["ab", "c"]) != store.key_of(["a", "bc"])


def test_a_failed_build_leaves_nothing(cache):
    def fail(out):
        (out / "half").write_text("half")
        raise OSError("interrupted")

    item = Item("thing", ["1"], fail)
    with pytest.raises(OSError, match="interrupted"):
        item.path()
    assert not item.directory().exists()
    assert list((cache / "tmp").iterdir()) == []


def test_a_run_clears_what_an_interrupted_one_left(cache):
    (cache / "tmp" / "left").mkdir(parents=True)
    with store.lock():
        assert not (cache / "tmp").exists()


def test_the_bundle_lays_parts_over_each_other_and_moves_current(cache):
    calls = []
    parts = [Item("one", ["1"], writer("a", calls)), Item("two", ["1"], writer("b", calls))]
    tree = bundle.publish(parts)
    current = cache / "bundle" / "current"
    assert sorted(each.name for each in current.iterdir()) == ["a", "b"]
    bundle.publish(parts)
    assert calls == ["a", "b"]
    bundle.publish([*parts, Item("three", ["1"], writer("c", calls))])
    assert sorted(each.name for each in current.iterdir()) == ["a", "b", "c"]
    assert sorted(each.name for each in tree.iterdir()) == ["a", "b"], "what a running mirror serves stays"
