# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import hashlib
import json

import pytest

from lab.artifacts import oci
from lab.artifacts.oci import Image

V2 = "registry/docker/registry/v2"


@pytest.fixture
def image(tmp_path, monkeypatch):
    monkeypatch.setenv("BARE_MESH_CACHE", str(tmp_path / "cache"))
    program = tmp_path / "program"
    program.write_bytes(b"program")
    return Image("example.org/a/b", "1.0", {"/usr/local/bin/b": program}, entrypoint=("/usr/local/bin/b",), user="1:1")


def blob(root, digest):
    digest = digest.removeprefix("sha256:")
    content = (root / V2 / "blobs" / "sha256" / digest[:2] / digest / "data").read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest
    return content


def tag(root, image):
    place = root / V2 / "repositories" / image.name / "_manifests" / "tags" / image.tag / "current" / "link"
    return place.read_text()


def test_a_tag_leads_to_manifest_config_and_layer(tmp_path, image):
    oci.write_image(image, None, tmp_path / "registry")
    manifest = json.loads(blob(tmp_path, tag(tmp_path, image)))
    config = json.loads(blob(tmp_path, manifest["config"]["digest"]))
    assert config["config"]["Entrypoint"] == ["/usr/local/bin/b"]
    assert config["config"]["User"] == "1:1"
    (layer,) = manifest["layers"]
    assert len(blob(tmp_path, layer["digest"])) == layer["size"]
    links = tmp_path / V2 / "repositories" / image.name / "_layers" / "sha256"
    assert {f"sha256:{each.name}" for each in links.iterdir()} == {layer["digest"], manifest["config"]["digest"]}


def test_the_same_image_has_the_same_digest(tmp_path, image):
    oci.write_image(image, None, tmp_path / "one" / "registry")
    (tmp_path / "program").touch()
    oci.write_image(image, None, tmp_path / "two" / "registry")
    assert tag(tmp_path / "one", image) == tag(tmp_path / "two", image)


def test_a_root_is_the_layer_below(tmp_path, image):
    root = tmp_path / "root"
    root.mkdir()
    oci.write_tar({"/etc/os-release": tmp_path / "program"}, 0o644, root / "root.tar")
    oci.compress_layer(root / "root.tar", root)
    oci.write_image(image, root, tmp_path / "registry")
    manifest = json.loads(blob(tmp_path, tag(tmp_path, image)))
    config = json.loads(blob(tmp_path, manifest["config"]["digest"]))
    assert len(manifest["layers"]) == len(config["rootfs"]["diff_ids"]) == 2
    assert config["rootfs"]["diff_ids"][0] == "sha256:" + (root / "diff-id").read_text()
