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


def file(dest, content, **more):
    return {"dest": dest, "content": content, **more}


WANTED = {
    "files": [file("/etc/x/a", "one\n", mode="0600"), file("/etc/b", "two\n")],
    "absent": ["/etc/old", "/etc/none", "/etc/theirs"],
}


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
    assert (machine.mode("/etc/x/a"), machine.mode("/etc/b")) == (0o600, 0o644) and not machine.path("/etc/old").exists()
    assert sorted(path.name for path in machine.path("/etc").iterdir()) == ["b", "theirs", "x"]


def test_another_mode_is_a_change(machine, foretold):
    machine.put("/etc/b", "two\n")
    assert foretold(host_files, files=[file("/etc/b", "two\n", mode="0640")])["files"] == ["/etc/b"]
    assert machine.mode("/etc/b") == 0o640


def test_a_relative_path_is_refused(machine, call):
    before = machine.everything()
    failed = call(host_files, files=[file("/etc/a", "x"), file("etc/b", "x")])
    assert failed["msg"] == "dest: etc/b is not an absolute path" and machine.everything() == before


def test_bad_input_is_a_message(machine, call):
    assert "mode of /etc/a: rw is not an octal mode" in call(host_files, files=[file("/etc/a", "x", mode="rw")])["msg"]
    assert "src, content found in files" in call(host_files, files=[{"dest": "/etc/a"}])["msg"]
    assert "mutually exclusive: src|content" in call(host_files, files=[file("/etc/a", "x", src="x.j2")])["msg"]
    machine.put("/etc/b", "x")
    assert "/etc/b" in call(host_files, files=[file("/etc/b/c", "x")])["msg"]
