# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find and kill the processes of a machine by its cgroups. No process id is stored, because it could be reused."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from lab.host_packages import HostError

_PREFIX = "bmlab-"
_PATIENCE_SECONDS = 20.0


def hierarchies(mountinfo: Path = Path("/proc/self/mountinfo")) -> list[Path]:
    """The mount points of this computer's cgroup hierarchies (v1 and v2) below /sys/fs/cgroup, from mountinfo."""
    found = []
    for line in mountinfo.read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        place = Path(before.split()[4])
        if after.split()[0] in ("cgroup", "cgroup2") and place.is_relative_to("/sys/fs/cgroup"):
            found.append(place)
    return sorted(set(found))


def _of(name: str) -> list[Path]:
    return [path for each in hierarchies() if (path := each / f"{_PREFIX}{name}").is_dir()]


def leftover_names() -> set[str]:
    """The names of all machines that have a cgroup, whether they run or not."""
    return {path.name.removeprefix(_PREFIX) for each in hierarchies() for path in each.glob(f"{_PREFIX}*")}


def processes(name: str) -> set[int]:
    """The ids of all processes of a machine, including those of its pods."""
    found: set[int] = set()
    for top in _of(name):
        for directory, _below, _files in os.walk(top):
            try:
                text = Path(directory, "cgroup.procs").read_text(encoding="utf-8")
            except FileNotFoundError:
                continue
            found.update(int(word) for word in text.split())
    # 0 stands for a process outside of this pid namespace.
    return found - {0, os.getpid()}


def kill(name: str) -> None:
    """Kill all processes of a machine and remove its cgroups. Raises HostError if that takes longer than 20 seconds."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while alive := processes(name):
        for process in alive:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            raise HostError(f"processes of {name} do not end: {sorted(alive)}")
        time.sleep(0.05)
    for top in _of(name):
        _remove(top, deadline)


def _remove(top: Path, deadline: float) -> None:
    """Remove a tree of cgroups. Retries, because a cgroup stays busy for a moment after its last process."""
    while True:
        try:
            for directory, _below, _files in os.walk(top, topdown=False):
                os.rmdir(directory)
            return
        except FileNotFoundError:
            return
        except OSError as fault:
            if time.monotonic() > deadline:
                raise HostError(f"the cgroup {top} cannot be removed: {fault}") from fault
            time.sleep(0.1)
