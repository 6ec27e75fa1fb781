# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_files, and the files that the modules of hosts write."""

from __future__ import annotations

from ansible_collections.bare.mesh.plugins.module_utils._host.files import Files
from ansible_collections.bare.mesh.plugins.modules import host_files


def test_only_files_of_this_collection_are_removed(tmp_path):
    (tmp_path / "ours").write_text("# Written by bare.mesh.\n")
    (tmp_path / "theirs").write_text("# mine\n# bare.mesh\n")
    paths = [str(tmp_path / name) for name in ("ours", "theirs", "none")]
    files = Files(None)
    for path in paths:
        files.unwant(path)
    files.write()
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]


WANTED = {"files": {"/etc/x/a": "one\n", "/etc/b": "two\n"}, "absent": ["/etc/old", "/etc/none", "/etc/theirs"], "mode": "0600"}


def test_check_mode_foretells_the_run(machine, foretold):
    machine.put("/etc/old", "# bare.mesh\n")
    machine.put("/etc/theirs", "theirs\n")
    machine.put("/etc/b", "before\n")
    done = foretold(host_files, **WANTED)
    assert done["files"] == ["/etc/b", "/etc/old", "/etc/x/a"]
    assert {diff["before_header"]: (diff["before"], diff["after"]) for diff in done["diff"]} == {
        "/etc/x/a": ("", "one\n"),
        "/etc/b": ("before\n", "two\n"),
        "/etc/old": ("# bare.mesh\n", ""),
    }
    assert (machine.text("/etc/x/a"), machine.text("/etc/b"), machine.text("/etc/theirs")) == ("one\n", "two\n", "theirs\n")
    assert machine.mode("/etc/b") == machine.mode("/etc/x/a") == 0o600 and not machine.path("/etc/old").exists()
    assert sorted(path.name for path in machine.path("/etc").iterdir()) == ["b", "theirs", "x"]


def test_another_mode_is_a_change(machine, foretold):
    machine.put("/etc/b", "two\n")
    assert foretold(host_files, files={"/etc/b": "two\n"}, mode="0640")["files"] == ["/etc/b"]
    assert machine.mode("/etc/b") == 0o640


def test_a_relative_path_is_refused(machine, call):
    before = machine.everything()
    failed = call(host_files, files={"/etc/a": "x", "etc/b": "x"})
    assert failed["msg"] == "etc/b is no absolute path" and machine.everything() == before


def test_bad_input_is_a_message(machine, call):
    assert "not an octal mode" in call(host_files, files={"/etc/a": "x"}, mode="rw")["msg"]
    assert "must be a text" in call(host_files, files={"/etc/a": 5})["msg"]
    machine.put("/etc/b", "x")
    assert "/etc/b" in call(host_files, files={"/etc/b/c": "x"})["msg"]
