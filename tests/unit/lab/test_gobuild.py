# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from lab import host_packages
from lab.artifacts import gobuild, roots, versions

KNOWN = versions.load()


def test_every_committed_module_is_a_component():
    known = [KNOWN, *(versions.load(other=other) for other in versions.OTHERS)]
    components = [component for each in known for component in gobuild.components(each).values()]
    assert {each.parent.name for each in versions.GO_MODULES.glob("*/go.mod")} == {
        each.directory or each.name for each in components
    }


def test_the_programs_are_told_their_release():
    flags = gobuild.components(KNOWN)["kubernetes"].flags()
    assert f"-X k8s.io/component-base/version.gitVersion=v{KNOWN.kubernetes}" in flags[-1]
    assert gobuild.components(KNOWN)["istio"].flags()[1:3] == ["-tags", "vtprotobuf,disable_pgv"]


def test_a_flag_changes_the_key(monkeypatch):
    # Only the development environment has the toolchain.
    monkeypatch.setattr(gobuild.importlib.metadata, "version", lambda name: "1.0.0")
    runc = gobuild.components(KNOWN)["runc"]
    other = gobuild.Component(runc.name, runc.module, tags="", cgo=True)
    assert gobuild.item(runc).key != gobuild.item(other).key


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        ("go: downloading example.org/a v1.0.0\n", True),
        ("example.org/a/b\n", True),
        ("./main.go:3:1: syntax error\n", False),
        ("go: updates to go.mod needed\n", False),
    ],
)
def test_progress_is_told_from_faults(line, progress):
    assert gobuild._is_package(line) is progress


def test_roots_come_from_this_machines_package_sources(tmp_path):
    with pytest.raises(host_packages.HostError, match="names a Debian package source"):
        roots.apt_sources(tmp_path)
    (tmp_path / "sources.list").write_text("deb http://mirror.example bookworm main\n")
    assert roots.apt_sources(tmp_path) == [tmp_path / "sources.list"]


def test_another_machine_is_told_what_is_needed(monkeypatch):
    monkeypatch.setattr(host_packages.os, "geteuid", lambda: 1000)
    with pytest.raises(host_packages.HostError, match="root on Debian 12"):
        host_packages.require_host()
