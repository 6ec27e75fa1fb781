# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bundles, from real servers on this machine: one of files, and a registry that wants tokens."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import re
import threading
from pathlib import Path

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._bundle import download, images
from ansible_collections.bare.mesh.plugins.modules import bundle

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ARCHIVE = "get.example.com/tool-1.0.tar.gz"
CHARTS = "charts.example.com/charts"
NAME = "docker.io/istio/pilot:1.31.0"
BLOBS = "registry/docker/registry/v2/blobs/sha256"
REPOSITORY = "registry/docker/registry/v2/repositories/docker.io/istio/pilot"


def sha(content):
    return hashlib.sha256(content).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Files by their paths. Those of the registry are only for who has a token, and blobs are elsewhere."""

    def do_GET(self):
        server, path = self.server, self.path.partition("?")[0]
        server.asked.append((self.command, path))
        if path == "/token":
            server.token = f"t{len(server.asked)}"
            return self.give(server.tokens or json.dumps({"token": server.token}).encode())
        if path.startswith("/v2/") and self.headers.get("Authorization") != f"Bearer {server.token}":
            self.send_response(401)
            realm = f'Bearer realm="{server.url}/token",service="s",scope="repository:istio/pilot:pull"'
            self.send_header("WWW-Authenticate", realm)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if path in server.expiring:
            # The next request needs a new token.
            server.expiring.remove(path)
            server.token = "another"
        if self.command == "HEAD" and server.no_head:
            return self.send_error(server.no_head)
        if path not in server.files:
            return self.send_error(404)
        if path.startswith("/v2/") and "/blobs/" in path:
            self.send_response(307)
            self.send_header("Location", f"{server.url}/store{path}")
            self.send_header("Content-Length", "0")
            server.files[f"/store{path}"] = server.files[path]
            return self.end_headers()
        return self.give(server.files[path])

    do_HEAD = do_GET

    def give(self, content):
        self.send_response(200)
        cut = self.server.cut
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[:cut] if cut and len(content) > cut else content)

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.files, server.asked, server.token, server.expiring, server.cut = {}, [], "none", [], 0
    server.tokens, server.no_head = b"", 0
    archive = b"archive" * 1000
    server.files[f"/{ARCHIVE}"] = archive
    server.files[f"/{ARCHIVE}.sha256"] = f"{sha(archive)}  tool-1.0.tar.gz\n".encode()
    entries = ""
    for name in ("base", "istiod"):
        server.files[f"/{CHARTS}/{name}-1.31.0.tgz"] = name.encode() * 500
        digest = sha(name.encode() * 500)
        address = f"https://elsewhere.example.com/{name}-1.31.0.tgz"
        entries += f"  {name}:\n  - {{version: 1.31.0, digest: {digest}, urls: ['{address}']}}\n"
    server.files[f"/{CHARTS}/index.yaml"] = f"entries:\n{entries}".encode()
    publish(server, ["amd64", "arm64", "s390x"])
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def stored(server, content, kind="blobs"):
    server.files[f"/v2/istio/pilot/{kind}/sha256:{sha(content)}"] = content
    return {"digest": f"sha256:{sha(content)}", "size": len(content)}


def publish(server, machines, word=b"layer", index=True):
    """An image of some machines; all have one layer in common. Returns the index, or the manifest of the only one."""
    manifests = []
    common = stored(server, word * 2000)
    for machine in machines:
        config = stored(server, json.dumps({"os": "linux", "architecture": machine}).encode())
        layers = [common, stored(server, word + machine.encode())]
        text = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).encode()
        platform = {"os": "linux", "architecture": machine}
        manifests.append({"mediaType": MANIFEST, "platform": platform, **stored(server, text, "manifests")})
    # As docker buildx writes it beside the others: a statement of how they were built.
    manifests.append({"platform": {"os": "unknown", "architecture": "unknown"}, "digest": "sha256:" + "0" * 64})
    if index:
        text = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()
    server.files["/v2/istio/pilot/manifests/1.31.0"] = text
    stored(server, text, "manifests")
    return text


@pytest.fixture
def params(server, tmp_path):
    return {
        "root": str(tmp_path / "bundle"),
        "archives": [{"url": f"{server.url}/{ARCHIVE}", "path": ARCHIVE}],
        "charts": [
            {"url": f"{server.url}/{CHARTS}", "path": CHARTS, "charts": ["base", "istiod"], "version": "1.31.0"}
        ],
        "images": [NAME],
        "platforms": ["linux/amd64", "linux/arm64"],
        "registries": {"docker.io": server.url},
    }


def locked(root):
    """The lock, as a reader of YAML understands it."""
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(Path(root, "lock.yml").read_text())["files"]


def present(root):
    return sorted(str(path.relative_to(root)) for path in Path(root).rglob("*") if path.is_file())


def test_a_bundle_is_foretold_made_and_then_left_alone(server, params, call, tmp_path):
    foretold = call(bundle, check=True, **params)
    assert foretold["changed"] and not Path(params["root"]).exists()
    assert not [path for method, path in server.asked if method == "GET" and re.search("tar.gz$|tgz$", path)]
    layer = sha(b"layer" * 2000)
    assert ("GET", f"/v2/istio/pilot/blobs/sha256:{layer}") not in server.asked
    done = call(bundle, **params)
    assert "failed" not in done, done.get("msg")
    assert {name: done[name] for name in ("changed", "files", "size", "downloaded", "diff")} == {
        name: foretold[name] for name in ("changed", "files", "size", "downloaded", "diff")
    }
    before = {path: os.stat(Path(params["root"], path)).st_mtime_ns for path in present(params["root"])}
    for check in (True, False):
        server.asked.clear()
        again = call(bundle, check=check, **params)
        assert (
            again["changed"] is False
            and again["downloaded"] == []
            and again["diff"]["before"] == again["diff"]["after"]
        )
        assert not [path for _method, path in server.asked if "blobs" in path or path.endswith(("tgz", ".tar.gz"))]
    assert {path: os.stat(Path(params["root"], path)).st_mtime_ns for path in present(params["root"])} == before


def test_the_lock_names_every_file_by_its_digest(params, call):
    call(bundle, **params)
    files = locked(params["root"])
    assert sorted({one["path"] for one in files}) == [path for path in present(params["root"]) if path != "lock.yml"]
    for one in files:
        content = Path(params["root"], one["path"]).read_bytes()
        assert (one["sha256"], one["size"]) == (sha(content), len(content))
    kinds = {(one["kind"], one.get("name"), one.get("version")) for one in files}
    assert ("image", "docker.io/istio/pilot", "1.31.0") in kinds and ("chart", "istiod", "1.31.0") in kinds


def test_an_image_is_stored_as_the_registry_reads_it(server, params, call):
    """The paths are those of storage/paths.go of distribution 2.8, which Debian's docker-registry is."""
    call(bundle, **params)
    root = Path(params["root"])
    index = server.files["/v2/istio/pilot/manifests/1.31.0"]
    link = (root / REPOSITORY / "_manifests/tags/1.31.0/current/link").read_text()
    assert link == f"sha256:{sha(index)}"
    assert (root / BLOBS / sha(index)[:2] / sha(index) / "data").read_bytes() == index
    # Two platforms of three: the index is as it was, and the third is not there.
    wanted = [one["digest"] for one in json.loads(index)["manifests"][:2]]
    revisions = {path.parent.name for path in (root / REPOSITORY / "_manifests/revisions").rglob("link")}
    assert revisions == {sha(index), *(one.removeprefix("sha256:") for one in wanted)}
    for digest in wanted:
        manifest = json.loads(server.files[f"/v2/istio/pilot/manifests/{digest}"])
        for one in (manifest["config"], *manifest["layers"]):
            name = one["digest"].removeprefix("sha256:")
            assert (root / REPOSITORY / "_layers/sha256" / name / "link").read_text() == one["digest"]
            assert sha((root / BLOBS / name[:2] / name / "data").read_bytes()) == name


def test_what_is_damaged_or_missing_is_fetched_again_and_nothing_else(server, params, call):
    call(bundle, **params)
    (Path(params["root"]) / ARCHIVE).write_text("tampered")
    layer = sha(b"layer" * 2000)
    (Path(params["root"]) / BLOBS / layer[:2] / layer / "data").unlink()
    foretold = call(bundle, check=True, **params)
    done = call(bundle, **params)
    assert done["downloaded"] == foretold["downloaded"] == [ARCHIVE, f"{BLOBS}/{layer[:2]}/{layer}/data"]
    assert done["diff"] == foretold["diff"] and done["diff"]["before"] != done["diff"]["after"]
    assert call(bundle, **params)["changed"] is False


def test_what_is_no_longer_asked_for_is_removed(params, call):
    call(bundle, **params)
    Path(params["root"], "own.txt").write_text("of the user")
    done = call(bundle, **{**params, "images": [], "charts": []})
    assert done["changed"]
    assert present(params["root"]) == [ARCHIVE, f"{ARCHIVE}.sha256", "lock.yml", "own.txt"]
    assert not Path(params["root"], "registry").exists()


def test_a_lock_brings_the_same_files_after_a_tag_has_moved(server, params, call, tmp_path):
    call(bundle, **params)
    first = (Path(params["root"]) / "lock.yml").read_text()
    old = present(params["root"])
    publish(server, ["amd64", "arm64"], b"newer")
    (tmp_path / "lock.yml").write_text(first)
    again = {**params, "root": str(tmp_path / "second"), "lock": str(tmp_path / "lock.yml")}
    done = call(bundle, **again)
    assert "failed" not in done, done.get("msg")
    assert present(again["root"]) == old and (Path(again["root"]) / "lock.yml").read_text() == first
    server.asked.clear()
    assert call(bundle, **again)["changed"] is False
    # All that is locked is there, so no server is needed.
    assert server.asked == []


def test_what_the_lock_does_not_name_is_refused(server, params, call, tmp_path):
    call(bundle, **{**params, "images": []})
    (tmp_path / "lock.yml").write_text((Path(params["root"]) / "lock.yml").read_text())
    again = {**params, "root": str(tmp_path / "second"), "lock": str(tmp_path / "lock.yml")}
    for check in (True, False):
        failed = call(bundle, check=check, **again)
        assert failed["failed"] and f"{NAME} is not in the lock" in failed["msg"]
    fewer = call(bundle, **{**again, "images": [], "charts": []})
    assert f"{CHARTS}/base-1.31.0.tgz" in fewer["msg"] and "do not ask for" in fewer["msg"]
    assert not (tmp_path / "second/lock.yml").exists()


def test_an_archive_that_was_replaced_is_refused_with_a_lock(server, params, call, tmp_path):
    call(bundle, **params)
    (tmp_path / "lock.yml").write_text((Path(params["root"]) / "lock.yml").read_text())
    server.files[f"/{ARCHIVE}"] = b"replaced"
    server.files[f"/{ARCHIVE}.sha256"] = f"{sha(b'replaced')}\n".encode()
    failed = call(bundle, **{**params, "root": str(tmp_path / "second"), "lock": str(tmp_path / "lock.yml")})
    assert failed["failed"] and ARCHIVE in failed["msg"]
    assert not (tmp_path / "second" / ARCHIVE).exists()


@pytest.mark.parametrize(
    "path",
    [f"/{ARCHIVE}", f"/{CHARTS}/istiod-1.31.0.tgz", f"/v2/istio/pilot/blobs/sha256:{sha(b'layer' * 2000)}"],
)
def test_what_is_not_as_its_publisher_states_is_not_kept(server, params, call, path):
    server.files[path] = bytes(len(server.files[path]))
    failed = call(bundle, **params)
    assert failed["failed"] and f"the checksum of {server.url}{path} is wrong" in failed["msg"]
    assert path.removeprefix("/") not in present(params["root"])
    assert not [one for one in present(params["root"]) if one.endswith(("-part", "lock.yml"))]
    assert not Path(params["root"], REPOSITORY, "_manifests/tags").exists() or "/v2/" not in path


def test_a_manifest_that_is_not_its_digest_is_refused(server, params, call):
    digest = json.loads(server.files["/v2/istio/pilot/manifests/1.31.0"])["manifests"][0]["digest"]
    server.files[f"/v2/istio/pilot/manifests/{digest}"] = b'{"config": {}, "layers": []}'
    failed = call(bundle, **params)
    assert NAME in failed["msg"] and "is not what its digest says" in failed["msg"]


def test_an_interrupted_download_leaves_what_is_complete_and_goes_on(server, params, call):
    server.cut = 5000
    failed = call(bundle, **params)
    assert (
        f"{server.url}/{ARCHIVE} cannot be downloaded: the connection ended after 5000 of 7000 bytes" in failed["msg"]
    )
    assert not [one for one in present(params["root"]) if one.endswith("-part")]
    assert f"{ARCHIVE}.sha256" in present(params["root"]) and ARCHIVE not in present(params["root"])
    server.cut = 0
    server.asked.clear()
    done = call(bundle, **params)
    assert "failed" not in done and call(bundle, **params)["changed"] is False
    # The charts were complete.
    assert not [path for _method, path in server.asked if path.endswith(".tgz")]


def test_what_a_killed_run_has_left_is_used_or_removed(server, params, call):
    """As after kill -9: a complete file without a lock, and an unfinished one."""
    archive = Path(params["root"], ARCHIVE)
    archive.parent.mkdir(parents=True)
    archive.write_bytes(server.files[f"/{ARCHIVE}"])
    Path(archive.parent, ".tool-1.0.tar.gz.x1y2z3.bare-mesh-part").write_bytes(b"arch")
    done = call(bundle, **params)
    assert "failed" not in done and ARCHIVE not in done["downloaded"]
    assert ("GET", f"/{ARCHIVE}") not in server.asked
    assert not [one for one in present(params["root"]) if one.endswith("-part")]


def test_a_token_that_expires_is_renewed(server, params, call):
    digest = json.loads(server.files["/v2/istio/pilot/manifests/1.31.0"])["manifests"][1]["digest"]
    server.expiring.append(f"/v2/istio/pilot/manifests/{digest}")
    done = call(bundle, **params)
    assert "failed" not in done, done.get("msg")
    assert server.expiring == [] and [path for _method, path in server.asked].count("/token") == 2


def test_all_faults_at_once(server, params, call):
    del server.files[f"/{ARCHIVE}"]
    more = {
        "charts": [{**params["charts"][0], "charts": ["base", "ztunnel"]}],
        "images": [NAME, "docker.io/istio/none:1"],
        "platforms": ["linux/amd64", "linux/riscv64"],
    }
    failed = call(bundle, **{**params, **more})
    for word in (f"{server.url}/{ARCHIVE} cannot be downloaded", "404", "ztunnel 1.31.0", "docker.io/istio/none:1"):
        assert word in failed["msg"]
    assert f"{NAME} is not there for linux/riscv64; it is for linux/amd64, linux/arm64, linux/s390x" in failed["msg"]
    assert len(failed["faults"]) == 4
    wrong = call(bundle, **{**params, "images": ["pilot", "docker.io/../x:1"]})
    assert "pilot has no registry or no tag" in wrong["msg"] and "docker.io/../x:1" in wrong["msg"]


def test_an_image_of_one_platform(server, params, call):
    text = publish(server, ["amd64"], b"single", index=False)
    failed = call(bundle, **{**params, "platforms": ["linux/arm64"]})
    assert f"{NAME} is for linux/amd64 alone, not for linux/arm64" in failed["msg"]
    call(bundle, **{**params, "platforms": ["linux/amd64"]})
    assert (
        Path(params["root"]) / REPOSITORY / "_manifests/tags/1.31.0/current/link"
    ).read_text() == f"sha256:{sha(text)}"


def test_where_the_checksum_of_an_archive_comes_from(server, params, call):
    server.files["/SHA256SUMS"] = (
        f"{'0' * 64}  other.tgz\n{sha(server.files[f'/{ARCHIVE}'])}  tool-1.0.tar.gz\n".encode()
    )
    only = {**params, "images": [], "charts": []}
    given = [f"{server.url}/SHA256SUMS", sha(server.files[f"/{ARCHIVE}"]), f"sha256:{sha(server.files[f'/{ARCHIVE}'])}"]
    for checksum in given:
        done = call(bundle, **{**only, "archives": [{**params["archives"][0], "checksum": checksum}]})
        assert "failed" not in done and present(params["root"]) == [ARCHIVE, "lock.yml"], done.get("msg")
    server.files["/SHA256SUMS"] = f"{'0' * 64}  other.tgz\n".encode()
    for checksum in (given[0], ".none"):
        server.files[f"/{ARCHIVE}.none"] = b"-"
        failed = call(bundle, **{**only, "archives": [{**params["archives"][0], "checksum": checksum}]})
        assert "names no SHA-256 for tool-1.0.tar.gz" in failed["msg"]


def test_a_lock_that_leads_out_of_the_bundle_is_refused(params, call, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    Path(params["root"]).mkdir()
    for line in (
        f'{{"kind": "index", "path": "../victim", "sha256": "{"0" * 64}", "size": 1}}',
        "- x",
        '{"size": "1"}',
    ):
        Path(params["root"], "lock.yml").write_text(f"---\nfiles:\n  - {line}\n")
        failed = call(bundle, **params)
        assert "line 3 of the lock" in failed["msg"] and victim.read_text() == "precious"


MANIFEST_OF_TAG = "/v2/istio/pilot/manifests/1.31.0"


@pytest.mark.parametrize(
    "wrong",
    [
        {"manifests": ["x"]},
        {"manifests": None},
        {"manifests": [{"platform": "linux/amd64", "digest": "sha256:0"}]},
        {"config": "x", "layers": []},
        {"config": {"digest": 5}, "layers": []},
        {"layers": [{"digest": "sha256:" + "0" * 64, "size": "many"}]},
        {"layers": [{"digest": "sha256:" + "0" * 64, "size": None}]},
        {"layers": [{"digest": "sha256:" + "0" * 64, "size": -1}]},
        {"layers": "x"},
    ],
)
def test_a_registry_with_odd_manifests(server, params, call, wrong):
    config = stored(server, json.dumps({"os": "linux", "architecture": "amd64"}).encode())
    server.files[MANIFEST_OF_TAG] = json.dumps({"config": config, **wrong}).encode()
    for check in (True, False):
        failed = call(bundle, check=check, **{**params, "platforms": ["linux/amd64"]})
        assert failed["failed"] and NAME in failed["msg"], failed


@pytest.mark.parametrize("answer", ["[]", "<html>", "{}"])
def test_a_server_of_tokens_that_gives_none(server, params, call, answer):
    server.tokens = answer.encode()
    failed = call(bundle, **{**params, "charts": [], "archives": []})
    assert failed["failed"] and f"{NAME}: " in failed["msg"] and "401 Unauthorized" in failed["msg"]


def test_a_manifest_that_breaks_off(server, params, call):
    server.cut = 100
    failed = call(bundle, **{**params, "charts": [], "archives": []})
    assert failed["failed"] and NAME in failed["msg"] and "connection ended after 100 of" in failed["msg"]


def test_a_list_of_checksums_that_breaks_off(server, params, call):
    server.files["/SHA256SUMS"] = b"0" * 200
    server.cut = 100
    archive = {**params["archives"][0], "checksum": f"{server.url}/SHA256SUMS"}
    failed = call(bundle, **{**params, "charts": [], "images": [], "archives": [archive]})
    assert failed["failed"] and f"{server.url}/SHA256SUMS" in failed["msg"]


def test_a_root_that_is_no_directory(params, call, tmp_path):
    (tmp_path / "bundle").write_text("")
    for check in (True, False):
        failed = call(bundle, check=check, **params)
        assert f"but {tmp_path / 'bundle'} is no directory" in failed["msg"]
        failed = call(bundle, check=check, **{**params, "root": f"{params['root']}/below"})
        assert f"root is {params['root']}/below, but {tmp_path / 'bundle'} is no directory" in failed["msg"]


def test_a_root_that_this_user_cannot_write(server, params, call, tmp_path, monkeypatch):
    """Tests may run as root, who can write everywhere."""
    monkeypatch.setattr(os, "access", lambda path, _mode: path != tmp_path)
    for check in (True, False):
        assert f"this user cannot write in {tmp_path}; create it" in call(bundle, check=check, **params)["msg"]
    assert server.asked == []


def test_what_nobody_states_a_size_of_does_not_fill_the_disk(server, params, call, monkeypatch):
    """Small limits instead of files of many MiB."""
    monkeypatch.setattr(download, "LARGEST_INDEX", 5000)
    monkeypatch.setattr(images, "LARGEST", 5000)
    for path in (f"/{ARCHIVE}.sha256", f"/{CHARTS}/index.yaml", MANIFEST_OF_TAG):
        server.files[path] += b" " * 5000
    failed = call(bundle, **params)
    for path in (f"/{ARCHIVE}.sha256", f"/{CHARTS}/index.yaml", MANIFEST_OF_TAG):
        assert f"{server.url}{path} cannot be" in failed["msg"]
    assert failed["msg"].count("it has more than the 5000 bytes that such a file may have") == 3
    assert present(params["root"]) == []
    server.files[f"/{ARCHIVE}.sha256"] = server.files[f"/{ARCHIVE}.sha256"].strip()
    monkeypatch.setattr(download, "LARGEST_PAYLOAD", 6999)
    failed = call(bundle, **{**params, "charts": [], "images": []})
    assert f"{server.url}/{ARCHIVE} cannot be downloaded: it has more than the 6999 bytes" in failed["msg"]
    monkeypatch.setattr(download, "LARGEST_PAYLOAD", 7000)
    assert "failed" not in call(bundle, **{**params, "charts": [], "images": []})


def test_a_web_server_of_another_account_can_read_all(params, call):
    before = os.umask(0o077)
    try:
        assert "failed" not in call(bundle, **params)
    finally:
        os.umask(before)
    root = Path(params["root"])
    assert {path.stat().st_mode & 0o777 for path in (root, *root.rglob("*")) if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in root.rglob("*") if path.is_file()} == {0o644}


@pytest.mark.parametrize(
    "content", [b"entries: {base: [", b"a: b: c", b"\t", b"\xff", b"entries: {base: x}", b"entries: {base: [x]}", b"-"]
)
def test_what_is_no_index_of_charts(server, params, call, content):
    server.files[f"/{CHARTS}/index.yaml"] = content
    failed = call(bundle, **{**params, "images": [], "archives": []})
    assert f"{server.url}/{CHARTS}/index.yaml is no index of a Helm repository" in failed["msg"]


def test_options_that_cannot_be(server, params, call, tmp_path):
    (tmp_path / "ca").write_text("no certificate")
    for options, words in (
        ({"ca_file": str(tmp_path / "ca")}, f"ca_file {tmp_path}/ca cannot be used"),
        ({"ca_file": str(tmp_path / "none")}, f"ca_file {tmp_path}/none cannot be used"),
        ({"timeout": 0, "platforms": [], "images": ["x"]}, "timeout is 0"),
        ({"timeout": 0, "platforms": [], "images": ["x"]}, "platforms is empty"),
        ({"timeout": 0, "platforms": [], "images": ["x"]}, "x has no registry"),
    ):
        for check in (True, False):
            assert words in call(bundle, check=check, **{**params, **options})["msg"]
    assert server.asked == []


def test_a_server_that_answers_no_head(server, params, call):
    """Only the size is not known then."""
    server.no_head = 405
    foretold = call(bundle, check=True, **params)
    done = call(bundle, **params)
    assert foretold["downloaded"] == done["downloaded"] and foretold["files"] == done["files"]
