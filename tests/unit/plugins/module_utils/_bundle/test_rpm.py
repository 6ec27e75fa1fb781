# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packages of RPM repositories in a bundle, from real trees over HTTP."""

from __future__ import annotations

import hashlib
import lzma
import re
from pathlib import Path

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._bundle import rpm
from ansible_collections.bare.mesh.plugins.module_utils._host import indexes

from tests.repository_trees import Package, gpgv, names, rpm_tree, runs, write

KEY = (Path(__file__).parents[1] / "files/key.asc").read_bytes()
FINGERPRINT = "E275AE3D22FF829D722070563C6A191E34774BAF"
fetch, faults = runs(rpm.fetch)
REPOMD = "rpm/repodata/repomd.xml"


def entry(name, flags="", ver="", rel="", epoch="0"):
    """An rpm:entry as createrepo_c 0.20.1 writes it."""
    version = f' flags="{flags}" epoch="{epoch}" ver="{ver}"' if ver else ""
    return f'<rpm:entry name="{name}"{version}' + (f' rel="{rel}"/>' if rel else "/>")


def kubernetes():
    needs = entry("/bin/sh") + entry("iptables", "GE", "1.4.21") + entry("kubernetes-cni", "GE", "1.2.0")
    return [
        Package(name, version, machine, wants)
        for machine in ("x86_64", "aarch64")
        for name, version, wants in (
            ("kubeadm", "1.36.5-150500.1.1", entry("cri-tools", "GE", "1.30.0") + entry("rpmlib(X)", "LE", "4", "1")),
            ("kubeadm", "1.36.4-150500.1.1", ""),
            ("kubelet", "1.36.5-150500.1.1", needs),
            ("kubelet", "1.36.5-150500.2.1", needs),
            ("kubernetes-cni", "1.9.1-150500.1.1", ""),
            ("kubernetes-cni", "1.10.0-150500.1.1", ""),
            ("cri-tools", "1.36.0-150500.1.1", ""),
        )
    ]


def repository(mirror, **changes):
    return {
        "url": f"{mirror.url}/rpm/",
        "path": "pkgs.example/rpm",
        "architectures": ["x86_64"],
        "packages": {"kubeadm": "1.36.5", "kubelet": "1.36.*"},
        "fingerprints": [FINGERPRINT],
        "signed": False,
        **changes,
    }


def change(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def test_a_repository(mirror):
    rpm_tree(mirror.origin / "rpm", kubernetes(), key=KEY)
    entries = fetch(mirror, repository(mirror))
    assert names(entries) == [
        "cri-tools 0:1.36.0-150500.1.1",
        "kubeadm 0:1.36.5-150500.1.1",
        "kubelet 0:1.36.5-150500.2.1",
        "kubernetes-cni 0:1.10.0-150500.1.1",
    ]
    others = sorted(re.sub("[0-9a-f]{64}", "D", one.path) for one in entries if one.kind != "package")
    assert others == [
        f"pkgs.example/rpm/repodata/{name}"
        for name in ("D-filelists.xml.gz", "D-primary.xml.gz", "repomd.xml", "repomd.xml.key")
    ]
    for one in entries:
        data = (mirror.root / one.path).read_bytes()
        assert data == (mirror.origin / one.path.removeprefix("pkgs.example/")).read_bytes()
        assert (one.sha256, one.size) == (hashlib.sha256(data).hexdigest(), len(data))
    # Its publisher signs the packages alone: that is no fault of this run.
    assert mirror.told == []


def test_a_second_run_downloads_only_what_has_no_digest(mirror):
    rpm_tree(mirror.origin / "rpm", kubernetes(), key=KEY)
    first = fetch(mirror, repository(mirror))
    mirror.asked.clear()
    assert fetch(mirror, repository(mirror)) == first
    assert mirror.asked == [f"/{REPOMD}.key", f"/{REPOMD}"]


def test_other_digests_and_forms(mirror):
    rpm_tree(mirror.origin / "rpm", kubernetes(), key=KEY, pack=(".xz", lzma.compress), algorithm="sha512")
    first = fetch(mirror, repository(mirror))
    assert len(names(first)) == 4
    mirror.asked.clear()
    assert fetch(mirror, repository(mirror)) == first and len(mirror.asked) == 2
    (other,) = mirror.origin.rglob("*-filelists.xml.xz")
    other.write_bytes(b"other")
    (copy,) = mirror.root.rglob("*-filelists.xml.xz")
    copy.unlink()
    (fault,) = faults(mirror, repository(mirror))
    assert fault.startswith(f"filelists of {mirror.url}/rpm: the checksum of ") and "expected sha512 " in fault
    assert not copy.exists()


@pytest.mark.parametrize("algorithm", ["sha1", "md5"])
def test_digests_that_are_not_good_enough(mirror, algorithm):
    rpm_tree(mirror.origin / "rpm", kubernetes(), key=KEY, algorithm=algorithm)
    assert "states no checksum of repodata/" in faults(mirror, repository(mirror))[0]


def test_a_form_that_this_python_cannot_read(mirror, monkeypatch):
    monkeypatch.delitem(indexes.UNPACKERS, ".zst", raising=False)
    rpm_tree(mirror.origin / "rpm", kubernetes(), key=KEY, pack=(".zst", bytes))
    (fault,) = faults(mirror, repository(mirror))
    assert fault.endswith("-primary.xml.zst is packed as .zst, which Python unpacks from 3.14 on")


def test_a_signed_repository(mirror, signer):
    rpm_tree(mirror.origin / "rpm", kubernetes(), signer.detached, signer.key)
    wanted = repository(mirror, fingerprints=[signer.fingerprint])
    del wanted["signed"]
    entries = fetch(mirror, wanted, gpgv)
    assert len(names(entries)) == 4 and mirror.told == []
    assert "pkgs.example/rpm/repodata/repomd.xml.asc" in {one.path for one in entries}
    fetch(mirror, wanted)
    assert f"{REPOMD} was not verified" in mirror.told[0]
    change(mirror.origin / REPOMD, b"<repomd ", b"<repomd  ")
    (fault,) = faults(mirror, wanted, gpgv)
    assert f"{REPOMD} is not good: " in fault and "BAD signature" in fault
    (mirror.origin / f"{REPOMD}.asc").unlink()
    assert faults(mirror, wanted, gpgv) == [f"{mirror.url}/{REPOMD}.asc answers 404"]
    assert not (mirror.root / "pkgs.example" / REPOMD).exists()


def test_a_key_above_the_repository(mirror):
    """download.docker.com has one key for all versions and architectures."""
    rpm_tree(mirror.origin / "linux/centos/9/x86_64/stable", kubernetes())
    write(mirror.origin / "linux/centos/gpg", KEY)
    place = {
        "url": f"{mirror.url}/linux/centos/9/x86_64/stable/",
        "path": "download.example/linux/centos/9/x86_64/stable",
        "key_url": f"{mirror.url}/linux/centos/gpg",
    }
    entries = fetch(mirror, repository(mirror, **place))
    assert [one.path for one in entries if one.kind == "key"] == ["download.example/linux/centos/gpg"]
    (fault,) = faults(mirror, repository(mirror, **{**place, "path": "stable"}))
    assert "set key_path" in fault


def test_all_that_is_missing_is_named_at_once(mirror):
    rpm_tree(mirror.origin / "rpm", kubernetes(), key=KEY)
    found = faults(mirror, repository(mirror, packages={"kubeadm": "1.36.9", "helm": ""}, architectures=["aarch64"]))
    place = f"{mirror.url}/rpm for aarch64"
    assert [re.sub(r"\. Choose.*", "", one) for one in found] == [
        f"{place} has no helm. Its newest are: none",
        f"{place} has no kubeadm 1.36.9. Its newest are: 0:1.36.5-150500.1.1, 0:1.36.4-150500.1.1",
    ]


def test_versions_that_do_not_fit_each_other(mirror):
    packages = [Package("a", "1-1", "x86_64", entry("b", "GT", "2", "1")), Package("b", "2-1", "noarch")]
    rpm_tree(mirror.origin / "rpm", packages, key=KEY)
    (fault,) = faults(mirror, repository(mirror, packages={"a": ""}))
    assert "a 0:1-1 of " in fault and "needs b > 0:2-1, but the newest there are: 0:2-1" in fault


def test_provided_names_and_conditions(mirror):
    needs = entry("virtual", "GE", "3") + entry("libx.so.1()(64bit)") + entry("(b &gt;= 1 or c if selinux-policy)")
    needs += entry("d", "EQ", "1", epoch="1")
    packages = [
        Package("a", "1-1", "x86_64", needs),
        Package("b", "2-1", "noarch"),
        Package("c", "2-1", "x86_64"),
        Package("d", "1:1-5", "x86_64", entry("a")),
        Package("d", "2-1", "x86_64"),
        Package("e", "1-1", "x86_64", entry("h"), entry("virtual", "EQ", "4", "1")),
        Package("f", "1-1", "x86_64", provides=entry("virtual", "EQ", "2", "1")),
        Package("h", "1-1", "x86_64", entry("unversioned", "GE", "7")),
        Package("i", "1-1", "x86_64", provides=entry("unversioned")),
        Package("g", "1-1", "x86_64", provides=entry("libx.so.1()(64bit)")),
    ]
    rpm_tree(mirror.origin / "rpm", packages, key=KEY)
    entries = fetch(mirror, repository(mirror, packages={"a": ""}))
    assert names(entries) == ["a 0:1-1", "b 0:2-1", "c 0:2-1", "d 1:1-5", "e 0:1-1", "g 0:1-1", "h 0:1-1", "i 0:1-1"]


def test_a_tampered_package_and_a_tampered_index(mirror):
    rpm_tree(mirror.origin / "rpm", kubernetes(), key=KEY)
    (mirror.origin / "rpm/x86_64/kubeadm-1.36.5-150500.1.1.x86_64.rpm").write_bytes(b"other")
    (fault,) = faults(mirror, repository(mirror))
    assert fault.startswith(f"kubeadm 0:1.36.5-150500.1.1 of {mirror.url}/rpm: the checksum of ")
    for kind in ("primary", "filelists"):
        (index,) = mirror.origin.rglob(f"*-{kind}.xml.gz")
        index.write_bytes(b"other")
        (copy,) = mirror.root.rglob(f"*-{kind}.xml.gz")
        copy.unlink()
    assert [one.partition(":")[0] for one in faults(mirror, repository(mirror))] == [
        f"primary of {mirror.url.partition(':')[0]}",
        f"filelists of {mirror.url.partition(':')[0]}",
    ]


@pytest.mark.parametrize("path", ["../../outside.rpm", "/etc/../outside.rpm", "http://127.0.0.1:9/../outside.rpm"])
def test_paths_out_of_the_repository_are_refused(mirror, path):
    packages = [Package("kubeadm", "1.36.5-1", "x86_64", path=path), Package("kubelet", "1.36.5-1", "x86_64")]
    rpm_tree(mirror.origin / "rpm", packages, key=KEY)
    (fault,) = faults(mirror, repository(mirror))
    assert f"kubeadm 0:1.36.5-1 of {mirror.url}/rpm: the index names the file {path!r}" in fault
    assert not any("outside" in one for one in mirror.asked)


def test_broken_and_hostile_indexes(mirror):
    rpm_tree(mirror.origin / "rpm", kubernetes(), key=KEY)
    good = (mirror.origin / REPOMD).read_bytes()
    for bad, told in (
        (b"<html>", "/rpm/repodata/repomd.xml is no XML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + good, "has a document type"),
        (b'<repomd xmlns="http://linux.duke.edu/metadata/repo"/>', "names no list of packages (primary)"),
        (good.replace(b'href="', b'href="../'), "the index names the file '../repodata/"),
        (good.replace(b"<location ", b'<location xml:base="http://127.0.0.1:9" '), "'http://127.0.0.1:9/repodata/"),
        (re.sub(rb"<size>\d+", b"<size>999999999999", good), "has 999999999999 bytes; such a file may have 256 MiB"),
        (good + b" " * (33 << 20), "has more than 32768 KiB"),
    ):
        write(mirror.origin / REPOMD, bad)
        assert told in faults(mirror, repository(mirror))[0]
