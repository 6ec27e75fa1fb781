# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tests of tools/mutation.py."""

from __future__ import annotations

import pytest

from tools import mutation

SOURCE = '''def f(a: int | None, b: str = "x") -> int | None:
    """A text."""
    if a < 1 and not b:
        return a + 2
    return None
'''


def test_changes_of_a_file():
    found = {(one.line, one.change.partition("  ->  ")[2]) for one in mutation.mutants(SOURCE, "none.py")}
    assert (4, "return a - 2") in found and (4, "return a * 2") not in found
    assert (3, "if a <= 1 and not b:") in found and (3, "if a < 1 or not b:") in found
    assert not [change for line, change in found if line in (1, 2, 5)], "types and texts stay"
    texts = [one.text for one in mutation.mutants(SOURCE, "none.py")]
    assert len(texts) == len(set(texts)) and SOURCE not in texts


def test_a_chosen_change_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(mutation, "CHOSEN", {"none.py": (("a < 1", "True"), ("never", "x"))})
    found = mutation.mutants(SOURCE, "none.py")
    assert next(found).change == "if a < 1 and not b:  ->  if True and not b:"
    with pytest.raises(SystemExit, match=r"none.py holds 0 times 'never'"):
        next(found)


def test_every_file_of_the_table_is_there():
    for source, tests in mutation.COVERED_BY.items():
        assert (mutation.ROOT / "plugins" / source).is_file()
        assert [name for name in tests if (mutation.ROOT / mutation.TESTS / name).is_file()]


def test_scores():
    gone = mutation.Mutant(1, "a  ->  b", "")
    assert mutation.Score("x.py", 3, [gone]).row() == "| x.py | 4 | 3 | 1 | 75 % |"
    assert mutation.Score("x.py").row() == "| x.py | 0 | 0 | 0 | - |"


def test_an_unknown_file_is_refused(capsys):
    with pytest.raises(SystemExit):
        mutation.main(["no_such_file"])
    assert "none of these" in capsys.readouterr().err
