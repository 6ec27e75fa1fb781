# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Progress output of the builder: one line when a step begins, one with its time when it ends."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.host_packages import HostError

_HEARTBEAT_SECONDS = 20


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print a line at the beginning of a step, and one with its seconds at the end."""
    print(f"{name} ...", flush=True)
    start = time.monotonic()
    yield
    print(f"{name} done in {time.monotonic() - start:.1f} s", flush=True)


def run(command: Sequence[object]) -> str:
    """Run a program and return its output. If it fails, show the output."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise HostError(f"{words[0]} failed with status {done.returncode}: {' '.join(words)}")
    return done.stdout


def run_counting(
    command: Sequence[str], env: dict[str, str], cwd: Path, what: str, counts: Callable[[str], bool]
) -> None:
    """Run a long program and show at intervals how many progress lines it printed. Other lines are its errors."""
    lines: list[str] = []
    counted = 0
    told = time.monotonic()
    with subprocess.Popen(
        command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if counts(line):
                counted += 1
            else:
                lines.append(line)
            if time.monotonic() - told > _HEARTBEAT_SECONDS:
                print(f"  {counted} {what}", flush=True)
                told = time.monotonic()
    if process.returncode:
        sys.stderr.writelines(lines)
        raise HostError(f"{command[0]} failed with status {process.returncode} in {cwd}")
