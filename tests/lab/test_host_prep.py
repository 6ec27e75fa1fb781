# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of a host after host_prep."""

from __future__ import annotations

import re

import pytest
from conftest import ADDRESSES, KUBERNETES


@pytest.mark.feature("host-names")
def test_host_has_its_name(host):
    assert host.check_output("hostname") in ADDRESSES


@pytest.mark.feature("host-names")
def test_hosts_know_each_other_by_name(host):
    for name, address in ADDRESSES.items():
        assert host.check_output(f"getent ahostsv4 {name}").split()[0] == address


@pytest.mark.feature("package-sources")
def test_mirror_is_trusted(host):
    address = "https://10.87.0.10/download.docker.com/linux/debian/gpg"
    fetch = f"import urllib.request as r; print(r.urlopen('{address}').status)"
    assert host.check_output(f'python3 -c "{fetch}"') == "200"


@pytest.mark.feature("package-sources", "kubernetes-repository")
def test_package_sources_are_signed_and_serve_kubeadm(host):
    if host.exists("dnf"):
        assert KUBERNETES in host.check_output("dnf -q --disableexcludes=all list --showduplicates kubeadm")
        for repository in host.check_output("grep -l bare-mesh /etc/yum.repos.d/*.repo").split():
            assert host.file(repository).contains("^gpgcheck *= *1")
    else:
        assert KUBERNETES in host.check_output("apt-cache madison kubeadm")
        assert not host.run("grep -rsi 'trusted[:=] *yes' /etc/apt/sources.list.d").stdout


def test_nodes_tools_are_installed(host):
    for program in ("conntrack", "ethtool", "socat", "tc"):
        assert host.exists(program), program


@pytest.mark.feature("kernel-settings")
def test_forwarding_is_on_now_and_at_boot(host):
    assert host.sysctl("net.ipv4.ip_forward") == 1
    assert host.sysctl("net.bridge.bridge-nf-call-iptables") == 1
    assert host.run("grep -rhs '^net.ipv4.ip_forward *= *1' /etc/sysctl.d").rc == 0


def test_kernel_features_are_there(host):
    """If the kernel has the features built in and no modules, nothing must be loaded at boot."""
    assert host.file("/proc/sys/net/bridge").is_directory
    assert "overlay" in host.file("/proc/filesystems").content_string.split()
    modules = f"/lib/modules/{host.check_output('uname -r')}"
    assert host.file(modules).exists == host.file("/etc/modules-load.d/bare-mesh.conf").exists


def test_sysctls_of_the_shared_kernel_are_left_alone(host):
    """The lab's nodes share one kernel, so host_prep_sysctl_skip excludes vm, kernel and fs."""
    assert host.run("grep -rhsE '^(vm|kernel|fs)\\.' /etc/sysctl.d/99-zz-bare-mesh.conf").rc != 0


@pytest.mark.feature("clock")
def test_clock_is_kept(host):
    service = host.service("chronyd" if host.exists("dnf") else "chrony")
    assert service.is_running
    assert service.is_enabled


@pytest.mark.feature("firewall-open")
def test_firewall_stays_on_with_the_ports_of_a_node_open(host):
    """Open are a zone's own ports and, once firewalld has been reloaded, those of its services, which have names."""
    if host.service("firewalld").is_running:
        rules = host.check_output("firewall-cmd --list-all-zones")
        if re.search("^  services:.* ?bare-mesh-node", rules, re.MULTILINE):
            rules += host.check_output("firewall-cmd --info-service=bare-mesh-node")
        for port in ("10250/tcp", "8472/udp", "30000-32767/tcp"):
            assert port in rules
        if host.check_output("hostname") == "node1":
            assert "6443/tcp" in rules
