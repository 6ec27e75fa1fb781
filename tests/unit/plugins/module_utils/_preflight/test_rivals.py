# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight on hosts that run containers already."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._preflight import rivals

EL = {"os": {"ID": "rocky", "VERSION_ID": "9.6"}, "machine": "x86_64"}
DEBIAN = {"os": {"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"}, "machine": "x86_64"}
SETTINGS = {
    "kubernetes_version": "1.36.5",
    "source": {"kubernetes": "https://k", "docker": "https://d"},
    "packages": [{"package": name} for name in ("kubelet", "containerd.io", "docker-ce")],
}


def removed(report, runtime="containerd", **packages):
    hosts = [{"name": "n1", "container_runtime": runtime}]
    return [str(one) for one in rivals.removed(hosts, {"n1": {**report, "packages": packages}}, SETTINGS)]


def test_the_distribution_s_containerd_and_runc():
    (fault,) = removed(DEBIAN, containerd="1.6.20", runc="1.1.5", kubelet="1.36.5")
    assert fault.startswith("n1 [packages]: has containerd runc, which the installation of containerd.io would remove")
    assert "'apt-get remove containerd runc'" in fault
    (fault,) = removed(EL, runc="1.2.5")
    assert "'dnf remove runc'" in fault and fault.endswith("podman and buildah stay if crun is installed before.")


def test_another_docker_is_in_the_way_of_docker_alone():
    assert removed(DEBIAN, **{"docker.io": "20.10.24"}) == []
    (fault,) = removed(DEBIAN, "docker", **{"docker.io": "20.10.24", "podman-docker": "4.3.1"})
    assert "has docker.io podman-docker, which the installation of docker-ce would remove" in fault
    (fault,) = removed(EL, "docker", **{"podman-docker": "5.2.2", "containerd.io": "2.4.2"})
    assert "dnf remove podman-docker" in fault


@pytest.mark.parametrize("runtime", ["containerd", "docker"])
def test_what_is_installed_has_no_rivals_any_more(runtime):
    assert removed(EL, runtime) == [] or runtime == "docker"
    assert (
        removed(EL, runtime, **{"containerd.io": "2.4.2", "docker-ce": "29.8.2", "runc": "1", "docker.io": "1"}) == []
    )


def test_another_entry_for_the_repository():
    entry = {"file": "/etc/apt/sources.list.d/docker.list", "suite": "bookworm", "signed_by": "/x.asc"}
    reports = {
        "n1": {**DEBIAN, "apt_sources": [{**entry, "url": "https://d/linux/debian"}]},
        "n2": {**DEBIAN, "apt_sources": [{**entry, "url": "https://d/linux/ubuntu"}]},
        "n3": {**EL, "apt_sources": []},
        "n4": {"os": {"ID": "debian", "VERSION_ID": "7"}, "machine": "x86_64", "apt_sources": [entry]},
    }
    (fault,) = rivals.sources(reports, SETTINGS)
    assert (fault.check, fault.where) == ("packages", "n1")
    assert str(fault).endswith("With both, apt reads no source at all.")
    assert "/etc/apt/sources.list.d/docker.list names https://d/linux/debian with another key" in fault.what
    flat = {**entry, "url": "https://k/core:/stable:/v1.36/deb", "suite": "/"}
    (fault,) = rivals.sources({"n1": {**DEBIAN, "apt_sources": [flat]}}, SETTINGS)
    assert "/etc/apt/sources.list.d/bare-mesh-kubernetes.sources will take its place" in fault.fix
