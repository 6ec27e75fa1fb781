# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the lab changes on the machine itself: one bridge and some kernel settings, each put back by `down`."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from lab.host_packages import HostError
from lab.nodes.machines import BRIDGE, GATEWAY, PREFIX, STATE

_PATIENCE_SECONDS = 20.0
_RECORD = STATE / "sysctl.json"
# Settings that machine and nodes share. Nodes see them read-only, so they must be what a node needs already.
_SYSCTLS = {
    # The machine's own firewall has no say in what nodes send each other.
    "net/bridge/bridge-nf-call-iptables": "0",
    "net/bridge/bridge-nf-call-ip6tables": "0",
    # The kubelet refuses to start where these differ and it cannot set them.
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
    # Counted per user, and root is one user in all nodes.
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
    """Whether there is a bridge of a lab, alive or not."""
    return Path("/sys/class/net", BRIDGE).exists()


def up() -> None:
    """The bridge, and the kernel settings; what was there before is written down first."""
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
    # Nodes reach each other and this machine; nothing of theirs goes further, even where this machine is a router.
    _proc(f"net/ipv4/conf/{BRIDGE}/forwarding").write_text("0", encoding="utf-8")


def unplug(name: str) -> None:
    """Remove a stopped machine's link. The kernel does that too, but not before a machine of that name may start again."""
    link = Path("/sys/class/net", f"vb-{name}")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while link.exists():
        # It may fail because the kernel was quicker.
        subprocess.run(["ip", "link", "delete", link.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if time.monotonic() > deadline:
            raise HostError(f"the network link {link.name} cannot be removed")
        time.sleep(0.05)


def down() -> None:
    """Remove the bridge and put the settings back."""
    if bridge_exists():
        _ip("link", "delete", BRIDGE)
    if _RECORD.exists():
        for name, before in json.loads(_RECORD.read_text(encoding="utf-8")).items():
            _proc(name).write_text(before, encoding="utf-8")
        _RECORD.unlink()
