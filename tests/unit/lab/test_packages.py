# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.artifacts import os_packages, package, repos, vendor_packages, versions
from lab.artifacts.package import Package
from lab.host_packages import HostError

KNOWN = versions.load()


@pytest.fixture
def programs(tmp_path):
    for name in ("kubelet", "kubeadm", "kubectl", "bridge"):
        (tmp_path / name).write_text(name)
    return tmp_path


def by_name(packages):
    return {each.name: each for each in packages}


def test_the_packages_have_the_originals_names(programs):
    debs = vendor_packages.kubernetes_packages(KNOWN, programs, programs, "deb")
    rpms = vendor_packages.kubernetes_packages(KNOWN, programs, programs, "rpm")
    assert package.deb_name(by_name(debs)["kubelet"]) == f"kubelet_{KNOWN.kubernetes}-1.1_amd64.deb"
    assert package.rpm_name(by_name(rpms)["kubeadm"]) == f"kubeadm-{KNOWN.kubernetes}-150500.1.1.x86_64.rpm"
    assert "/opt/cni/bin/bridge" in by_name(debs)["kubernetes-cni"].files


@pytest.mark.parametrize(("family", "settings"), [("deb", "/etc/default/kubelet"), ("rpm", "/etc/sysconfig/kubelet")])
def test_the_kubelets_settings_lie_where_its_unit_reads_them(programs, family, settings):
    made = by_name(vendor_packages.kubernetes_packages(KNOWN, programs, programs, family))
    assert settings in made["kubelet"].config
    drop_in, _mode = made["kubeadm"].files["/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"]
    assert f"EnvironmentFile=-{settings}\n" in Path(drop_in).read_text()


def test_control_and_spec_say_what_is_required(programs):
    made = Package(
        "one", "1", "2", "A thing", {"/etc/one": ("x\n", 0o644)}, config=("/etc/one",), requires=("two", "three")
    )
    assert "Depends: two, three\n" in package.deb_control(made)
    spec = package.rpm_spec(made, programs)
    assert "Requires: two\nRequires: three\n" in spec
    assert "AutoReqProv: no" in spec
    assert "%config(noreplace) /etc/one" in spec


def test_a_deb_and_its_index(tmp_path, monkeypatch):
    monkeypatch.setenv("BARE_MESH_CACHE", str(tmp_path / "cache"))
    made = Package("one", "1", "2", "A thing", {"/usr/bin/one": ("#!/bin/sh\n", 0o755)}, unit="one.service")
    package.build_deb(made, tmp_path / "repo" / "amd64")
    index = repos.packages_index(tmp_path / "repo", tmp_path / "repo")
    assert "Package: one\nVersion: 1-2\n" in index
    assert "\nFilename: amd64/one_1-2_amd64.deb\n" in index
    listing = subprocess.run(
        ["dpkg-deb", "--contents", tmp_path / "repo" / "amd64" / "one_1-2_amd64.deb"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "-rwxr-xr-x root/root" in listing


def test_release_names_the_digest_of_each_index(tmp_path):
    (tmp_path / "Packages").write_bytes(b"")
    text = repos.release_text(tmp_path, ["Packages"], {"Origin": "lab"})
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert text == f"Origin: lab\nSHA256:\n {empty} 0 Packages\n"


@pytest.mark.parametrize(
    ("deb", "expected"),
    [
        ("4.3-2+deb12u3", ("4.3", "2.deb12u3.el9")),
        ("1:1.4.7-1+b2", ("1.4.7", "1.b2.el9")),
        ("3.1-20221030-2", ("3.1.20221030", "2.el9")),
    ],
)
def test_el_versions(deb, expected):
    assert os_packages.el_version(deb) == expected


def test_a_version_bumped_in_one_place_alone_is_refused():
    assert versions.go_module("kubernetes", "k8s.io/kubernetes") == KNOWN.kubernetes
    with pytest.raises(HostError, match=r"go.mod v.*go get -tool"):
        versions.check_go_module("kubernetes", "k8s.io/kubernetes", "1.2.3")
