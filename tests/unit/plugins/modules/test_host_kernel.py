# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_kernel against a played kernel."""

from __future__ import annotations

import platform

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._host import swap
from ansible_collections.bare.mesh.plugins.modules import host_kernel


@pytest.mark.feature("swap-off")
def test_swap_lines_become_comments():
    lines = ("UUID=1 / ext4 defaults 0 1", "/dev/sda2 none swap sw 0 0", "# /dev/sdb none swap sw")
    text = "\n".join((*lines, "/swap.img\tswap\tswap\tdefaults\n"))
    changed = swap.fstab_without_swap(text)
    assert changed.count("# bare.mesh") == 2
    assert "/dev/sda2 none swap sw 0 0" in changed
    assert changed.startswith("UUID=1 / ext4")
    assert swap.fstab_without_swap(changed) == changed


def test_sysctls_of_skipped_namespaces():
    values = {"vm.overcommit_memory": 1, "net.ipv4.ip_forward": 1, "net.ipv4.tcp_rmem": "4096  1 2"}
    assert host_kernel.wanted_sysctls(values, ["vm"]) == {"net.ipv4.ip_forward": "1", "net.ipv4.tcp_rmem": "4096 1 2"}


SWAPS = "Filename Type Size Used Priority\n"
WANTED = {
    "modules": ["overlay", "br_netfilter"],
    "optional_modules": ["xt_owner", "nf_tables"],
    "sysctls": {"net.ipv4.ip_forward": 1, "net.bridge.bridge-nf-call-iptables": 1, "vm.overcommit_memory": 1},
    "skip": ["vm"],
    "swap": "off",
    "selinux": "permissive",
}


@pytest.fixture
def kernel(machine):
    """A kernel with overlay built in, br_netfilter as a module, swap, SELinux, and no nf_tables."""
    machine.programs = {"modprobe", "swapoff", "setenforce", "systemctl"}
    folder = f"/lib/modules/{platform.release()}"
    machine.put(f"{folder}/modules.builtin", "kernel/fs/overlayfs/overlay.ko\n")
    machine.put(f"{folder}/modules.dep", "kernel/net/bridge/br-netfilter.ko: kernel/net/bridge/bridge.ko\n")
    machine.put("/proc/filesystems", "nodev\tproc\n")
    machine.put("/proc/sys/net/ipv4/ip_forward", "0\n")
    machine.put("/proc/swaps", SWAPS + "/dev/sda2 partition 1 0 -2\n")
    machine.put("/etc/fstab", "/dev/sda2 none swap sw 0 0\n", 0o600)
    machine.put("/sys/fs/selinux/enforce", "1")
    machine.put("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n")
    machine.path("/sys/module/xt_owner").mkdir(parents=True)
    machine.looks = {"modprobe -n -q": (1, "", ""), "modprobe -n -q br_netfilter": ""}

    def load(_command):
        machine.path("/sys/module/br_netfilter").mkdir()
        machine.put("/proc/sys/net/bridge/bridge-nf-call-iptables", "0\n")

    machine.acts = {
        "modprobe br_netfilter": load,
        "swapoff -a": lambda _command: machine.put("/proc/swaps", SWAPS) and "",
        "setenforce 0": lambda _command: machine.put("/sys/fs/selinux/enforce", "0") and "",
    }
    return machine


@pytest.mark.feature("swap-off", "selinux-permissive")
def test_check_mode_predicts_the_run(kernel, predicted):
    done = predicted(host_kernel, **WANTED)
    assert done["actions"] == [
        "modprobe br_netfilter",
        "net.bridge.bridge-nf-call-iptables=1",
        "net.ipv4.ip_forward=1",
        "systemctl daemon-reload",
        "swapoff -a",
        "setenforce 0",
    ]
    assert kernel.ran == ["modprobe br_netfilter", "systemctl daemon-reload", "swapoff -a", "setenforce 0"]
    assert kernel.text("/proc/sys/net/ipv4/ip_forward") == "1"
    assert kernel.text("/proc/sys/net/bridge/bridge-nf-call-iptables") == "1"
    assert kernel.text("/etc/modules-load.d/bare-mesh.conf").splitlines()[1:] == ["br_netfilter", "overlay"]
    written = kernel.text(host_kernel.SYSCTL_FILE)
    assert "vm." not in written and "net.ipv4.ip_forward = 1\n" in written
    assert kernel.text("/etc/fstab").startswith("# bare.mesh") and kernel.mode("/etc/fstab") == 0o600
    assert kernel.text("/etc/selinux/config") == "SELINUX=permissive\nSELINUXTYPE=targeted\n"


def test_swap_and_selinux_are_kept_unless_asked_for(kernel, predicted):
    assert predicted(host_kernel, modules=["br_netfilter"])["actions"] == ["modprobe br_netfilter"]
    assert kernel.text("/sys/fs/selinux/enforce") == "1" and kernel.text("/etc/fstab").startswith("/dev/sda2")


TYPE = "/etc/systemd/system/swap.d/bare-mesh.conf"


@pytest.mark.feature("swap-off")
@pytest.mark.parametrize(
    "service",
    ["/usr/lib/systemd/system/zramswap", "/etc/systemd/system/zram-swap", "/run/systemd/generator.late/zram-config"],
)
def test_swap_stays_off_by_all_ways_it_comes_back(kernel, predicted, service):
    """Also where nothing of it is in fstab or in use now: a generator finds partitions and zram at boot."""
    kernel.put("/etc/fstab", "UUID=1 / ext4 defaults 0 1\n")
    kernel.put("/proc/swaps", SWAPS)
    kernel.put(f"{service}.service", "[Service]\nExecStart=/usr/sbin/swap start\n")
    name = service.rsplit("/", 1)[1]
    own = f"/etc/systemd/system/{name}.service.d/bare-mesh.conf"
    done = predicted(host_kernel, swap="off")
    assert done["actions"] == ["systemctl daemon-reload"] == kernel.ran
    assert [diff["before_header"] for diff in done["diff"]] == [TYPE, own, "running kernel"]
    for path in (TYPE, own):
        # `systemd-analyze condition --unit=dev-zz9.swap` of systemd 252, with this file in swap.d, says
        # "ConditionPathExists=!/ failed."
        assert kernel.text(path).splitlines()[1:] == ["[Unit]", "ConditionPathExists=!/"]
    kernel.path(f"{service}.service").unlink()
    assert predicted(host_kernel, swap="off")["actions"] == ["systemctl daemon-reload"]
    assert kernel.path(TYPE).exists() and not kernel.path(own).exists()


def test_swap_that_was_off_comes_again(kernel, predicted, call):
    kernel.put("/usr/lib/systemd/system/zramswap.service")
    before = kernel.text("/etc/fstab")
    predicted(host_kernel, swap="off")
    assert predicted(host_kernel, swap="keep")["actions"] == ["systemctl daemon-reload"]
    assert kernel.text("/etc/fstab") == before and kernel.mode("/etc/fstab") == 0o600
    assert not list(kernel.path("/etc/systemd/system").rglob("*.conf"))
    # A file of the user's own stays.
    kernel.put(TYPE, "[Unit]\nConditionPathExists=/mine\n")
    assert call(host_kernel, swap="keep")["changed"] is False


def test_a_kernel_that_lacks_a_module_is_left_alone(kernel, call):
    before = kernel.everything()
    assert "the kernel lacks vxlan" in call(host_kernel, **{**WANTED, "modules": ["vxlan"]})["msg"]
    assert kernel.everything() == before and kernel.ran == []


RELEASE = "6.12.0-55.9.1.el10_0.x86_64"
EXTRA = f"kernel-modules-extra-{RELEASE}"
LIST, KERNELS = f"dnf -q repoquery --available --list {EXTRA}", "dnf -q repoquery --available --latest-limit=1"


@pytest.fixture
def el10(machine, monkeypatch):
    """EL 10 with the modules of its package kernel-modules-core, and repositories that have kernel-modules-extra."""
    monkeypatch.setattr(platform, "release", lambda: RELEASE)
    machine.programs = {"dnf", "modprobe"}
    folder = f"/lib/modules/{RELEASE}"
    machine.put(f"{folder}/modules.dep", "kernel/drivers/net/vxlan/vxlan.ko.xz:\n")
    loadable = {"vxlan"}
    # As `repoquery` of dnf 4.20 prints: one path a line.
    files = [f"{folder}/extra/net/bridge/br_netfilter.ko.xz", f"{folder}/extra/net/netfilter/xt_owner.ko.xz"]
    machine.looks = {
        "modprobe -n -q": lambda command: "" if command.split()[-1] in loadable else (1, "", ""),
        LIST: "\n".join([folder, *files, ""]),
        KERNELS: f"{RELEASE}\n",
    }

    def install(_command):
        loadable.update(("br_netfilter", "xt_owner"))
        machine.put(
            f"{folder}/modules.dep", "extra/net/bridge/br_netfilter.ko.xz:\nextra/net/netfilter/xt_owner.ko.xz:\n"
        )

    def load(command):
        name = command.split()[-1]
        assert name in loadable, command
        machine.path(f"/sys/module/{name}").mkdir(parents=True)
        if name == "br_netfilter":
            machine.put("/proc/sys/net/bridge/bridge-nf-call-iptables", "0\n")

    machine.acts = {"dnf -y": install, "modprobe": load}
    return machine


def test_modules_of_a_package_for_the_running_kernel(el10, predicted):
    wanted = {"modules": ["br_netfilter"], "optional_modules": ["xt_owner", "ip_tables"]}
    done = predicted(host_kernel, **wanted, sysctls={"net.bridge.bridge-nf-call-iptables": 1})
    assert done["actions"] == [
        f"dnf install {EXTRA}",
        "modprobe br_netfilter",
        "modprobe xt_owner",
        "net.bridge.bridge-nf-call-iptables=1",
    ]
    assert el10.ran == [
        f"dnf -y --setopt=install_weak_deps=False install {EXTRA}",
        "modprobe br_netfilter",
        "modprobe xt_owner",
    ]
    assert el10.text("/etc/modules-load.d/bare-mesh.conf").splitlines()[1:] == ["br_netfilter", "xt_owner"]


def test_an_optional_module_alone_is_no_fault(el10, call, predicted):
    assert predicted(host_kernel, optional_modules=["xt_owner"])["actions"][0] == f"dnf install {EXTRA}"
    el10.looks[LIST] = ""
    done = call(host_kernel, optional_modules=["xt_mark", "ip_tables"])
    assert done["actions"] == [] and "failed" not in done


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("kernels", "told"),
    [
        ("6.12.0-124.8.1.el10_1.x86_64\n", "reboot the host, and run this again"),
        ("", f"Install kernel-modules-extra for the running kernel ({RELEASE})"),
        (f"{RELEASE}\n", f"Install kernel-modules-extra for the running kernel ({RELEASE})"),
    ],
)
def test_a_package_that_is_there_only_for_another_kernel(el10, call, check, kernels, told):
    el10.looks.update({LIST: "", KERNELS: kernels})
    before = el10.everything()
    failed = call(host_kernel, check=check, modules=["br_netfilter", "vxlan"])["msg"]
    assert failed.startswith("the kernel lacks br_netfilter: ") and told in failed
    if "reboot" in told:
        new = kernels.strip()
        assert f"dnf install kernel-{new} kernel-modules-extra-{new}" in failed and f"{RELEASE} is running" in failed
    assert el10.everything() == before and el10.ran == []


def test_the_packages_of_oracles_own_kernel(el10, call, monkeypatch):
    monkeypatch.setattr(platform, "release", lambda: "6.12.0-1.el10uek.x86_64")
    el10.path("/lib/modules/6.12.0-1.el10uek.x86_64").mkdir()
    el10.looks.update({"dnf -q repoquery --available --list kernel-uek-modules-extra-6.12.0-1.el10uek.x86_64": ""})
    el10.looks[KERNELS] = "6.12.0-2.el10uek.x86_64\n"
    failed = call(host_kernel, modules=["br_netfilter"])["msg"]
    assert "dnf install kernel-uek-6.12.0-2.el10uek.x86_64 kernel-uek-modules-extra-6.12.0-2.el10uek.x86_64" in failed


def test_a_kernel_of_another_host_gets_no_package(el10, call):
    """In a container there is no folder of the kernel's modules."""
    folder = el10.path(f"/lib/modules/{RELEASE}")
    (folder / "modules.dep").unlink()
    folder.rmdir()
    assert call(host_kernel, optional_modules=["xt_owner"])["actions"] == []


def test_sysctls_that_cannot_be_set(kernel, call, monkeypatch):
    def refuse(path, *_mode, **_options):
        raise PermissionError(f"Permission denied: {path}")

    monkeypatch.setattr(host_kernel, "open", refuse, raising=False)
    failed = call(host_kernel, sysctls={"net.ipv4.ip_forward": 1})
    assert "net.ipv4.ip_forward=1: Permission denied" in failed["msg"] and "host_prep_sysctl_skip" in failed["msg"]


@pytest.mark.parametrize("check", [True, False])
def test_sysctls_that_the_kernel_does_not_have(kernel, call, check):
    kernel.put("/proc/sys/net/ipv4/conf/all/rp_filter", "0\n")
    before = kernel.everything()
    wrong = {
        "net.ipv4.ip_forwad": 1,
        "net.ipv5.conf.al.rp_filter": 1,
        "net.ipv4.conf": 1,
        "net.bridge.bridge-nf-call-iptabels": 1,
        "a.b": 1,
        "vm.none": 1,
    }
    failed = call(host_kernel, check=check, **{**WANTED, "sysctls": {**WANTED["sysctls"], **wrong}})
    assert failed["msg"].startswith(
        "this kernel has no sysctl a.b, "
        "net.bridge.bridge-nf-call-iptabels (did you mean net.bridge.bridge-nf-call-iptables?), net.ipv4.conf, "
        "net.ipv4.ip_forwad (did you mean net.ipv4.ip_forward?), "
        "net.ipv5.conf.al.rp_filter (did you mean net.ipv4.conf.all.rp_filter?); correct or remove it in host_prep"
    )
    assert kernel.everything() == before and kernel.ran == []


def test_sysctls_of_a_module_that_the_run_does_not_load(kernel, call):
    name = "net.bridge.bridge-nf-call-iptables"
    for check in (True, False):
        assert f"no sysctl {name};" in call(host_kernel, check=check, modules=["overlay"], sysctls={name: 1})["msg"]


def test_sysctls_of_connection_tracking(kernel, call, predicted):
    """Which ones a kernel has is seen when the module is loaded, and still before a file is written."""
    kernel.looks["modprobe -n -q nf_conntrack"] = ""

    def load(_command):
        kernel.path("/sys/module/nf_conntrack").mkdir()
        kernel.put("/proc/sys/net/netfilter/nf_conntrack_max", "1\n")

    kernel.acts["modprobe nf_conntrack"] = load
    wanted = {"modules": ["nf_conntrack"], "sysctls": {"net.netfilter.nf_conntrack_mx": 5}}
    assert call(host_kernel, check=True, **wanted)["changed"]
    assert "did you mean net.netfilter.nf_conntrack_max?" in call(host_kernel, **wanted)["msg"]
    assert not kernel.path(host_kernel.SYSCTL_FILE).exists()
    wanted["sysctls"] = {"net.netfilter.nf_conntrack_max": 5}
    assert predicted(host_kernel, **wanted)["actions"] == ["net.netfilter.nf_conntrack_max=5"]


def test_a_wrong_choice_is_a_message(kernel, call):
    assert "value of swap must be one of: off, keep" in call(host_kernel, swap="no thanks")["msg"]
