# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sources of apt, and which of them apt 2.6.1 (apt-get indextargets) refuses beside ours."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._host import apt_sources

NAME, URL = "bare-mesh-docker", "https://download.docker.com/linux/debian"
OTHER = "/etc/apt/keyrings/docker.asc"
STANZA = f"Types: deb\nURIs: {URL}\nSuites: bookworm\nComponents: stable\n"


def one_line(options="", url=URL, suite="bookworm", kind="deb"):
    return f"# comment\n\n{kind} {options}{url} {suite} stable # end\n"


KEYED = f"[arch=amd64 signed-by={OTHER}] "
D = apt_sources.PARTS
INLINE = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----\n"


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Writes a file of the host's apt."""
    monkeypatch.setattr(apt_sources, "MAIN", f"{tmp_path}/sources.list")
    monkeypatch.setattr(apt_sources, "PARTS", f"{tmp_path}/d")
    (tmp_path / "d").mkdir()

    def write(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


def refused():
    return apt_sources.refused(NAME, URL, "bookworm", apt_sources.entries())


@pytest.mark.parametrize(
    ("name", "text", "refuses"),
    [
        ("d/docker.list", one_line(KEYED), True),
        ("d/docker.list", one_line(), True),
        ("d/docker.list", one_line(url=URL + "/"), True),
        ("d/docker.list", one_line(KEYED, kind="deb-src"), True),
        ("d/docker.sources", f"{STANZA}signed-by: {OTHER}\n", True),
        ("d/docker.sources", STANZA + INLINE, True),
        ("d/docker.sources", f"Types: deb\n\n{STANZA}", True),
        ("d/docker.sources", STANZA.replace("bookworm", "trixie\n  bookworm"), True),
        ("sources.list", one_line(KEYED), True),
        ("d/a.list", one_line(KEYED), True),
        # Read before ours, it takes our key.
        ("sources.list", one_line(), False),
        ("d/a.list", one_line(), False),
        ("d/docker.list", one_line(f"[signed-by={apt_sources.key_path_of(NAME)}] "), False),
        ("d/docker.list", one_line(KEYED, url="http://download.docker.com/linux/debian"), False),
        ("d/docker.list", one_line(KEYED, suite="trixie"), False),
        ("d/docker.list", "#" + one_line(KEYED).lstrip("# coment\n"), False),
        ("d/docker.list.save", one_line(KEYED), False),
        ("d/docker.sources", f"{STANZA}Enabled: no\nSigned-By: {OTHER}\n", False),
        ("d/docker.sources", f"# {STANZA}".replace("\n", "\n# "), False),
    ],
)
def test_what_apt_refuses(sources, name, text, refuses):
    sources(f"d/{NAME}.sources", f"{STANZA}Signed-By: {apt_sources.key_path_of(NAME)}\n")
    path = sources(name, text)
    assert refused() == ([path] if refuses else [])


def test_entries_are_in_the_order_of_apt(sources):
    paths = [sources(name, one_line(KEYED)) for name in ("d/b.list", "sources.list", "d/a.list")]
    found = apt_sources.entries()
    assert [entry["file"] for entry in found] == [paths[1], paths[2], paths[0]]
    assert found[0] == {"file": paths[1], "url": URL, "suite": "bookworm", "signed_by": OTHER}
    sources("d/c.sources", STANZA + INLINE)
    assert apt_sources.entries()[-1]["signed_by"] == "(a key in the file)"


def test_a_host_without_apt(sources):
    assert apt_sources.entries() == []
