# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module bundle with package repositories: signed trees over HTTP, with the layouts of the official servers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._bundle import systems
from ansible_collections.bare.mesh.plugins.module_utils._host import distributions
from ansible_collections.bare.mesh.plugins.modules import bundle

from tests.repository_trees import Package, Signer, deb_tree, rpm_tree, served, sha256

KUBERNETES, DOCKER = "core:/stable:/v1.36", "linux"


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    if not (shutil.which("gpg") and shutil.which("gpgv")):
        pytest.fail("gpg and gpgv are needed: install gnupg and gpgv")
    made = Signer(tmp_path_factory.mktemp("gpg") / "home")
    yield made
    made.stop()


@pytest.fixture
def source(tmp_path, signer):
    """The servers of Kubernetes and docker, and what was asked of them."""
    names, origin = ("kubeadm", "kubectl", "kubelet"), tmp_path / "origin"
    debs = [Package(name, "1.36.5-1.1", machine) for name in names for machine in ("amd64", "arm64")]
    deb_tree(
        origin / KUBERNETES / "deb", [*debs, Package("kubeadm", "1.36.4-1.1", "amd64")], "/", signer.clear, signer.key
    )
    rpms = [Package(name, "0:1.36.5-150500.1.1", "x86_64") for name in names]
    rpm_tree(origin / KUBERNETES / "rpm", rpms, signer.detached, signer.key)
    for suite in ("bookworm", "trixie"):
        deb_tree(
            origin / DOCKER / "debian", [Package("containerd.io", f"2.4.2-1~{suite}", "amd64")], suite, signer.clear
        )
    # Docker does not sign the index of its RPM repositories.
    rpm_tree(origin / DOCKER / "centos/9/x86_64/stable", [Package("containerd.io", "0:2.4.2-1.el9", "x86_64")])
    for name in ("debian", "centos"):
        (origin / DOCKER / name / "gpg").write_bytes(signer.key)
    asked = []
    with served(origin, asked) as url:
        yield url, origin, asked


@pytest.fixture
def params(source, signer, tmp_path):
    url, _origin, _asked = source
    return {
        "root": str(tmp_path / "bundle"),
        "packages": {
            "systems": ["debian12", "el9"],
            "machines": ["x86_64"],
            "source": {"kubernetes": url, "docker": url},
            "official": {"kubernetes": "https://pkgs.k8s.io", "docker": "https://download.docker.com"},
            "kubernetes_version": "1.36.5",
            "kubernetes": {"kubeadm": "1.36.5", "kubectl": "1.36.5", "kubelet": "1.36.5"},
            "docker": {"containerd.io": "2.*"},
            "fingerprints": dict.fromkeys(("kubernetes", "docker_deb", "docker_rpm"), signer.fingerprint),
        },
    }


def present(root):
    return sorted(str(path.relative_to(root)) for path in Path(root).rglob("*") if path.is_file())


def test_packages_lie_where_the_official_servers_have_them(source, params, call):
    _url, _origin, asked = source
    foretold = call(bundle, check=True, **params)
    assert foretold["changed"] and not Path(params["root"]).exists(), foretold.get("msg")
    assert not [path for path in asked if path.endswith((".deb", ".rpm"))]
    done = call(bundle, **params)
    assert (done["downloaded"], done["diff"], done["size"]) == (
        foretold["downloaded"],
        foretold["diff"],
        foretold["size"],
    )
    files = yaml.safe_load(Path(params["root"], "lock.yml").read_text())["files"]
    assert sorted(one["path"] for one in files) == [path for path in present(params["root"]) if path != "lock.yml"]
    for one in files:
        assert sha256(Path(params["root"], one["path"]).read_bytes()) == one["sha256"]
    packages = [one["path"] for one in files if one["kind"] == "package"]
    assert packages == [
        "download.docker.com/linux/centos/9/x86_64/stable/x86_64/containerd.io-2.4.2-1.el9.x86_64.rpm",
        "download.docker.com/linux/debian/dists/bookworm/pool/stable/amd64/containerd.io_2.4.2-1~bookworm_amd64.deb",
        *(
            f"pkgs.k8s.io/{KUBERNETES}/deb/amd64/{name}_1.36.5-1.1_amd64.deb"
            for name in ("kubeadm", "kubectl", "kubelet")
        ),
        *(
            f"pkgs.k8s.io/{KUBERNETES}/rpm/x86_64/{name}-1.36.5-150500.1.1.x86_64.rpm"
            for name in ("kubeadm", "kubectl", "kubelet")
        ),
    ]
    assert {one["path"] for one in files if one["kind"] == "key"} == {
        "download.docker.com/linux/centos/gpg",
        "download.docker.com/linux/debian/gpg",
        f"pkgs.k8s.io/{KUBERNETES}/deb/Release.key",
        f"pkgs.k8s.io/{KUBERNETES}/rpm/repodata/repomd.xml.key",
    }
    asked.clear()
    for check in (True, False):
        assert call(bundle, check=check, **params)["changed"] is False
    assert not [path for path in asked if path.endswith((".deb", ".rpm"))]


def test_another_key_and_a_changed_index_are_refused(source, params, call):
    _url, origin, _asked = source
    other = {**params["packages"], "fingerprints": {**params["packages"]["fingerprints"], "docker_deb": "0" * 40}}
    failed = call(bundle, **{**params, "packages": other})
    assert "linux/debian/gpg has the fingerprint" in failed["msg"] and not Path(params["root"], "lock.yml").exists()
    index = origin / KUBERNETES / "deb/InRelease"
    index.write_text(index.read_text().replace("Suite: x", "Suite: y"))
    failed = call(bundle, **params)
    assert f"{KUBERNETES}/deb/InRelease is not good" in failed["msg"]
    missing = {name: value for name, value in params["packages"]["fingerprints"].items() if name != "docker_rpm"}
    failed = call(bundle, **{**params, "packages": {**params["packages"], "fingerprints": missing}})
    assert "bare_mesh_key_fingerprints lacks docker_rpm" in failed["msg"]


def test_what_is_no_fingerprint_and_no_server(source, params, call):
    given = {"kubernetes": None, "docker_deb": ["A" * 40], "docker_rpm": 5}
    for check in (True, False):
        failed = call(bundle, check=check, **{**params, "packages": {**params["packages"], "fingerprints": given}})
        for word in ("has None for kubernetes", "has ['AAAA", "has 5 for docker_rpm", "64 hex digits"):
            assert word in failed["msg"]
    failed = call(bundle, **{**params, "packages": {**params["packages"], "source": {}, "official": {"docker": "x"}}})
    assert "packages.source lacks kubernetes, docker" in failed["msg"]
    assert "packages.official lacks kubernetes" in failed["msg"] and source[2] == []


def test_a_directory_in_the_place_of_a_file(params, call):
    call(bundle, **params)
    deb = next(Path(params["root"]).rglob("kubelet*.deb"))
    deb.unlink()
    deb.mkdir()
    for check in (True, False):
        assert call(bundle, check=check, **params)["msg"] == f"[Errno 21] Is a directory: '{deb}'"


def test_without_gpgv_nothing_is_taken_on_trust(params, call, monkeypatch):
    monkeypatch.setattr(bundle.AnsibleModule, "get_bin_path", lambda *_arguments, **_options: None)
    failed = call(bundle, **params)
    assert "there is no gpgv; install gpgv" in failed["msg"] and not Path(params["root"], "lock.yml").exists()


def test_each_repository_once_with_all_its_architectures(params):
    wanted = {**params["packages"], "systems": ["el9", "debian12", "debian13"], "machines": ["x86_64", "aarch64"]}
    found = [(kind, one["path"], one["suite"], one["architectures"]) for kind, one in systems.repositories(wanted)]
    assert found == [
        ("rpm", f"pkgs.k8s.io/{KUBERNETES}/rpm", "/", ["x86_64", "aarch64"]),
        ("rpm", "download.docker.com/linux/centos/9/x86_64/stable", "/", ["x86_64"]),
        ("rpm", "download.docker.com/linux/centos/9/aarch64/stable", "/", ["aarch64"]),
        ("deb", f"pkgs.k8s.io/{KUBERNETES}/deb", "/", ["amd64", "arm64"]),
        ("deb", "download.docker.com/linux/debian", "bookworm", ["amd64", "arm64"]),
        ("deb", "download.docker.com/linux/debian", "trixie", ["amd64", "arm64"]),
    ]


def test_every_system_is_one_that_the_collection_supports():
    assert all(distributions.supported(release) for release in systems.SYSTEMS.values())
