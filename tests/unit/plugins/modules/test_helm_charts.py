# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""helm_charts with a repository in a directory, whose index is as `helm repo index` of helm 4.2 writes it."""

from __future__ import annotations

import hashlib

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.modules import helm_charts


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def repository(tmp_path):
    place = tmp_path / "repository"
    place.mkdir()
    entries = {}
    for name in ("base", "istiod"):
        (place / f"{name}-1.31.0.tgz").write_bytes(name.encode())
        url = f"{name}-1.31.0.tgz"
        entries[name] = [{"name": name, "version": "1.31.0", "digest": digest(name.encode()), "urls": [url]}]
    # As in the index of the server that was copied.
    entries["istiod"][0]["urls"] = ["https://elsewhere.example/charts/istiod-1.31.0.tgz"]
    (place / "index.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "entries": entries}))
    return place


@pytest.fixture
def run(repository, run_module, tmp_path):
    def call(check=False, **more):
        given = {"repository": repository.as_uri() + "/", "charts": ["base", "istiod"], "version": "1.31.0", **more}
        return run_module(helm_charts, check=check, dest=str(tmp_path / "charts"), **given)

    return call


def names(tmp_path):
    return sorted(path.name for path in (tmp_path / "charts").iterdir())


def test_downloads_once_and_then_needs_no_network(run, repository, tmp_path):
    predicted = run(check=True)
    assert predicted["changed"] and not (tmp_path / "charts").exists()
    assert run() == predicted
    assert names(tmp_path) == ["base-1.31.0.tgz", "istiod-1.31.0.tgz"]
    (repository / "index.yaml").unlink()
    assert not run()["changed"] and not run(check=True)["changed"]


def test_a_wrong_archive_does_not_appear(run, repository, tmp_path):
    (repository / "istiod-1.31.0.tgz").write_bytes(b"other")
    result = run()
    assert "checksum of" in result["msg"] and digest(b"other") in result["msg"]
    assert names(tmp_path) == ["base-1.31.0.tgz"]


def test_given_checksums_go_before_the_index(run, repository, tmp_path):
    assert "checksum" in run(checksums={"base": digest(b"another")})["msg"]
    run()
    (tmp_path / "charts/base-1.31.0.tgz").write_bytes(b"changed")
    assert not run()["changed"]
    assert run(checksums={"base": f"sha256:{digest(b'base')}"})["changed"]
    assert (tmp_path / "charts/base-1.31.0.tgz").read_bytes() == b"base"


def test_faults_name_the_cause(run, repository, tmp_path):
    assert "no chart base 1.30.0" in run(version="1.30.0")["msg"]
    assert "No such file" in run(ca_file=str(tmp_path / "none.crt"))["msg"]
    index = yaml.safe_load((repository / "index.yaml").read_text())
    del index["entries"]["base"][0]["digest"]
    (repository / "index.yaml").write_text(yaml.safe_dump(index))
    assert "states no SHA-256 of base" in run()["msg"]
    for text in ("[]", "entries: {base: [", "entries: {base: [x]}", "\t"):
        (repository / "index.yaml").write_text(text)
        assert "is no index of a Helm repository" in run()["msg"]
    (repository / "index.yaml").unlink()
    assert "cannot be reached" in run()["msg"]
