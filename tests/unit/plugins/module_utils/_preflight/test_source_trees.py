# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's look at the source of artifacts, which a server on this computer serves from real repository trees."""

from __future__ import annotations

import gzip

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import Fetcher
from ansible_collections.bare.mesh.plugins.module_utils._preflight import source

from tests.repository_trees import release, repomd, served, write
from tests.unit.plugins.module_utils._preflight.test_source import KEY, SETTINGS

VERSIONS = {"kubeadm": "1.36.5", "kubelet": "1.36.5", "containerd.io": "2.4.2"}
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def deb_index(names, architecture):
    return "".join(
        f"Package: {name}\nVersion: {VERSIONS[name]}-1\nArchitecture: {architecture}\n\n" for name in names
    ).encode()


def rpm_index(names, machine):
    packages = "".join(
        f'<package type="rpm"><name>{name}</name><arch>{machine}</arch>'
        f'<version epoch="0" ver="{VERSIONS[name]}" rel="1"/></package>'
        for name in names
    )
    return f'<metadata xmlns="http://linux.duke.edu/metadata/common">{packages}</metadata>'.encode()


class Tree:
    """The source's files below one directory, with all packages for both architectures."""

    def __init__(self, root):
        self.root = root
        kubernetes, docker = root / "core:/stable:/v1.36", root / "docker/linux"
        for path in (
            kubernetes / "deb/Release.key",
            kubernetes / "rpm/repodata/repomd.xml.key",
            docker / "debian/gpg",
            docker / "centos/gpg",
        ):
            write(path, KEY)
        write(kubernetes / "rpm/repodata/repomd.xml.asc", b"not verified here")
        self.kubernetes(kubernetes)
        self.docker(docker)
        write(root / "istio/1.31.0/istio-1.31.0-linux-amd64.tar.gz.sha256", b"abc  x\n")
        write(root / "v2/index.html", b"{}")

    def kubernetes(self, base):
        names = ("kubeadm", "kubelet")
        index = b"".join(deb_index(names, architecture) for architecture in MACHINES)
        write(base / "deb/Packages", index)
        write(base / "deb/InRelease", release(Packages=index))
        packed = gzip.compress(b"".join([rpm_index(names, "x86_64")]))
        write(base / "rpm/repodata/primary.xml.gz", packed)
        write(base / "rpm/repodata/repomd.xml", repomd(packed, ".gz"))

    def docker(self, base):
        files = {f"stable/binary-{name}/Packages": deb_index(["containerd.io"], name) for name in MACHINES}
        for path, data in files.items():
            write(base / "debian/dists/bookworm" / path, data)
        write(base / "debian/dists/bookworm/InRelease", release(**files))
        for machine in MACHINES.values():
            data = rpm_index(["containerd.io"], machine)
            write(base / f"centos/9/{machine}/stable/repodata/primary.xml", data)
            write(base / f"centos/9/{machine}/stable/repodata/repomd.xml", repomd(data))


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


@pytest.fixture
def findings(tree):
    """Serve the tree, and return what preflight finds: (check, where, what)."""
    with served(tree.root) as url:

        def look(machine="x86_64", registry=url, **versions):
            pins = [
                {
                    "repository": f"bare-mesh-{'docker' if name == 'containerd.io' else 'kubernetes'}",
                    "package": name,
                    "version": versions.get(name.partition(".")[0], version),
                    "variable": f"{name}_version",
                }
                for name, version in VERSIONS.items()
            ]
            places = {"kubernetes": url, "docker": f"{url}/docker", "istio": f"{url}/istio"}
            settings = {
                **SETTINGS,
                "packages": pins,
                "source": {**places, "registries": {"docker.io": f"{registry}/v2/docker.io"}},
            }
            systems = {
                "el": {"ID": "centos", "VERSION_ID": "9"},
                "debian": {"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"},
            }
            reports = {name: {"os": system, "machine": machine} for name, system in systems.items()}
            wanted = source.repositories(settings, reports)
            found = source.source(settings, wanted, Fetcher(""), None)
            chosen = {package: version for one in wanted for package, version in one.chosen.items()}
            return [(one.check, one.where, one.what) for one in found], chosen

        yield look


def test_a_whole_tree_has_no_fault(findings):
    assert findings() == ([], {})


def test_a_version_that_is_missing(findings):
    found, _chosen = findings(kubelet="1.36.9", containerd="2.4.9")
    assert {(check, where) for check, where, _what in found} == {
        ("packages", "kubelet_version"),
        ("packages", "containerd.io_version"),
    }
    told = " ".join(what for _check, _where, what in found)
    assert "has no kubelet 1.36.9 for x86_64. Its newest are: " in told and "has no containerd.io 2.4.9 for" in told


def test_the_version_that_a_pattern_takes(findings):
    found, chosen = findings(containerd="2.*")
    assert found == [] and chosen["containerd.io"].rpartition(":")[2] == "2.4.2-1"


def test_an_architecture_that_is_missing(findings):
    """The RPMs of Kubernetes are only for x86_64 here."""
    found, _chosen = findings("aarch64")
    assert {(check, where) for check, where, _what in found} == {
        ("packages", "kubeadm_version"),
        ("packages", "kubelet_version"),
    }
    assert all(
        "/rpm/ has no " in what and "for aarch64. Its newest are: none" in what for _check, _where, what in found
    )


def test_a_directory_that_is_missing(findings, tree):
    (tree.root / "docker/linux/centos/9/x86_64/stable/repodata/repomd.xml").unlink()
    ((check, where, what),) = findings()[0]
    assert (check, where) == ("source", "bare_mesh_source") and "/docker/linux/centos/9/x86_64/stable/" in what


def test_a_registry_that_is_missing(findings):
    ((check, where, what),) = findings(registry="http://127.0.0.1:9")[0]
    assert (check, where) == ("registry", "bare_mesh_source") and "http://127.0.0.1:9/v2/" in what
