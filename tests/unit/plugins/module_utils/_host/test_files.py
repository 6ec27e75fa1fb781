# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that belong together; what the modules make of them is tested with host_service."""

from __future__ import annotations

from ansible_collections.bare.mesh.plugins.module_utils._host.files import Files


def test_only_files_of_this_collection_are_removed(tmp_path):
    (tmp_path / "ours").write_text("# Written by bare.mesh.\n")
    (tmp_path / "theirs").write_text("# mine\n# bare.mesh\n")
    paths = [str(tmp_path / name) for name in ("ours", "theirs", "none")]
    files = Files(None)
    for path in paths:
        files.unwant(path)
    files.write()
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]
