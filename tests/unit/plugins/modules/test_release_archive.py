# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import tarfile
import threading

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._host import archive
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import FetchError
from ansible_collections.bare.mesh.plugins.modules import release_archive

NAME = "tool-1.0-linux-amd64.tar.gz"
MEMBERS = [
    {"member": "tool-1.0/bin/tool", "dest": "bin/tool", "mode": "0755"},
    {"member": "tool-1.0/tools/tool.bash", "dest": "share/tool.bash", "mode": "0644"},
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        self.server.seen.append((self.command, self.path))


@pytest.fixture
def server(tmp_path):
    root = tmp_path / "www"
    root.mkdir()
    with tarfile.open(root / NAME, "w:gz") as tar:
        for path, text in {
            "tool-1.0/bin/tool": b"one",
            "tool-1.0/tools/tool.bash": b"complete",
            "tool-1.0/README": b"-",
        }.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    checksum = hashlib.sha256((root / NAME).read_bytes()).hexdigest()
    (root / f"{NAME}.sha256").write_text(f"{checksum}  {NAME}\n")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root)))
    server.seen, server.root, server.checksum = [], root, checksum
    server.base = f"http://127.0.0.1:{server.server_address[1]}/{NAME}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def params(server, tmp_path):
    store = tmp_path / "store"
    return {
        "url": server.base,
        "checksum": f"{server.base}.sha256",
        "ca_file": None,
        "dest": str(store / "1.0"),
        "members": MEMBERS,
        "links": {str(store / "current"): "1.0", str(tmp_path / "bin" / "tool"): str(store / "current/bin/tool")},
        "timeout": 5,
        "ca": "",
        "proxy": "",
    }


def test_installs_once_and_needs_no_network_then(server, params, tmp_path):
    done = release_archive.converge(params, False)
    assert done["changed"] and done["checksum"] == server.checksum
    assert (tmp_path / "bin/tool").read_text() == "one"
    assert os.access(tmp_path / "bin/tool", os.X_OK)
    assert not [path for path in os.listdir(tmp_path / "store") if path.startswith(".")]
    server.seen.clear()
    again = release_archive.converge(params, False)
    assert not again["changed"] and again["diff"] == {"before": "", "after": ""}
    assert not release_archive.converge(params, True)["changed"]
    assert server.seen == []


def test_check_mode_predicts_and_writes_nothing(server, params, tmp_path):
    predicted = release_archive.converge(params, True)
    assert predicted["changed"]
    assert sorted(os.listdir(tmp_path)) == ["www"]
    assert ("GET", f"/{NAME}") not in server.seen
    assert release_archive.converge(params, False)["diff"] == predicted["diff"]


def test_a_wrong_checksum_installs_nothing_and_says_both(server, params, tmp_path):
    params["checksum"] = "0" * 64
    with pytest.raises(Failure) as failure:
        release_archive.converge(params, False)
    for part in (params["url"], "0" * 64, server.checksum):
        assert part in str(failure.value)
    assert os.listdir(tmp_path / "store") == []


def test_the_old_installation_survives_a_failed_update(server, params, tmp_path):
    release_archive.converge(params, False)
    params["members"] = [*MEMBERS, {"member": "tool-1.0/missing", "dest": "x", "mode": "0644"}]
    with pytest.raises(Failure, match=r"has no file tool-1\.0/missing"):
        release_archive.converge(params, False)
    assert (tmp_path / "bin/tool").read_text() == "one"
    assert sorted(os.listdir(tmp_path / "store")) == ["1.0", "current"]


def test_a_changed_file_is_installed_again(params, tmp_path):
    release_archive.converge(params, False)
    (tmp_path / "store/1.0/bin/tool").write_text("tampered")
    assert release_archive.converge(params, False)["changed"]
    assert (tmp_path / "bin/tool").read_text() == "one"


def test_a_second_version_moves_the_current_link(server, params, tmp_path):
    release_archive.converge(params, False)
    params.update(dest=str(tmp_path / "store/2.0"), links={str(tmp_path / "store/current"): "2.0"})
    assert release_archive.converge(params, False)["changed"]
    assert os.readlink(tmp_path / "store/current") == "2.0"
    assert (tmp_path / "store/1.0/bin/tool").exists()


@pytest.mark.parametrize("check_mode", [True, False])
def test_unreachable_addresses_are_named(params, check_mode):
    params["url"] = params["url"].replace("1.0", "9.9")
    params["checksum"] = f"{params['url']}.sha256"
    with pytest.raises(FetchError, match=r"tool-9\.9.*sha256 answers 404"):
        release_archive.converge(params, check_mode)
    params["checksum"] = "a" * 64
    with pytest.raises(Failure, match=r"tool-9\.9.*404"):
        release_archive.converge(params, check_mode)


def test_a_checksum_must_be_one(params):
    params["checksum"] = "sha256:abc"
    with pytest.raises(Failure, match="neither a SHA-256"):
        release_archive.converge(params, True)


def test_a_checksum_file_about_another_archive_is_refused(server, params):
    (server.root / f"{NAME}.sha256").write_text(f"{server.checksum}  other.tar.gz\n")
    with pytest.raises(Failure, match=f"names no SHA-256 for {NAME}"):
        release_archive.converge(params, False)


def test_a_file_in_the_place_of_a_link_stops_before_the_download(server, params, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tool").write_text("mine")
    with pytest.raises(Failure, match="is in the way"):
        release_archive.converge(params, False)
    assert server.seen == [] and not (tmp_path / "store").exists()


def test_a_missing_ca_file_is_named(params):
    params["ca_file"] = "/nowhere/ca.crt"
    with pytest.raises(Failure, match=r"/nowhere/ca\.crt"):
        release_archive.converge(params, True)


def test_what_is_no_archive_is_refused(server, params):
    (server.root / NAME).write_text("<html>")
    params["checksum"] = hashlib.sha256(b"<html>").hexdigest()
    with pytest.raises(Failure, match="is not a tar archive"):
        release_archive.converge(params, False)


def test_the_forms_of_checksum_files():
    good = "AB" * 32
    assert archive.published(f"{good}\n", "x.tgz") == good.lower()
    assert archive.published(f"{'0' * 64} *y.tgz\n{good} *dist/x.tgz\n", "x.tgz") == good.lower()
    assert archive.published("<html>not found</html>", "x.tgz") is None


def test_check_mode_predicts_the_run_of_main(server, params, call, tmp_path):
    predicted = call(release_archive, check=True, **params)
    assert predicted["changed"] and sorted(os.listdir(tmp_path)) == ["www"]
    done = call(release_archive, **params)
    assert (predicted["changed"], predicted["diff"]) == (done["changed"], done["diff"])
    for check in (True, False):
        assert not call(release_archive, check=check, **params)["changed"]


def test_failures_of_main_are_messages(server, params, call, tmp_path):
    for changes, message in (
        ({"checksum": "0" * 64}, "Nothing was installed"),
        ({"checksum": "abc"}, "neither a SHA-256"),
        ({"url": "http://127.0.0.1:1/x.tar.gz", "checksum": "0" * 64}, "cannot be downloaded"),
        ({"members": [{"member": "tool-1.0/README", "dest": "../../x"}]}, "leads out of the destination"),
        ({"members": [{"member": "x"}]}, "missing required arguments: dest"),
    ):
        assert message in call(release_archive, **{**params, **changes})["msg"]
    assert not (tmp_path / "store/1.0").exists()
