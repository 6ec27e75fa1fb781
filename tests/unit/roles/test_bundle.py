# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""make_bundle.yml, from a server on this machine that has what a mirror has: which files the settings lead to.

Package repositories are in tests/unit/plugins/modules/test_bundle_packages.py; here they are only asked for.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
CONFIG = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
VERSIONS = yaml.safe_load((ROOT / "meta/versions.yml").read_text())


def sha(content):
    return hashlib.sha256(content).hexdigest()


class Mirror(http.server.BaseHTTPRequestHandler):
    """Has every archive and every image; what they contain is their name."""

    def do_GET(self):
        path = self.path
        layer = path.rpartition("/manifests/")[0].encode()
        if path.endswith((".sha256", ".sha256sum")):
            content = (
                f"{sha(path.rpartition('.')[0].encode())}  {path.rpartition('/')[2].rpartition('.')[0]}\n".encode()
            )
        elif path.endswith("/index.yaml"):
            names = ("base", "istiod", "cni", "gateway", "ztunnel")
            charts = {name: f"{path.rpartition('/')[0]}/{name}-1.31.0.tgz".encode() for name in names}
            entries = {name: [{"version": "1.31.0", "digest": sha(chart)}] for name, chart in charts.items()}
            content = yaml.safe_dump({"entries": entries}).encode()
        elif "/manifests/" in path:
            described = [{"digest": f"sha256:{sha(one)}", "size": len(one)} for one in (CONFIG, layer)]
            content = json.dumps({"config": described[0], "layers": described[1:]}).encode()
        elif path.endswith(f"/blobs/sha256:{sha(CONFIG)}"):
            content = CONFIG
        else:
            content = path.partition("/blobs/")[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def make(tmp_path):
    """Runs make_bundle.yml with settings, and gives its output and the lock."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    root = tmp_path / "bundle"

    def run(*arguments, **settings):
        given = {
            **{"bundle_root": str(root), "bare_mesh_source": "mirror", "ansible_python_interpreter": sys.executable},
            **{"bundle_systems": [], "bare_mesh_mirror_url": url, "bare_mesh_mirror_registry_url": url, **settings},
        }
        program = Path(sys.executable).parent / "ansible-playbook"
        command = [program, "-i", "localhost,", "-c", "local", "-e", json.dumps(given), *arguments]
        done = subprocess.run(
            [*command, ROOT / "playbooks/make_bundle.yml"], capture_output=True, text=True, timeout=120, check=False
        )
        lock = root / "lock.yml"
        files = yaml.safe_load(lock.read_text())["files"] if lock.exists() else []
        return " ".join((done.stdout + done.stderr).split()), files

    run.root = root
    yield run
    server.shutdown()
    server.server_close()


def images(files):
    return sorted(f"{one['name']}:{one['version']}" for one in files if one["kind"] == "image")


def test_the_bundle_of_the_defaults(make):
    said, files = make("--check")
    assert "changed=1" in said and "would be downloaded" in said and not make.root.exists()
    said, files = make()
    assert "changed=1" in said and "were downloaded" in said, said
    assert images(files) == [
        *(f"docker.io/istio/examples-bookinfo-{name}:{VERSIONS['__bare_mesh_bookinfo_version']}" for name in (
            "details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3",
        )),
        *(f"docker.io/istio/{name}:1.31.0" for name in ("install-cni", "pilot", "proxyv2")),
        f"ghcr.io/flannel-io/flannel-cni-plugin:{VERSIONS['__bare_mesh_flannel_cni_version']}",
        f"ghcr.io/flannel-io/flannel:{VERSIONS['__bare_mesh_flannel_version']}",
        # `kubeadm config images list --kubernetes-version v1.36.5` of kubeadm 1.36.5.
        "registry.k8s.io/coredns/coredns:v1.14.2",
        "registry.k8s.io/etcd:3.6.8-0",
        *(f"registry.k8s.io/kube-{name}:v1.36.5" for name in ("apiserver", "controller-manager", "proxy", "scheduler")),
        "registry.k8s.io/pause:3.10.2",
    ]  # fmt: skip
    place = "github.com/istio/istio/releases/download/1.31.0/istio-1.31.0-linux-amd64.tar.gz"
    assert [one["path"] for one in files if one["kind"] == "archive"] == [place]
    assert (make.root / place).read_text() == f"/{place}"
    said, _files = make()
    assert "changed=0" in said and " 0 were downloaded" in said, said


def test_settings_that_need_more(make):
    said, files = make(
        istio_method="helm",
        istio_dataplane_mode="ambient",
        bare_mesh_kubernetes_version="1.34.9",
        bundle_platforms=["Linux x86_64", "Darwin arm64"],
        bundle_container_runtimes=["containerd", "docker"],
        docker_cri_dockerd_checksum=sha(
            b"/github.com/Mirantis/cri-dockerd/releases/download/v0.4.3/cri-dockerd-0.4.3.amd64.tgz"
        ),
        bundle_bookinfo=False,
        bundle_addons=["jaeger"],
        bundle_images=["quay.io/own/app:1"],
        load_balancer_addresses=["192.0.2.10-192.0.2.20"],
    )
    assert "changed=1" in said, said
    found = images(files)
    for name in ("docker.io/istio/ztunnel:1.31.0", "quay.io/own/app:1", "registry.k8s.io/etcd:3.6.5-0"):
        assert name in found
    assert f"quay.io/metallb/speaker:{VERSIONS['__bare_mesh_metallb_version']}" in found
    assert [name.partition(":")[0] for name in found if "jaeger" in name] == ["docker.io/jaegertracing/jaeger"]
    assert not re.search("bookinfo", " ".join(found))
    assert {one["name"] for one in files if one["kind"] == "chart"} == {"base", "istiod", "cni", "gateway", "ztunnel"}
    archives = [one["path"].rpartition("/")[2] for one in files if one["kind"] == "archive"]
    assert sorted(archives) == [
        "cri-dockerd-0.4.3.amd64.tgz",
        *(f"helm-v{VERSIONS['__bare_mesh_helm_version']}-{name}.tar.gz" for name in ("darwin-arm64", "linux-amd64")),
        *(f"istio-1.31.0-{name}.tar.gz" for name in ("linux-amd64", "osx-arm64")),
    ]


def test_package_repositories_are_those_of_the_systems(make):
    """The server has none: what is said of each is that its key is none."""
    said, files = make(bundle_systems=["el10", "ubuntu24.04"], bundle_bookinfo=False)
    for path in (
        "core:/stable:/v1.36/rpm/repodata/repomd.xml.key",
        "core:/stable:/v1.36/deb/Release.key",
        "linux/centos/gpg",
        "linux/ubuntu/gpg",
    ):
        assert f"{path}: " in said
    assert files == []


def test_wrong_settings_are_refused_together(make):
    said, files = make(
        bare_mesh_kubernetes_version="1.12.0", bundle_container_runtimes=["docker"], bundle_lock="/nowhere/lock.yml"
    )
    for word in ("bare_mesh_kubernetes_version is 1.12.0", "docker_cri_dockerd_checksum is empty", "/nowhere/lock.yml"):
        assert word in said
    assert files == []


def test_paths_that_depend_on_where_the_playbook_is(make, tmp_path, monkeypatch):
    """A module's relative path would lead into the collection, and the shell expands no ~ in an inventory."""
    said, _files = make(bundle_root="mirror", bundle_lock="lock.yml")
    for word in ("bundle_root is mirror", "bundle_lock is lock.yml", "absolute path"):
        assert word in said
    assert not (ROOT / "playbooks/mirror").exists()
    make()
    monkeypatch.setenv("HOME", str(tmp_path))
    said, _files = make(bundle_root="~/bundle", bundle_lock="~/bundle/lock.yml")
    assert "changed=0" in said and " 0 were downloaded" in said, said


def test_lists_that_are_text_and_a_mirror_without_addresses(make):
    """As -e bundle_images=NAME gives them, which the role's specification takes for lists of one."""
    text = {"bundle_images": "quay.io/own/app:1", "bundle_architectures": "x86_64"}
    said, files = make(**text, bare_mesh_mirror_url="", bundle_systems=["el9"])
    assert "bundle_architectures, bundle_images: text is no list." in said
    assert "bare_mesh_mirror_url or bare_mesh_mirror_registry_url is empty" in said and files == []


def test_images_that_yaml_would_take_for_something_else(make):
    said, files = make(bundle_images=["a: b", "[x]", "quay.io/own/app:1"])
    assert "a: b has no registry or no tag" in said and "[x] has no registry or no tag" in said and files == []
