# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host on which SELinux enforces Debian's policy, as far as that goes.

It has no rules for a node of Kubernetes, and while it enforces at boot, systemd's journal cannot open its files. So it
enforces from here on. The tests build on each other, in their order.
"""

from __future__ import annotations

import pytest
from truth import disagreements

from lab.guest_image import SELINUX

KERNEL_OPTIONS = SELINUX
HOSTS, PERMISSIVE = "playbooks/prepare_hosts.yml", ("-e", "host_prep_selinux=permissive")
KERNEL_TASK = "bare.mesh.host_prep : Set modules, sysctls, swap and SELinux"


def mode(host):
    """What the kernel does now, and what it is told at the next boot."""
    configured = host.check_output("sed -n 's/^SELINUX=//p' /etc/selinux/config")
    return host.check_output("cat /sys/fs/selinux/enforce"), configured


def test_a_host_is_prepared_while_selinux_enforces(host, play):
    assert mode(host) == ("0", "permissive")
    host.check_output("sed -i s/^SELINUX=.*/SELINUX=enforcing/ /etc/selinux/config; echo 1 > /sys/fs/selinux/enforce")
    assert mode(host) == ("1", "enforcing")
    predicted = play(HOSTS, "--check")
    assert predicted["code"] == 0, predicted["errors"]
    run = play(HOSTS)
    assert run["code"] == 0, run["errors"]
    assert disagreements(predicted, run) == [] and KERNEL_TASK in run["changed"]["guest1"]
    assert mode(host) == ("1", "enforcing"), "it is kept unless something else is asked for"
    assert host.service("containerd").is_running


@pytest.mark.feature("selinux-permissive")
def test_selinux_becomes_permissive_now_and_at_boot(host, play, guest):
    for arguments in (("--check",), ()):
        run = play(HOSTS, *PERMISSIVE, *arguments)
        assert (run["code"], run["changed"]) == (0, {"guest1": [KERNEL_TASK]}), run["errors"]
        assert mode(host) == (("1", "enforcing") if arguments else ("0", "permissive"))
    run = play(HOSTS, *PERMISSIVE)
    assert (run["code"], run["changed"]) == (0, {}), run["errors"]
    guest.reboot()
    assert mode(host) == ("0", "permissive")
    assert host.service("containerd").is_running
