# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bundle of what the lab's own mirror has, as if that were the internet, and its lock."""

from __future__ import annotations

import hashlib
import json

import pytest
import truth
import yaml
from conftest import ISTIO, KUBERNETES

from lab import paths

pytestmark = pytest.mark.lifecycle

# All that the lab's mirror has; its nodes run Debian 12 and EL 9.
SETTINGS = {
    "istio_method": "helm",
    "bundle_systems": ["debian12", "el9"],
    "bundle_addons": ["prometheus", "jaeger"],
    "bundle_images": ["docker.io/bare-mesh/bank-demo:1.0.0"],
    "load_balancer_addresses": ["192.0.2.10-192.0.2.20"],
}


@pytest.fixture
def make(play, tmp_path):
    """Runs make_bundle.yml into a directory."""

    def run(root, *options, **settings):
        (tmp_path / "settings.yml").write_text(json.dumps({**SETTINGS, "bundle_root": str(root), **settings}))
        return play("playbooks/make_bundle.yml", "-e", f"@{tmp_path / 'settings.yml'}", *options)

    return run


def files(root):
    """The files below a directory, and their digests."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.name != "lock.yml"
    }


def locked(root):
    return yaml.safe_load((root / "lock.yml").read_text())["files"]


@pytest.mark.feature("lockfile")
def test_a_bundle_and_its_lock(make, play, tmp_path):
    root = tmp_path / "bundle"
    predicted = make(root, "--check")
    assert predicted["code"] == 0 and not root.exists(), predicted["errors"]
    done = make(root)
    assert done["code"] == 0 and done["changed"], done["errors"]
    assert not truth.disagreements(predicted, done)
    again = make(root)
    assert again["code"] == 0 and not again["changed"], again["errors"]

    # All that is there is named by its digest, and nothing else is named.
    assert {one["path"]: one["sha256"] for one in locked(root)} == files(root)
    images = {f"{one['name']}:{one['version']}" for one in locked(root) if one["kind"] == "image"}
    assert {f"registry.k8s.io/kube-proxy:v{KUBERNETES}", f"docker.io/istio/pilot:{ISTIO}"} <= images
    kinds = {one["kind"] for one in locked(root)}
    assert {"package", "archive", "chart", "image", "blob", "index", "key"} == kinds

    # With the lock, another machine gets the same files.
    (tmp_path / "lock.yml").write_text((root / "lock.yml").read_text())
    other = tmp_path / "other"
    done = make(other, bundle_lock=str(tmp_path / "lock.yml"))
    assert done["code"] == 0, done["errors"]
    assert files(other) == files(root) and (other / "lock.yml").read_text() == (root / "lock.yml").read_text()
    done = make(other, bundle_lock=str(tmp_path / "lock.yml"), bundle_images=[])
    assert done["code"] and "bank-demo" in done["output"], "a lock with more than the settings ask for was taken"

    # A file that somebody changed is named before it is served, and the next run gets it again.
    package = next(one["path"] for one in locked(root) if one.get("name") == "kubeadm")
    (root / package).write_bytes(b"tampered")
    book = tmp_path / "check.yml"
    tasks = [{"name": "Verify the bundle", "bare.mesh.bundle_check": {"root": str(root)}}]
    book.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    refused = play(str(book))
    assert refused["code"] and f"{package.rpartition('/')[2]} differs" in refused["output"]
    done = make(root)
    assert done["code"] == 0 and done["changed"], done["errors"]
    assert {one["path"]: one["sha256"] for one in locked(root)} == files(root)
    assert play(str(book))["code"] == 0


def test_the_bundle_is_what_the_mirror_serves(make, tmp_path):
    """Byte for byte, so what the lab's hosts are installed from is what this playbook makes."""
    root = tmp_path / "bundle"
    done = make(root)
    assert done["code"] == 0, done["errors"]
    served = paths.bundle()
    for path, digest in files(root).items():
        assert hashlib.sha256((served / path).read_bytes()).hexdigest() == digest, path
