# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verbs of `python -m lab` that concern the machines."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from lab import host_packages, paths
from lab.host_packages import HostError
from lab.nodes import cgroups, credentials, machine, network, roots
from lab.nodes.machines import CONTROL_PLANE, MACHINES, MIRROR, STATE, Machine, named

_LOCK = Path("/run/lock/bare-mesh-lab")
_OWNER = STATE / "owner"


@contextmanager
def _alone() -> Iterator[None]:
    """Allow only one change of the lab at a time. `down` deletes the lab's state, so the lock is elsewhere."""
    with open(_LOCK, "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _each(work: Callable[[Machine], None], machines: list[Machine]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(work, machines))


def _down() -> None:
    for name in cgroups.leftover_names() | {each.name for each in MACHINES}:
        cgroups.kill(name)
        network.unplug(name)
    network.down()
    machine.unmount()
    if STATE.exists():
        shutil.rmtree(STATE)
    credentials.KUBECONFIG.unlink(missing_ok=True)


def _start(machines: list[Machine]) -> None:
    _each(machine.start, machines)
    _each(machine.wait, machines)


def _serve_bundle() -> None:
    """Set up the mirror with the role `mirror`, which users also use. Raises HostError if the playbook fails."""
    playbook = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "playbooks/mirror.yml",
        "-i",
        "inventories/lab",
    ]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(paths.REPOSITORY / "ansible.cfg")}
    done = subprocess.run(
        playbook, cwd=paths.REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise HostError(f"playbooks/mirror.yml failed:\n{done.stdout}")


def up() -> int:
    """Start the machines that are not running. Builds missing roots first. Returns the exit code 0."""
    host_packages.ensure(host_packages.NODES)
    started = time.monotonic()
    roots.ensure()
    with _alone():
        credentials.ensure()
        mine = credentials.identity()
        if _OWNER.exists() and _OWNER.read_text(encoding="utf-8") != mine:
            print("removing the lab of another checkout or of other artifacts", flush=True)
        if not _OWNER.exists() or _OWNER.read_text(encoding="utf-8") != mine:
            _down()
            STATE.mkdir(parents=True, exist_ok=True)
            _OWNER.write_text(mine, encoding="utf-8")
        network.up()
        stopped = [each for each in MACHINES if not machine.running(each)]
        for each in MACHINES:
            if each.directory.exists() and machine.outdated(each):
                print(f"{each.name} has an older root; run python -m lab reset {each.name} to renew it", flush=True)
        _start(stopped)
        machine.empty_trash()
        _serve_bundle()
    names = ", ".join(each.name for each in stopped) or "nothing"
    print(f"lab: started {names} ({time.monotonic() - started:.1f} s)")
    return 0


def down() -> int:
    """Remove the lab from this computer. The cache and this checkout's keys stay. Returns the exit code 0."""
    host_packages.require_host()
    with _alone():
        _down()
    return 0


def reset(names: list[str]) -> int:
    """Make the named machines bare again. Returns the exit code 0; raises HostError if this checkout has no lab."""
    host_packages.require_host()
    machines = named(names)
    started = time.monotonic()
    roots.ensure()
    with _alone():
        if not _OWNER.exists() or _OWNER.read_text(encoding="utf-8") != credentials.identity():
            raise HostError("no lab of this checkout is running: run python -m lab up first")
        _each(machine.stop, machines)
        for each in machines:
            machine.wipe(each)
        if CONTROL_PLANE in machines:
            # The cluster of this kubeconfig no longer exists.
            credentials.KUBECONFIG.unlink(missing_ok=True)
        network.up()
        _start(machines)
        if MIRROR in machines:
            _serve_bundle()
        machine.empty_trash()
    print(f"lab: reset {', '.join(each.name for each in machines)} ({time.monotonic() - started:.1f} s)")
    return 0


def _line(each: Machine) -> str:
    if not machine.running(each):
        return f"{each.name:8}{each.address:13}stopped"
    answer = machine.ssh(each, "test -e /etc/kubernetes/kubelet.conf && echo joined || echo bare")
    state = f"ssh yes   {answer.stdout.strip()}" if answer.returncode == 0 else "ssh no"
    return f"{each.name:8}{each.address:13}running   {state if each != MIRROR else state.replace('bare', '')}".rstrip()


def status() -> int:
    """Print one line per machine. Returns 0 if all machines answer by SSH, else 1."""
    with ThreadPoolExecutor() as pool:
        lines = list(pool.map(_line, MACHINES))
    print("\n".join(lines))
    return 1 if any("ssh yes" not in line for line in lines) else 0
