# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_names on a played host."""

from __future__ import annotations

from ansible_collections.bare.mesh.plugins.modules import host_names


def test_hosts_file_keeps_what_is_not_ours():
    text = "127.0.0.1 localhost\n10.0.0.9 other"
    once = host_names.with_block(text, {"a": "10.0.0.1"})
    assert once.startswith(text + "\n# BEGIN")
    assert host_names.with_block(once, {"a": "10.0.0.1"}) == once
    moved = host_names.with_block(once + "10.0.0.7 later\n", {"a": "10.0.0.2", "b": "10.0.0.3"})
    assert "10.0.0.1" not in moved
    assert moved.endswith("10.0.0.3 b\n# END bare.mesh: the cluster's hosts\n10.0.0.7 later\n")


def test_hosts_do_not_lead_to_themselves():
    text = "127.0.0.1 localhost\n127.0.1.1 a.example a\n127.0.1.1 other\n"
    assert host_names.with_block(text, {"a": "10.0.0.1"}).startswith("127.0.0.1 localhost\n127.0.1.1 other\n# BEGIN")
