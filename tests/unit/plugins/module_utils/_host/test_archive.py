# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Archives: what is unpacked where, and what is refused."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import urllib.request

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._host import archive as archives
from ansible_collections.bare.mesh.plugins.module_utils._host import fetch

URL = "https://example.com/a.tar.gz"
SUM = "0123456789abcdef" * 4


def member(dest="bin/tool", name="top/tool", mode="0755"):
    return {"member": name, "dest": dest, "mode": mode}


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("top/tool")
        info.size = 4
        tar.addfile(info, io.BytesIO(b"tool"))
        folder = tarfile.TarInfo("top/folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    return path


def extract(archive, tmp_path, *members):
    archives.extract(str(archive), URL, SUM, list(members), str(tmp_path / "opt/dest"))
    return tmp_path / "opt/dest"


def test_members_and_their_record(archive, tmp_path):
    dest = extract(archive, tmp_path, member(), member("other", mode="0640"))
    assert (dest / "bin/tool").read_text() == "tool"
    modes = [oct(path.stat().st_mode & 0o7777) for path in (dest, dest / "bin/tool", dest / "other")]
    assert modes == ["0o755", "0o755", "0o640"]
    record = archives.installed(str(dest))
    facts = {"member": "top/tool", "mode": "0755", "sha256": hashlib.sha256(b"tool").hexdigest()}
    assert record == {"url": URL, "sha256": SUM, "files": {"bin/tool": facts, "other": {**facts, "mode": "0640"}}}
    assert [path.name for path in dest.parent.iterdir()] == ["dest"]


@pytest.mark.parametrize("dest", ["../outside", "bin/../../outside", "/outside", "../dest-of-another/file"])
def test_no_member_leaves_the_destination(archive, tmp_path, dest):
    where = str(tmp_path / "outside") if dest == "/outside" else dest
    with pytest.raises(Failure, match=r"leads out of the destination"):
        extract(archive, tmp_path, member(), member(where))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar.gz", "opt"]


def test_no_member_leaves_the_destination_by_a_link(archive, tmp_path, monkeypatch):
    (tmp_path / "stage").mkdir()
    (tmp_path / "away").mkdir()
    (tmp_path / "stage/bin").symlink_to(tmp_path / "away")
    monkeypatch.setattr(archives.tempfile, "mkdtemp", lambda **_more: str(tmp_path / "stage"))
    with pytest.raises(Failure, match=r"leads out of the destination"):
        extract(archive, tmp_path, member())
    assert not list((tmp_path / "away").iterdir())


@pytest.mark.parametrize("name", ["top/none", "top/folder"])
def test_what_is_no_file_in_the_archive(archive, tmp_path, name):
    with pytest.raises(Failure, match=f"{URL} has no file {name}"):
        extract(archive, tmp_path, member(name=name))


def test_an_old_installation_is_replaced_as_a_whole(archive, tmp_path):
    dest = extract(archive, tmp_path, member("old"))
    extract(archive, tmp_path, member("new"))
    assert sorted(path.name for path in dest.iterdir()) == [".release.json", "new"]
    assert [path.name for path in dest.parent.iterdir()] == ["dest"]


def test_a_failed_update_leaves_the_old_one(archive, tmp_path):
    dest = extract(archive, tmp_path, member("old"))
    with pytest.raises(Failure):
        extract(archive, tmp_path, member("new"), member("x", "none"))
    assert sorted(path.name for path in dest.iterdir()) == [".release.json", "old"]
    assert [path.name for path in dest.parent.iterdir()] == ["dest"]


def test_a_link_in_the_place_of_the_destination_is_no_directory(archive, tmp_path):
    (tmp_path / "opt").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "opt/dest").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"directory"):
        extract(archive, tmp_path, member())
    assert (tmp_path / "elsewhere").is_dir() and [path.name for path in (tmp_path / "opt").iterdir()] == ["dest"]


def test_what_is_no_archive(tmp_path):
    (tmp_path / "a").write_text("<html>")
    with pytest.raises(Failure, match=f"{URL} is not a tar archive"):
        extract(tmp_path / "a", tmp_path, member())


def test_a_changed_installation_is_none(archive, tmp_path):
    dest = extract(archive, tmp_path, member())
    tool = dest / "bin/tool"
    tool.chmod(0o700)
    assert archives.installed(str(dest)) is None
    tool.chmod(0o4755)
    assert archives.installed(str(dest)) is None
    tool.chmod(0o755)
    assert archives.installed(str(dest))
    tool.write_text("else")
    assert archives.installed(str(dest)) is None
    tool.unlink()
    assert archives.installed(str(dest)) is None
    assert archives.installed(str(tmp_path / "none")) is None
    for text in ("{", "{}", '{"files": {"a": 1}}', "[]", '{"files": {"bin": {}}}'):
        (dest / archives.RECORD).write_text(text)
        assert archives.installed(str(dest)) is None


def test_digest(tmp_path):
    path = tmp_path / "big"
    path.write_bytes(b"x" * (2 << 20))
    assert archives.digest(path) == hashlib.sha256(b"x" * (2 << 20)).hexdigest()
    assert archives.digest(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{SUM}  a.tar.gz\n", SUM),
        (f"{SUM.upper()} *dist/a.tar.gz\n\n", SUM),
        (f"{SUM}\n", SUM),
        (SUM.upper(), SUM),
        (f"{SUM}  b.tar.gz\n", None),
        (f"{SUM}\n{SUM}\n", None),
        (f"{SUM}0  a.tar.gz\n", None),
        ("text\n", None),
        ("", None),
        (f"{'f' * 64}  b.tar.gz\n{SUM}  a.tar.gz\n", SUM),
    ],
)
def test_published(text, found):
    assert archives.published(text, "a.tar.gz") == found


def test_satisfies():
    record = {"url": URL, "sha256": SUM, "files": {"bin/tool": {"member": "top/tool", "mode": "0755", "sha256": ""}}}
    wanted = [member()]
    assert archives.satisfies(record, URL, "", wanted) is True
    assert archives.satisfies(record, URL, SUM, wanted) is True
    assert archives.satisfies(None, URL, "", wanted) is False
    assert archives.satisfies(record, f"{URL}2", "", wanted) is False
    assert archives.satisfies(record, URL, "f" * 64, wanted) is False
    for other in (member(mode="0700"), member(name="other"), member(dest="other")):
        assert archives.satisfies(record, URL, "", [other]) is False
    assert archives.satisfies(record, URL, "", [member(), member("more")]) is False


def test_links(tmp_path):
    path = tmp_path / "bin/current"
    assert archives.link_state(path, "a") is False
    archives.link(path, "a")
    assert archives.link_state(path, "a") is True and archives.link_state(path, "b") is False
    archives.link(path, "b")
    assert archives.link_state(path, "b") is True and list(path.parent.iterdir()) == [path]
    archives.link(tmp_path / "bin/second", "c")
    with pytest.raises(Failure, match=r"is in the way: a link to x belongs there"):
        archives.link_state(tmp_path / "bin", "x")


def test_the_record_is_readable(archive, tmp_path):
    dest = extract(archive, tmp_path, member())
    text = (dest / archives.RECORD).read_text()
    assert text == json.dumps(json.loads(text), indent=2)


@pytest.mark.parametrize(
    ("proxy", "proxies"), [("http://p:1", {"http": "http://p:1", "https": "http://p:1"}), ("", None)]
)
def test_downloads_go_by_the_proxy(monkeypatch, proxy, proxies):
    given = []

    class Handler(urllib.request.ProxyHandler):
        def __init__(self, found):
            given.append(found)
            super().__init__({})

    monkeypatch.setattr(urllib.request, "ProxyHandler", Handler)
    assert fetch.Fetcher(proxy=proxy).timeout == 15
    assert given == [proxies]


def test_downloads_trust_a_ca_of_one_s_own_and_the_system_s(monkeypatch):
    with pytest.raises(fetch.ssl.SSLError):
        fetch.Fetcher(ca="no certificate")
    made = []
    real = fetch.ssl.create_default_context
    monkeypatch.setattr(fetch.ssl, "create_default_context", lambda: made.append(real()) or made[-1])
    fetch.Fetcher()
    assert made[0].verify_mode is fetch.ssl.CERT_REQUIRED and made[0].check_hostname is True
