# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from lab import guest


@pytest.fixture(autouse=True)
def parent(tmp_path, monkeypatch):
    monkeypatch.setenv("BARE_MESH_CACHE", str(tmp_path))
    return tmp_path / "guest"


@pytest.fixture
def process(tmp_path):
    """Start a process with the words in its command line."""
    started = []

    def start(*words):
        command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)", *map(str, words)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        started[-1].stdout.readline()
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


def test_the_next_run_removes_what_a_killed_run_has_left(parent, process):
    left = parent / "run-killed"
    left.mkdir(parents=True)
    its_own, foreign = process(left / "disk.qcow2"), process("another program with the id of one that ended")
    for one in (its_own, foreign):
        (left / f"pid-{one.pid}").touch()
    with guest._directory():
        assert its_own.wait(10) == -signal.SIGKILL and foreign.poll() is None
        assert not left.exists()


def test_a_run_leaves_alone_another_that_lives(parent):
    with guest._directory() as first:
        with guest._directory() as second:
            assert first.is_dir() and second != first
        assert first.is_dir() and not second.exists()
    assert [path.name for path in parent.iterdir()] == ["lock"]


def test_without_virtualisation_of_the_processor_it_is_emulated(monkeypatch):
    """With a /dev/kvm as well: some virtual machines have one that does not start Debian's kernel."""
    monkeypatch.setattr(guest.Path, "read_text", lambda *arguments, **options: "flags\t\t: fpu hypervisor")
    monkeypatch.setattr(guest.os, "access", lambda *arguments: True)
    assert guest._accelerator() == ["-accel", "tcg,thread=multi", "-cpu", "max"]
    monkeypatch.setattr(guest.Path, "read_text", lambda *arguments, **options: "flags\t\t: fpu vmx")
    assert guest._accelerator() == ["-accel", "kvm", "-cpu", "host"]
