# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import hashlib

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._bundle import lock
from ansible_collections.bare.mesh.plugins.module_utils._bundle.entry import Entry
from ansible_collections.bare.mesh.plugins.modules import bundle_check


@pytest.fixture
def root(tmp_path):
    """A bundle of 30 files with its lock."""
    entries = []
    for number in range(30):
        path = f"pkgs.k8s.io/core:/{number:02}.deb"
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
        entries.append(
            Entry("package", path, hashlib.sha256(path.encode()).hexdigest(), len(path), "é:\u2028\x85 #", "1")
        )
    (tmp_path / "lock.yml").write_text(lock.text(entries))
    return tmp_path


def test_a_bundle_that_is_as_its_lock_says(root, call):
    for check in (True, False):
        assert call(bundle_check, check=check, root=str(root)) == {
            "changed": False,
            "verified": 30,
            "invocation": {"module_args": {"root": str(root)}},
        }


def test_all_that_is_damaged_is_named(root, call):
    (root / "pkgs.k8s.io/core:/03.deb").write_text("tampered")
    (root / "pkgs.k8s.io/core:/07.deb").unlink()
    failed = call(bundle_check, root=str(root))
    tampered = hashlib.sha256(b"tampered").hexdigest()
    assert f"core:/03.deb differs (sha256 {tampered}, locked " in failed["msg"]
    assert "core:/07.deb is missing" in failed["msg"] and len(failed["damaged"]) == 2
    assert str(root) in failed["msg"]


def test_a_bundle_of_another_place_is_not_named_file_by_file(root, call):
    for number in range(30):
        (root / f"pkgs.k8s.io/core:/{number:02}.deb").unlink()
    failed = call(bundle_check, root=str(root))
    assert "and 10 more" in failed["msg"] and len(failed["damaged"]) == 30


def test_without_a_lock_there_is_nothing_to_compare(tmp_path, call):
    assert call(bundle_check, root=str(tmp_path))["verified"] == 0


def test_a_lock_that_was_cut_or_edited_is_refused(root, call):
    text = (root / "lock.yml").read_text()
    (root / "lock.yml").write_text(text[:-20])
    assert "line 33 of the lock" in call(bundle_check, root=str(root))["msg"]
    (root / "lock.yml").write_text("".join(text.splitlines(keepends=True)[:3]))
    assert "names no file" in call(bundle_check, root=str(root))["msg"]
    # Between two lines, what is left looks like a lock.
    (root / "lock.yml").write_text("".join(text.splitlines(keepends=True)[:-2]))
    assert "ends too early" in call(bundle_check, root=str(root))["msg"]


def test_a_directory_in_the_place_of_a_file_and_a_file_in_that_of_a_directory(root, call):
    (root / "pkgs.k8s.io/core:/03.deb").unlink()
    (root / "pkgs.k8s.io/core:/03.deb").mkdir()
    failed = call(bundle_check, root=str(root))
    assert failed["failed"] and failed["damaged"] == ["pkgs.k8s.io/core:/03.deb is missing"], failed
    (root / "pkgs.k8s.io").rename(root / "elsewhere")
    (root / "pkgs.k8s.io").write_text("")
    failed = call(bundle_check, root=str(root))
    assert failed["failed"] and len(failed["damaged"]) == 30, failed
