# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bridge and the sysctls that the lab sets on this computer. `down` restores both."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from lab.host_packages import HostError
from lab.nodes.machines import BRIDGE, GATEWAY, PREFIX, STATE

_PATIENCE_SECONDS = 20.0
_RECORD = STATE / "sysctl.json"
# Sysctls that this computer shares with the nodes. Nodes cannot set them, so the lab sets the values that they need.
_SYSCTLS = {
    # The firewall of this computer must not filter traffic between the nodes.
    "net/bridge/bridge-nf-call-iptables": "0",
    "net/bridge/bridge-nf-call-ip6tables": "0",
    # The kubelet does not start if these have other values and it cannot set them.
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
    # These are limits per user, and root is the same user in all nodes.
    "fs/inotify/max_user_instances": "8192",
    "fs/inotify/max_user_watches": "524288",
}


def _proc(name: str) -> Path:
    return Path("/proc/sys") / name


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise HostError(f"ip {' '.join(arguments)} failed: {done.stdout.strip()}")


def bridge_exists() -> bool:
    """Whether the bridge of a lab exists."""
    return Path("/sys/class/net", BRIDGE).exists()


def up() -> None:
    """Create the bridge and set the sysctls. Saves the old values first. Raises HostError if ip fails."""
    record: dict[str, str] = json.loads(_RECORD.read_text(encoding="utf-8")) if _RECORD.exists() else {}
    changes = {}
    for name, wanted in _SYSCTLS.items():
        if _proc(name).exists() and (found := _proc(name).read_text(encoding="utf-8").strip()) != wanted:
            changes[name] = wanted
            record.setdefault(name, found)
    _RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for name, wanted in changes.items():
        _proc(name).write_text(wanted, encoding="utf-8")
    if not bridge_exists():
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("address", "add", f"{GATEWAY}/{PREFIX}", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
    # The nodes reach each other and this computer. Their traffic is not forwarded, even if this computer is a router.
    _proc(f"net/ipv4/conf/{BRIDGE}/forwarding").write_text("0", encoding="utf-8")


def unplug(name: str) -> None:
    """Remove the network link of a stopped machine. The kernel also removes it, but perhaps after the next start."""
    link = Path("/sys/class/net", f"vb-{name}")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while link.exists():
        # It can fail because the kernel has already removed the link.
        subprocess.run(["ip", "link", "delete", link.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if time.monotonic() > deadline:
            raise HostError(f"the network link {link.name} cannot be removed")
        time.sleep(0.05)


def down() -> None:
    """Remove the bridge and restore the sysctls."""
    if bridge_exists():
        _ip("link", "delete", BRIDGE)
    if _RECORD.exists():
        for name, before in json.loads(_RECORD.read_text(encoding="utf-8")).items():
            _proc(name).write_text(before, encoding="utf-8")
        _RECORD.unlink()
