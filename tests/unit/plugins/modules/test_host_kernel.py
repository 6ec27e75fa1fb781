# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_kernel against a played kernel."""

from __future__ import annotations

from ansible_collections.bare.mesh.plugins.modules import host_kernel


def test_swap_lines_become_comments():
    text = "UUID=1 / ext4 defaults 0 1\n/dev/sda2 none swap sw 0 0\n# /dev/sdb none swap sw\n/swap.img\tswap\tswap\tdefaults\n"
    changed = host_kernel.fstab_without_swap(text)
    assert changed.count("# bare.mesh") == 2
    assert "/dev/sda2 none swap sw 0 0" in changed
    assert changed.startswith("UUID=1 / ext4")
    assert host_kernel.fstab_without_swap(changed) == changed


def test_sysctls_of_skipped_namespaces():
    values = {"vm.overcommit_memory": 1, "net.ipv4.ip_forward": 1, "net.ipv4.tcp_rmem": "4096  1 2"}
    assert host_kernel.wanted_sysctls(values, ["vm"]) == {"net.ipv4.ip_forward": "1", "net.ipv4.tcp_rmem": "4096 1 2"}
