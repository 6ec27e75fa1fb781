# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_repositories, and where the packages of each system lie."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils import _systems
from ansible_collections.bare.mesh.plugins.modules import host_repositories

SOURCE = {"kubernetes": "https://k", "docker": "https://d"}


@pytest.mark.parametrize(("name", "version", "supported", "family"), [
    ("rocky", "9.6", True, "rpm"), ("rhel", "10.0", True, "rpm"), ("rhel", "8.10", False, "rpm"), ("openEuler", "24.03", True, "rpm"),
    ("anolis", "23.1", True, "rpm"), ("debian", "13", True, "deb"), ("ubuntu", "22.04", True, "deb"), ("ubuntu", "20.04", False, "deb"),
])  # fmt: skip
def test_systems(name, version, supported, family):
    release = {"ID": name, "VERSION_ID": version}
    assert _systems.supported(release) is supported
    assert _systems.family(release) == family


def test_os_release():
    assert _systems.parse_os_release('ID="centos"\n# x=1\nVERSION_ID="9"\n\n') == {"ID": "centos", "VERSION_ID": "9"}


@pytest.mark.parametrize(("release", "docker"), [
    ({"ID": "rhel", "VERSION_ID": "10.1"}, "https://d/linux/centos/10/aarch64/stable/"),
    ({"ID": "openEuler", "VERSION_ID": "24.03"}, "https://d/linux/centos/9/aarch64/stable/"),
    ({"ID": "ubuntu", "VERSION_ID": "24.04", "VERSION_CODENAME": "noble"}, "https://d/linux/ubuntu"),
])  # fmt: skip
def test_repositories(release, docker):
    kubernetes, runtime = _systems.repositories(release, "aarch64", SOURCE, "1.36.3")
    assert kubernetes["url"].startswith("https://k/core:/stable:/v1.36/")
    assert runtime["url"] == docker


def test_yum_repositories_check_signatures_and_keep_pinned_packages():
    kubernetes, runtime = _systems.repositories({"ID": "rhel", "VERSION_ID": "9.6"}, "x86_64", SOURCE, "1.36.3")
    text = host_repositories.yum_file(kubernetes, "/key")
    assert "gpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file:///key\n" in text
    assert "kubelet" in text.split("exclude=")[1]
    assert "\ngpgcheck=1\n" in host_repositories.yum_file(runtime, "/key")


def test_apt_sources_name_their_key():
    entries = _systems.repositories({"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"}, "x86_64", SOURCE, "1.36.3")
    flat, docker = (host_repositories.apt_file(entry, "/key", "amd64") for entry in entries)
    assert "Suites: /\nArchitectures: amd64\nSigned-By: /key\n" in flat
    assert "Suites: bookworm\nComponents: stable\n" in docker


def test_proxy_of_dnf_comes_and_goes():
    text = "[main]\ngpgcheck=1\n"
    once = host_repositories.dnf_conf(text, "http://p:1")
    assert once == "[main]\n# Written by bare.mesh:\nproxy=http://p:1\ngpgcheck=1\n"
    assert host_repositories.dnf_conf(once, "http://p:1") == once
    assert host_repositories.dnf_conf(once, "") == text
    assert host_repositories.dnf_conf(text + "proxy = http://own\n", "http://p:1") == once
    assert host_repositories.dnf_conf(text + "proxy = http://own\n", "") == text + "proxy = http://own\n"
    assert host_repositories.dnf_conf("", "http://p:1").startswith("[main]\n")
