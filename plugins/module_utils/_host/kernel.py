# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the running kernel has: modules loaded, built in, or loadable; and sysctls."""

from __future__ import annotations

import difflib
import gzip
import os
import platform
from collections.abc import Callable, Iterable

from ansible.module_utils.basic import AnsibleModule

# Name of a module -> its option. Where neither /lib/modules nor /sys/module lists what is built in, the kernel's
# configuration does.
OPTIONS = {
    "br_netfilter": "BRIDGE_NETFILTER",
    "ip_tables": "IP_NF_IPTABLES",
    "iptable_filter": "IP_NF_FILTER",
    "iptable_mangle": "IP_NF_MANGLE",
    "iptable_nat": "IP_NF_NAT",
    "nf_conntrack": "NF_CONNTRACK",
    "nf_tables": "NF_TABLES",
    "overlay": "OVERLAY_FS",
    "vxlan": "VXLAN",
    "xt_REDIRECT": "NETFILTER_XT_TARGET_REDIRECT",
    "xt_conntrack": "NETFILTER_XT_MATCH_CONNTRACK",
    "xt_owner": "NETFILTER_XT_MATCH_OWNER",
}
# Module -> beginnings of the names of the sysctls that only exist once it is loaded. br_netfilter has the same ones in
# every kernel, those of nf_conntrack differ.
MODULE_SYSCTLS = {
    "br_netfilter": tuple(
        f"net.bridge.bridge-nf-{name}"
        for name in (
            *("call-arptables", "call-ip6tables", "call-iptables"),
            *("filter-pppoe-tagged", "filter-vlan-tagged", "pass-vlan-input-dev"),
        )
    ),
    "nf_conntrack": ("net.netfilter.nf_conntrack_", "net.nf_conntrack_max"),
}
SYSCTLS = "/proc/sys"


def _text(path: str) -> str:
    try:
        with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _configured() -> str:
    return _text("/proc/config.gz") or _text(f"/boot/config-{platform.release()}")


def states(names: Iterable[str], modprobe: Callable[[str], bool]) -> dict[str, str]:
    """Feature -> present (loaded or built in), loadable or missing. modprobe(name) tells whether it could load it."""
    builtin = _text(f"/lib/modules/{platform.release()}/modules.builtin").replace("-", "_")
    filesystems = _text("/proc/filesystems").split()
    configured = None
    result = {}
    for name in names:
        if os.path.isdir(f"/sys/module/{name}") or f"/{name}.ko" in builtin or name in filesystems:
            result[name] = "present"
        elif modprobe(name):
            result[name] = "loadable"
        else:
            configured = _configured() if configured is None else configured
            result[name] = "present" if f"\nCONFIG_{OPTIONS.get(name, name.upper())}=y" in configured else "missing"
    return result


def known_to_modprobe(name: str) -> bool:
    """Whether modprobe knows the name, so that it can be listed for the boot."""
    folder = f"/lib/modules/{platform.release()}"
    listed = _text(f"{folder}/modules.builtin") + _text(f"{folder}/modules.dep")
    return f"/{name}.ko" in listed.replace("-", "_")


class ExtraModules:
    """The package of EL that holds the modules which the main package of the kernel has not."""

    def __init__(self, module: AnsibleModule, proxy: str = "") -> None:
        self.module = module
        self.dnf = module.get_bin_path("dnf")
        # Oracle's own kernel has packages of its own.
        self.name = f"kernel{'-uek' if 'uek' in platform.release() else ''}-modules-extra"
        self.package = f"{self.name}-{platform.release()}"
        # By the environment, because every user can read the arguments of a program, and a proxy can have a password.
        self.environment = {"LC_ALL": "C", **({"http_proxy": proxy, "https_proxy": proxy} if proxy else {})}

    def query(self, *arguments: str) -> str:
        command = [self.dnf, "-q", "repoquery", "--available", *arguments]
        return self.module.run_command(command, environ_update=self.environment)[1]

    def of(self, missing: list[str]) -> list[str]:
        """Those of the modules that the package for the running kernel brings."""
        # In a container there are no modules of the kernel.
        if not missing or not self.dnf or not os.path.isdir(f"/lib/modules/{platform.release()}"):
            return []
        listed = self.query("--list", self.package).replace("-", "_")
        return [name for name in missing if f"/{name}.ko" in listed]

    def advice(self) -> str:
        """What to do about modules that the package for the running kernel does not bring."""
        if not self.dnf:
            return "Install linux-modules-extra (Ubuntu), or another kernel"
        found = self.query("--latest-limit=1", "--qf", "%{version}-%{release}.%{arch}\n", self.name).split()
        running = platform.release()
        if not found or running in found:
            return f"Install {self.name} for the running kernel ({running}) from a repository that has it"
        newest = found[-1]
        return (
            f"The repositories have {self.name} for the kernel {newest} only, and {running} is running: run"
            f" 'dnf install {self.name[: -len('-modules-extra')]}-{newest} {self.name}-{newest}' on the host,"
            " reboot the host, and run this again"
        )


def sysctl_path(name: str) -> str:
    return f"{SYSCTLS}/{name.replace('.', '/')}"


def comes_with(name: str, modules: Iterable[str]) -> bool:
    """Whether the sysctl appears when the modules are loaded."""
    begins = [begin for module in modules for begin in MODULE_SYSCTLS.get(module, ())]
    return any(name.startswith(begin) if begin.endswith("_") else name == begin for begin in begins)


def nearest_sysctl(name: str, modules: Iterable[str]) -> str:
    """The sysctl that is probably meant, among those that exist and those that the modules bring; empty for none."""
    path = SYSCTLS
    for part in name.replace("/", ".").split("."):
        found = difflib.get_close_matches(part, os.listdir(path) if os.path.isdir(path) else [], 1)
        path = f"{path}/{found[0] if found else part}"
    if os.path.isfile(path):
        return path[len(SYSCTLS) + 1 :].replace("/", ".")
    to_come = [begin for module in modules for begin in MODULE_SYSCTLS.get(module, ()) if not begin.endswith("_")]
    return next(iter(difflib.get_close_matches(name, to_come, 1, 0.8)), "")
