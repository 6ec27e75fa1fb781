# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packages of Debian repositories in a bundle, from real trees over HTTP."""

from __future__ import annotations

import hashlib
import lzma
import re
from pathlib import Path

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._bundle import deb
from ansible_collections.bare.mesh.plugins.module_utils._host import indexes

from tests.repository_trees import Package, deb_tree, gpgv, names, release, runs, sha256, unsigned, write

KEY = (Path(__file__).parents[1] / "files/key.asc").read_bytes()
FINGERPRINT = "E275AE3D22FF829D722070563C6A191E34774BAF"
fetch, faults = runs(deb.fetch)
# The relations as pkgs.k8s.io has them for 1.36 and download.docker.com for its release 29.
CNI = "iptables (>= 1.4.21),kubernetes-cni (>= 1.2.0),mount,util-linux,libc6"
ENGINE = "containerd.io (>= 1.7.27), docker-ce-cli, iptables, nftables, libc6 (>= 2.34), libsystemd0"


def kubernetes():
    return [
        Package(name, version, architecture, needs)
        for architecture in ("amd64", "arm64")
        for name, version, needs in (
            ("kubeadm", "1.36.4-1.1", "cri-tools (>= 1.30.0)"),
            ("kubeadm", "1.36.5-1.1", "cri-tools (>= 1.30.0)"),
            ("kubelet", "1.36.5-1.1", CNI),
            ("kubelet", "1.36.5-2.1", CNI),
            ("kubectl", "1.36.5-1.1", ""),
            ("kubernetes-cni", "1.1.0-1.1", ""),
            ("kubernetes-cni", "1.9.1-1.1", ""),
            ("cri-tools", "1.9.0-1.1", ""),
            ("cri-tools", "1.36.0-1.1", ""),
        )
    ]


def docker(release="bookworm"):
    end = f"~debian.12~{release}"
    return [
        Package("containerd.io", f"1.7.27-1{end}", "amd64"),
        Package("containerd.io", f"2.4.2-1{end}", "amd64"),
        Package("docker-ce", f"5:29.8.2-1{end}", "amd64", ENGINE),
        Package("docker-ce-cli", f"5:29.8.2-1{end}", "amd64"),
        Package("docker-ce-rootless-extras", f"5:29.8.2-1{end}", "amd64", "docker-ce"),
    ]


def flat(mirror, **changes):
    return {
        "url": f"{mirror.url}/deb/",
        "path": "pkgs.example/deb",
        "suite": "/",
        "architectures": ["amd64"],
        "packages": {"kubeadm": "1.36.5", "kubelet": "1.36.5"},
        "fingerprints": [FINGERPRINT],
        **changes,
    }


def pool(mirror, **changes):
    return {
        "url": f"{mirror.url}/linux/debian",
        "path": "download.example/linux/debian",
        "suite": "bookworm",
        "components": ["stable"],
        "architectures": ["amd64"],
        "packages": {"docker-ce": "", "containerd.io": "2.*"},
        "key_url": f"{mirror.url}/linux/debian/Release.key",
        "fingerprints": [FINGERPRINT],
        **changes,
    }


def change(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def test_a_flat_repository(mirror):
    deb_tree(mirror.origin / "deb", kubernetes(), key=KEY)
    entries = fetch(mirror, flat(mirror))
    # What others have, such as iptables, is not looked for; of a version without revision, apt takes the newest.
    assert names(entries) == [
        "cri-tools 1.36.0-1.1",
        "kubeadm 1.36.5-1.1",
        "kubelet 1.36.5-2.1",
        "kubernetes-cni 1.9.1-1.1",
    ]
    others = {one.path.partition("deb/")[2]: one.kind for one in entries if one.kind != "package"}
    assert others == {"Release.key": "key", "InRelease": "index", "Packages.gz": "index"}
    for one in entries:
        file = mirror.root / one.path
        assert file.read_bytes() == (mirror.origin / "deb" / one.path.partition("deb/")[2]).read_bytes()
        assert (one.sha256, one.size) == (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size)
    assert len(entries) == len([path for path in mirror.root.rglob("*") if path.is_file()])


def test_a_repository_with_a_pool(mirror):
    deb_tree(mirror.origin / "linux/debian", docker(), "bookworm", key=KEY)
    entries = fetch(mirror, pool(mirror))
    end = "-1~debian.12~bookworm"
    assert names(entries) == [f"containerd.io 2.4.2{end}", f"docker-ce 5:29.8.2{end}", f"docker-ce-cli 5:29.8.2{end}"]
    base = "download.example/linux/debian/dists/bookworm"
    assert {one.path for one in entries if one.kind == "index"} == {
        f"{base}/InRelease",
        f"{base}/stable/binary-amd64/Packages.gz",
    }
    assert f"{base}/pool/stable/amd64/containerd.io_2.4.2{end}_amd64.deb" in {one.path for one in entries}


def test_packages_for_all_architectures_in_an_index_of_their_own(mirror):
    deb_tree(mirror.origin / "linux/debian", [*docker(), Package("docs", "1", "all")], "bookworm", key=KEY)
    entries = fetch(mirror, pool(mirror, packages={"docs": ""}))
    assert names(entries) == ["docs 1"]
    base = "download.example/linux/debian/dists/bookworm/stable"
    assert {f"{base}/binary-{name}/Packages.gz" for name in ("all", "amd64")} <= {one.path for one in entries}


def test_several_architectures(mirror):
    deb_tree(mirror.origin / "deb", [*kubernetes(), Package("docs", "1", "all")], key=KEY)
    entries = fetch(mirror, flat(mirror, architectures=["amd64", "arm64"], packages={"kubectl": "", "docs": ""}))
    assert names(entries) == ["docs 1", "kubectl 1.36.5-1.1", "kubectl 1.36.5-1.1"]


def test_all_packed_forms_are_there_for_apt(mirror):
    """apt asks for the form that it likes best, by its name or by its digest."""
    deb_tree(mirror.origin / "deb", kubernetes(), key=KEY)
    index = (mirror.origin / "deb/Packages").read_bytes()
    packed = {"Packages.gz": (mirror.origin / "deb/Packages.gz").read_bytes(), "Packages.xz": lzma.compress(index)}
    (mirror.origin / "deb/Packages").unlink()
    write(mirror.origin / "deb/Packages.xz", packed["Packages.xz"])
    digests = {name: f"by-hash/SHA256/{sha256(data)}" for name, data in packed.items()}
    write(mirror.origin / "deb" / digests["Packages.xz"], packed["Packages.xz"])
    signed = unsigned(b"Acquire-By-Hash: yes\n" + release(Packages=index, **packed))
    write(mirror.origin / "deb/InRelease", signed)
    fetch(mirror, flat(mirror))
    here = mirror.root / "pkgs.example/deb"
    assert {name for name in packed if (here / name).read_bytes() == packed[name]} == set(packed)
    assert (here / digests["Packages.xz"]).is_file() and not (here / digests["Packages.gz"]).exists()


def test_a_form_that_this_python_cannot_read(mirror, monkeypatch):
    monkeypatch.delitem(indexes.UNPACKERS, ".zst", raising=False)
    deb_tree(mirror.origin / "deb", kubernetes(), key=KEY)
    files = {"Packages": (mirror.origin / "deb/Packages").read_bytes(), "Packages.zst": b"for apt"}
    write(mirror.origin / "deb/Packages.zst", b"for apt")
    write(mirror.origin / "deb/InRelease", unsigned(release(**files)))
    paths = {one.path.rpartition("/")[2] for one in fetch(mirror, flat(mirror))}
    assert {*files, "kubeadm_1.36.5-1.1_amd64.deb"} <= paths
    write(mirror.origin / "deb/InRelease", unsigned(release(**{"Packages.zst": b"for apt"})))
    (fault,) = faults(mirror, flat(mirror))
    assert fault == f"{mirror.url}/deb/Packages.zst is packed as .zst, which Python unpacks from 3.14 on"


def test_a_second_run_downloads_only_what_has_no_digest(mirror):
    deb_tree(mirror.origin / "deb", kubernetes(), key=KEY, Acquire_By_Hash="yes")
    first = fetch(mirror, flat(mirror))
    mirror.asked.clear()
    assert fetch(mirror, flat(mirror)) == first
    assert mirror.asked == ["/deb/Release.key", "/deb/InRelease"]


def test_a_signed_repository(mirror, signer):
    deb_tree(mirror.origin / "deb", kubernetes(), clear=signer.clear, key=signer.key)
    repository = flat(mirror, fingerprints=[signer.fingerprint.lower()])
    assert len(names(fetch(mirror, repository, gpgv))) == 4 and mirror.told == []
    change(mirror.origin / "deb/InRelease", b"Suite: x", b"Suite: y")
    (fault,) = faults(mirror, repository, gpgv)
    assert f"the signature of {mirror.url}/deb/InRelease is not good: " in fault and "BAD signature" in fault
    assert not (mirror.root / "pkgs.example/deb/InRelease").exists()


def test_a_signature_beside_the_release(mirror, signer):
    deb_tree(mirror.origin / "deb", kubernetes(), key=signer.key)
    (mirror.origin / "deb/InRelease").unlink()
    repository = flat(mirror, fingerprints=[signer.fingerprint])
    (fault,) = faults(mirror, repository, gpgv)
    assert "InRelease answers 404" in fault and "Release.gpg answers 404" in fault
    data = (mirror.origin / "deb/Release").read_bytes()
    write(mirror.origin / "deb/Release.gpg", signer.detached(data))
    paths = {one.path.rpartition("/")[2] for one in fetch(mirror, repository, gpgv)}
    assert {"Release", "Release.gpg"} <= paths and "InRelease" not in paths
    write(mirror.origin / "deb/Release", data + b"X: y\n")
    assert "BAD signature" in faults(mirror, repository, gpgv)[0]


def test_an_index_of_another_key(mirror, signer):
    deb_tree(mirror.origin / "deb", kubernetes(), clear=signer.clear, key=KEY)
    assert "is not good" in faults(mirror, flat(mirror), gpgv)[0]


def test_an_index_that_nobody_verified(mirror):
    deb_tree(mirror.origin / "deb", kubernetes(), key=KEY)
    fetch(mirror, flat(mirror))
    (told,) = mirror.told
    assert told.startswith(f"the signature of {mirror.url}/deb/InRelease was not verified") and "install gpgv" in told
    # Without anybody to tell it to, it is no warning.
    with pytest.raises(Failure, match="install gpgv"):
        deb.fetch(mirror.get, mirror.root, flat(mirror))
    write(mirror.origin / "deb/InRelease", b"Suite: y\n" + (mirror.origin / "deb/InRelease").read_bytes())
    assert "is not one clear-signed text with nothing beside it" in faults(mirror, flat(mirror))[0]


def test_another_key(mirror):
    deb_tree(mirror.origin / "deb", kubernetes(), key=KEY)
    (fault,) = faults(mirror, flat(mirror, fingerprints=["AB" * 20]))
    assert f"{mirror.url}/deb/Release.key has the fingerprint {FINGERPRINT}, but expected is {'AB' * 20}" in fault
    assert [path for path in mirror.root.rglob("*") if path.is_file()] == []
    write(mirror.origin / "deb/Release.key", b"<html>")
    assert "not an OpenPGP key" in faults(mirror, flat(mirror))[0]


def test_all_that_is_missing_is_named_at_once(mirror):
    deb_tree(mirror.origin / "deb", kubernetes(), key=KEY)
    found = faults(mirror, flat(mirror, packages={"kubeadm": "1.36.9", "kubelet": "1.35.*", "helm": "", "kubectl": ""}))
    place = f"{mirror.url}/deb for amd64"
    assert [re.sub(r"\. Choose.*", "", one) for one in found] == [
        f"{place} has no helm. Its newest are: none",
        f"{place} has no kubeadm 1.36.9. Its newest are: 1.36.5-1.1, 1.36.4-1.1",
        f"{place} has no kubelet 1.35.*. Its newest are: 1.36.5-2.1, 1.36.5-1.1",
    ]
    assert list(mirror.root.rglob("kubectl*")), "what is there is fetched all the same"


def test_versions_that_do_not_fit_each_other(mirror):
    deb_tree(mirror.origin / "deb", kubernetes(), key=KEY)
    (fault,) = faults(mirror, flat(mirror, packages={"kubelet": "1.36.5", "kubernetes-cni": "1.1.0"}))
    assert (
        "kubelet 1.36.5-2.1 of " in fault and "needs kubernetes-cni >= 1.2.0, but kubernetes-cni 1.1.0-1.1 is" in fault
    )
    deb_tree(mirror.origin / "deb", [Package("a", "1", "amd64", "b (>> 2)"), Package("b", "2", "amd64")], key=KEY)
    (fault,) = faults(mirror, flat(mirror, packages={"a": ""}))
    assert "a 1 of " in fault and "needs b > 2, but the newest there are: 2" in fault


def test_alternatives_and_provided_names(mirror):
    packages = [
        Package("a", "1", "amd64", "x | b (= 1), virtual, c:any, versioned (>= 2), absent | b, d, b (>> 9) | x"),
        Package("b", "1", "amd64"),
        Package("b", "2", "amd64"),
        Package("c", "1", "amd64", "a, e", first="f"),
        Package("e", "1", "amd64", "g"),
        Package("f", "1", "amd64"),
        Package("g", "1", "amd64"),
        Package("d", "1", "amd64"),
        Package("d-free", "1", "amd64", provides="d"),
        Package("p", "1", "amd64", provides="virtual, versioned"),
        Package("q", "1", "amd64", provides="versioned (= 3)"),
    ]
    deb_tree(mirror.origin / "deb", packages, key=KEY)
    entries = fetch(mirror, flat(mirror, packages={"a": ""}))
    assert names(entries) == ["a 1", "b 1", "c 1", "d 1", "e 1", "f 1", "g 1", "p 1", "q 1"]


def test_a_tampered_package_and_one_that_is_gone(mirror):
    deb_tree(mirror.origin / "deb", kubernetes(), key=KEY)
    (mirror.origin / "deb/amd64/kubeadm_1.36.5-1.1_amd64.deb").write_bytes(b"other")
    (mirror.origin / "deb/amd64/kubernetes-cni_1.9.1-1.1_amd64.deb").unlink()
    found = faults(mirror, flat(mirror))
    assert len(found) == 2
    assert found[0].startswith(f"kubeadm 1.36.5-1.1 of {mirror.url}/deb: the checksum of ")
    assert found[1].startswith(f"kubernetes-cni 1.9.1-1.1 of {mirror.url}/deb: ") and found[1].endswith("answers 404")


@pytest.mark.parametrize("by_hash", [{}, {"Acquire_By_Hash": "yes"}])
def test_a_tampered_index(mirror, by_hash):
    deb_tree(mirror.origin / "deb", kubernetes(), key=KEY, **by_hash)
    for path in [mirror.origin / "deb/Packages.gz", *mirror.origin.rglob("by-hash/SHA256/*")]:
        path.write_bytes(b"other")
    (fault,) = faults(mirror, flat(mirror))
    assert "the checksum of " in fault and "/deb/Packages.gz is wrong" in fault


def test_indexes_that_are_missing_broken_or_too_large(mirror):
    deb_tree(mirror.origin / "linux/debian", docker(), "bookworm", key=KEY)
    found = faults(mirror, pool(mirror, components=["stable", "test"], architectures=["amd64", "arm64"]))
    assert [re.search(r"lists no (\S+):", one)[1] for one in found] == [
        "stable/binary-arm64/Packages",
        "test/binary-amd64/Packages",
        "test/binary-arm64/Packages",
    ]
    deb_tree(mirror.origin / "deb", kubernetes(), key=KEY)
    write(mirror.origin / "deb/Packages.gz", b"no gzip")
    write(mirror.origin / "deb/InRelease", unsigned(release(**{"Packages.gz": b"no gzip"})))
    assert "/deb/Packages.gz cannot be unpacked: " in faults(mirror, flat(mirror))[0]
    stated = release(Packages=b"").replace(b" 0 Packages", b" 99999999999 Packages")
    write(mirror.origin / "deb/InRelease", unsigned(stated))
    assert "has 99999999999 bytes; an index may have 32 MiB" in faults(mirror, flat(mirror))[0]
    write(mirror.origin / "deb/Release.key", b"x" * (2 << 20))
    assert "has more than 1024 KiB" in faults(mirror, flat(mirror))[0]


@pytest.mark.parametrize(
    "path",
    ["../../outside.deb", "/etc/outside.deb", "amd64/../../outside.deb", "a//b.deb", "a b.deb", "%2e.deb", ".."],
)
def test_paths_out_of_the_repository_are_refused(mirror, path):
    package = Package("kubeadm", "1.36.5-1.1", "amd64", path=path)
    deb_tree(mirror.origin / "deb", [package, Package("kubelet", "1.36.5-1.1", "amd64")], key=KEY)
    (fault,) = faults(mirror, flat(mirror))
    assert f"kubeadm 1.36.5-1.1 of {mirror.url}/deb: the index names the file {path!r}" in fault
    assert not any("outside" in one for one in mirror.asked)


def test_a_package_in_the_place_of_an_index(mirror):
    package = Package("kubeadm", "1.36.5-1.1", "amd64", path="./InRelease")
    deb_tree(mirror.origin / "deb", [package], key=KEY)
    (fault,) = faults(mirror, flat(mirror, packages={"kubeadm": ""}))
    assert "names pkgs.example/deb/InRelease twice, with different contents" in fault
    assert (mirror.root / "pkgs.example/deb/InRelease").read_bytes().startswith(b"-----BEGIN PGP SIGNED")


def test_a_package_without_a_digest(mirror):
    index = b"Package: kubeadm\nVersion: 1.36.5-1\nArchitecture: amd64\nFilename: a.deb\n"
    deb_tree(mirror.origin / "deb", [], key=KEY)
    write(mirror.origin / "deb/Packages", index)
    write(mirror.origin / "deb/InRelease", unsigned(release(Packages=index)))
    (fault,) = faults(mirror, flat(mirror, packages={"kubeadm": ""}))
    assert "the index names no SHA-256 of it" in fault


def test_a_key_of_another_server_needs_a_place(mirror):
    deb_tree(mirror.origin / "deb", kubernetes(), key=KEY)
    elsewhere = f"{mirror.url.replace('127.0.0.1', 'localhost')}/deb/Release.key"
    assert "set key_path" in faults(mirror, flat(mirror, key_url=elsewhere))[0]
    entries = fetch(mirror, flat(mirror, key_url=elsewhere, key_path="keys/kubernetes.asc"))
    assert [one.path for one in entries if one.kind == "key"] == ["keys/kubernetes.asc"]
