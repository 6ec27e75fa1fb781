#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_kernel
short_description: Sets kernel modules, sysctls, swap and SELinux's mode, now and for the next boot
version_added: 0.1.0
description:
  - Compares the running kernel and the boot's configuration files with what is wanted, and changes what differs.
  - A kernel feature that is built in needs no loading and is accepted.
  - Where modules of the EL kernel that runs are in a package of their own (C(kernel-modules-extra)), that package is
    installed. Where the repositories have it only for other kernels, the module fails and asks for a reboot.
  - A sysctl that the kernel does not have is an error, before anything is written.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  modules:
    description: Modules that a cluster node needs.
    type: list
    elements: str
    default: []
  optional_modules:
    description:
      - Modules that are loaded where the kernel has them.
      - Of those that are not there, only matches and targets of netfilter (C(xt_*)) are a reason to install a package.
    type: list
    elements: str
    default: []
  sysctls:
    description: Sysctl to value.
    type: dict
    default: {}
  skip:
    description: First parts of sysctl names that are not to be set, for hosts that share their kernel with others.
    type: list
    elements: str
    default: []
  swap:
    description:
      - V(off) switches swap off, comments its lines in C(/etc/fstab) out, and forbids systemd to start any unit of the
        type swap and services that make swap of memory. So it stays off, also where a generator finds a partition or
        zram at boot.
      - V(keep) takes back what V(off) has set for the boot, so that swap comes with the next one, and changes nothing
        else.
    type: str
    choices: ["off", keep]
    default: keep
  selinux:
    description: V(permissive) switches an enforcing SELinux to permissive.
    type: str
    choices: [keep, permissive]
    default: keep
attributes:
  check_mode:
    support: full
    details: >-
      A sysctl of nf_conntrack is accepted by the beginning of its name while the module is not loaded yet. The run
      looks again when it has loaded it, before it writes a file.
  diff_mode:
    support: full
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Prepare the kernel for a node
  bare.mesh.host_kernel:
    modules: [overlay, br_netfilter]
    sysctls: {net.ipv4.ip_forward: 1}
    swap: "off"
"""

RETURN = r"""
actions:
  description: What was, or in check mode would be, changed in the running kernel.
  returned: always
  type: list
  elements: str
  sample: [modprobe br_netfilter, net.ipv4.ip_forward=1]
"""

import os
import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host import kernel, swap
from ansible_collections.bare.mesh.plugins.module_utils._host.files import Files, read

HEADER = "# Written by bare.mesh.\n"
# After 99-sysctl.conf, the link to /etc/sysctl.conf: the cluster's needs win over a distribution's or an image's
# defaults.
SYSCTL_FILE = "/etc/sysctl.d/99-zz-bare-mesh.conf"
ENFORCE = "/sys/fs/selinux/enforce"


def wanted_sysctls(values: dict[str, Any], skip: list[str]) -> dict[str, str]:
    """The sysctls as text, without those of the skipped namespaces."""
    return {
        name: " ".join(str(value).split()) for name, value in sorted(values.items()) if name.split(".")[0] not in skip
    }


class Kernel:
    """Collects the differences of one host."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.files = Files(module)
        self.actions: list[list[str]] = []
        self.values: dict[str, str] = {}

    def modules(self, required: list[str], optional: list[str]) -> None:
        modprobe = self.module.get_bin_path("modprobe")
        states = kernel.states(
            [*required, *optional],
            lambda name: bool(modprobe) and self.module.run_command([modprobe, "-n", "-q", name])[0] == 0,
        )
        lacking = [name for name in states if states[name] == "missing"]
        extra = kernel.ExtraModules(self.module)
        brought = extra.of([name for name in lacking if name in required or name.startswith("xt_")])
        missing = [name for name in required if name in lacking and name not in brought]
        if missing:
            raise Failure(
                f"the kernel lacks {', '.join(missing)}: not built in, and not there as a module. {extra.advice()}"
            )
        if brought:
            self.actions.append(["dnf", "install", extra.package])
        states.update(dict.fromkeys(brought, "loadable"))
        self.actions += [["modprobe", name] for name, state in states.items() if state == "loadable"]
        boot = sorted(
            name
            for name, state in states.items()
            if state != "missing" and (name in brought or kernel.known_to_modprobe(name))
        )
        if boot:
            self.files.want("/etc/modules-load.d/bare-mesh.conf", HEADER + "".join(f"{name}\n" for name in boot))

    def sysctls(self, values: dict[str, str]) -> None:
        self.values = values
        self.refuse_unknown([action[1] for action in self.actions if action[0] == "modprobe"])
        if values:
            self.files.want(SYSCTL_FILE, HEADER + "".join(f"{name} = {value}\n" for name, value in values.items()))
        for name, value in values.items():
            if " ".join(read(kernel.sysctl_path(name)).decode().split()) != value:
                self.actions.append(["sysctl", name, value])

    def refuse_unknown(self, loading: list[str]) -> None:
        """Fails where the kernel has not all the sysctls, nor gets them with the modules that are to be loaded."""
        unknown = []
        for name in self.values:
            if not os.path.isfile(kernel.sysctl_path(name)) and not kernel.comes_with(name, loading):
                meant = kernel.nearest_sysctl(name, loading)
                unknown.append(f"{name} (did you mean {meant}?)" if meant else name)
        if unknown:
            raise Failure(
                f"this kernel has no sysctl {', '.join(unknown)}; correct or remove it in host_prep_sysctl, or"
                " leave out all sysctls with its first part by host_prep_sysctl_skip. Nothing was written"
            )

    def swap(self, off: bool) -> None:
        if swap.boot(self.files, off):
            self.actions.append(["systemctl", "daemon-reload"])
        if off and len(read("/proc/swaps").splitlines()) > 1:
            self.actions.append(["swapoff", "-a"])

    def selinux_permissive(self) -> None:
        if read(ENFORCE).strip() == b"1":
            self.actions.append(["setenforce", "0"])
        text = read("/etc/selinux/config").decode()
        changed = re.sub(r"^SELINUX=enforcing\b", "SELINUX=permissive", text, flags=re.MULTILINE)
        if changed != text:
            self.files.want("/etc/selinux/config", changed)

    def apply(self) -> None:
        for action in self.actions:
            if action[0] in ("dnf", "modprobe"):
                self.run(action)
        # The loaded modules have brought their sysctls now.
        self.refuse_unknown([])
        self.files.write()
        for action in self.actions:
            if action[0] == "sysctl":
                self.set_sysctl(action[1], action[2])
            elif action[0] not in ("dnf", "modprobe"):
                self.run(action)

    def run(self, action: list[str]) -> None:
        options = ["-y", "--setopt=install_weak_deps=False"] if action[0] == "dnf" else []
        program = self.module.get_bin_path(action[0], required=True)
        self.module.run_command([program, *options, *action[1:]], check_rc=True)

    def set_sysctl(self, name: str, value: str) -> None:
        try:
            with open(kernel.sysctl_path(name), "w", encoding="utf-8") as file:
                file.write(value)
        except OSError as error:
            raise Failure(
                f"sysctl {name}={value}: {error}; if the host shares its kernel with others, add its first part to"
                " host_prep_sysctl_skip"
            ) from error


def work(module: AnsibleModule) -> dict[str, Any]:
    host = Kernel(module)
    host.modules(module.params["modules"], module.params["optional_modules"])
    host.sysctls(wanted_sysctls(module.params["sysctls"], module.params["skip"]))
    host.swap(module.params["swap"] == "off")
    if module.params["selinux"] == "permissive":
        host.selinux_permissive()
    if not module.check_mode:
        host.apply()
    actions = [" ".join(action) if action[0] != "sysctl" else f"{action[1]}={action[2]}" for action in host.actions]
    live = {
        "before_header": "running kernel",
        "after_header": "running kernel",
        "before": "",
        "after": "\n".join(actions) + "\n",
    }
    diff = [*host.files.diff, *([live] if actions else [])]
    return {"changed": bool(host.files.todo or actions), "actions": actions, "diff": diff}


def main() -> None:
    strings = {"type": "list", "elements": "str", "default": []}
    run(
        work,
        {
            "modules": strings,
            "optional_modules": strings,
            "sysctls": {"type": "dict", "default": {}},
            "skip": strings,
            "swap": {"type": "str", "choices": ["off", "keep"], "default": "keep"},
            "selinux": {"type": "str", "choices": ["keep", "permissive"], "default": "keep"},
        },
    )


if __name__ == "__main__":
    main()
