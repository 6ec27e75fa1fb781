# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of a host after the containerd role."""

from __future__ import annotations

import json

import pytest
from conftest import CONTAINERD, PAUSE


@pytest.mark.feature("containerd")
def test_package_is_of_the_pinned_version_and_held(host):
    assert host.package("containerd.io").version.startswith(CONTAINERD)
    if host.exists("apt-mark"):
        assert "containerd.io" in host.check_output("apt-mark showhold").split()
    else:
        assert host.run("dnf -q list --upgrades containerd.io").stdout == ""


def test_service_runs_now_and_at_boot(host):
    assert host.service("containerd").is_running
    assert host.service("containerd").is_enabled


def test_configuration_is_what_containerd_understands(host):
    configuration = host.check_output("containerd config dump")
    assert PAUSE in configuration
    assert "SystemdCgroup = false" in configuration  # the lab's kernel has cgroup v1
    assert "restrict_oom_score_adj = true" in configuration


@pytest.mark.feature("containerd", "images-mirror")
def test_images_come_through_the_mirror(host):
    host.check_output(f"ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d {PAUSE}")
    assert PAUSE in host.check_output("ctr -n k8s.io images ls -q")


@pytest.mark.feature("containerd")
def test_every_registry_has_its_mirror(host):
    for registry in ("docker.io", "registry.k8s.io", "ghcr.io", "quay.io"):
        hosts = host.file(f"/etc/containerd/certs.d/{registry}/hosts.toml").content_string
        assert json.dumps(f"https://10.87.0.10:5000/v2/{registry}") in hosts
        assert "skip_verify" not in hosts
