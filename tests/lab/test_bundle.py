# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bundle of what the lab's own mirror has, as if that were the internet, and its lock."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
import truth
import yaml
from conftest import ADDRESSES, ISTIO, KUBERNETES, lab, node

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
# The mirror's machine sees the directory of the bundles there (lab/nodes/machine.py).
SERVED = "/srv/bundle"
# Of each host, also of its pods: nothing leaves for elsewhere than the lab and the cluster.
NO_WAY_OUT = """
table inet no_way_out {
  set near {
    type ipv4_addr; flags interval
    elements = { 10.87.0.0/24, 10.244.0.0/16, 10.96.0.0/12, 127.0.0.0/8, 224.0.0.0/4 }
  }
  chain out { type filter hook output priority -300; ip daddr != @near counter reject; }
  chain pods { type filter hook forward priority -300; ip daddr != @near counter reject; }
}
"""


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


@pytest.fixture
def made(make, play):
    """A mirror that serves a bundle of the playbook, and bare hosts that reach nothing but the lab."""
    root = paths.bundle().parent / "made"
    shutil.rmtree(root, ignore_errors=True)
    lab("reset", *ADDRESSES)
    try:
        done = make(root, istio_method="istioctl", bundle_images=[], bundle_addons=[], load_balancer_addresses=[])
        assert done["code"] == 0, done["errors"]
        # The packages of the operating systems are not the bundle's: hosts have a server for them.
        (root / "os").symlink_to(f"../{paths.bundle().readlink()}/os")
        done = play("playbooks/mirror.yml", "-e", f"mirror_root={SERVED}/made")
        assert done["code"] == 0, done["errors"]
        for name in ADDRESSES:
            node(name).check_output(f"nft -f - <<'END'\n{NO_WAY_OUT}END")
        yield root
    finally:
        # Bare hosts have no rules of anybody.
        lab("reset", *ADDRESSES)
        done = play("playbooks/mirror.yml")
        shutil.rmtree(root, ignore_errors=True)
        assert done["code"] == 0, done["errors"]


@pytest.mark.feature("no-way-out")
def test_an_installation_with_no_way_out(made, play):
    # An address of nobody: https://www.rfc-editor.org/rfc/rfc5737
    assert node("node1").run("curl --max-time 5 http://192.0.2.1").rc == 7
    done = play("site.yml")
    assert done["code"] == 0, done["errors"]
    for name in ADDRESSES:
        assert "no_way_out" in node(name).check_output("nft list tables")
    assert play("site.yml")["changed"] == {}
    run = play("playbooks/verify.yml")
    assert run["code"] == 0, run["errors"]

    # A mirror does not serve what somebody has changed.
    image = next(one["path"] for one in locked(made) if one["kind"] == "blob")
    (made / image).write_bytes(b"tampered")
    refused = play("playbooks/mirror.yml", "-e", f"mirror_root={SERVED}/made")
    assert refused["code"] and refused["changed"] == {} and f"{image} differs" in refused["output"]
