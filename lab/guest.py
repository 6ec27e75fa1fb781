# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One virtual machine with a kernel of its own: for modules, sysctls, swap and reboots, which the lab's nodes lack."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import guest_image, guest_mirror, host_packages, paths
from lab.artifacts import store
from lab.artifacts.progress import run
from lab.host_packages import HostError
from lab.nodes import roots

PACKAGES = [
    "e2fsprogs", "fdisk", "mmdebstrap", "openssh-client", "openssl", "qemu-system-x86", "qemu-utils", "util-linux",
]  # fmt: skip
_MEMORY_MIB = 3072
# Emulated, a boot takes half a minute on an idle computer.
_BOOT_SECONDS = 300.0


@dataclass(frozen=True)
class Guest:
    """A running guest. All its files are in the directory, which is removed with it."""

    directory: Path
    process: subprocess.Popen[bytes]
    mirror: guest_mirror.Mirror
    ssh_port: int
    api_port: int

    @property
    def ssh_options(self) -> list[str]:
        """The options with which ssh reaches the guest and knows it again."""
        known = self.directory / "known_hosts"
        return ["-F", "none", "-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes"]

    @property
    def key(self) -> Path:
        """The private key of root's login."""
        return self.directory / "id_ed25519"

    def ssh(self, command: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command in the guest. Ends it after the seconds, with status 124."""
        words = [
            *("timeout", str(seconds), "ssh", *self.ssh_options, "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"),
            *("-i", str(self.key), "-p", str(self.ssh_port), "root@127.0.0.1", command),
        ]
        return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def boot_id(self) -> str:
        """What identifies this boot; empty while the guest does not answer."""
        return self.ssh("cat /proc/sys/kernel/random/boot_id", 15).stdout.strip()

    def wait(self, before: str = "") -> None:
        """Wait for a boot other than the one before, and until all units have started. Raises HostError otherwise."""
        deadline = time.monotonic() + _BOOT_SECONDS
        while self.boot_id() in ("", before):
            if time.monotonic() > deadline or self.process.poll() is not None:
                console = (self.directory / "console.log").read_text(encoding="utf-8", errors="replace")
                raise HostError(f"the guest does not start:\n{console[-3000:]}")
            time.sleep(0.5)
        self.ssh("systemctl is-system-running --wait", _BOOT_SECONDS)

    def reboot(self) -> None:
        """Reboot in the way of an administrator, and wait."""
        before = self.boot_id()
        self.ssh("systemctl reboot")
        self.wait(before)


def _seed(directory: Path, mirror: guest_mirror.Mirror) -> None:
    """Write the tar file that the guest unpacks at its first boot."""
    for name in ("id_ed25519", "host_key"):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "guest", "-f", directory / name])
    source = (
        f"deb [signed-by=/usr/share/keyrings/lab.asc] http://{guest_mirror.HOST}:{mirror.plain_files}/os/debian12 /\n"
    )
    contents = {
        "root/.ssh/authorized_keys": (directory / "id_ed25519.pub").read_text(encoding="utf-8"),
        "etc/ssh/ssh_host_ed25519_key": (directory / "host_key").read_text(encoding="utf-8"),
        "etc/ssh/ssh_host_ed25519_key.pub": (directory / "host_key.pub").read_text(encoding="utf-8"),
        "etc/apt/sources.list": source,
        "usr/share/keyrings/lab.asc": (paths.bundle() / "os/debian12/Release.key").read_text(encoding="utf-8"),
    }
    with tarfile.open(directory / "seed.tar", "w") as tar:
        folder = tarfile.TarInfo("root/.ssh")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o700
        tar.addfile(folder)
        for name, text in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            member.mode = 0o600 if name.endswith("_key") or name.startswith("root/") else 0o644
            tar.addfile(member, io.BytesIO(text.encode()))


def _accelerator() -> list[str]:
    """KVM where the processor has it. Some virtual machines have a /dev/kvm that only runs special kernels."""
    flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    if flags & {"svm", "vmx"} and os.access("/dev/kvm", os.R_OK | os.W_OK):
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


def _qemu(directory: Path, image: Path, ssh_port: int, api_port: int, options: str) -> list[str]:
    network = f"user,id=net,ipv6=off,hostfwd=tcp:127.0.0.1:{ssh_port}-:22,hostfwd=tcp:127.0.0.1:{api_port}-:6443"
    return [
        *("qemu-system-x86_64", *_accelerator()),
        *("-machine", "q35", "-smp", "2", "-m", str(_MEMORY_MIB), "-nodefaults", "-no-user-config", "-display", "none"),
        *("-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd.img")),
        *("-append", f"{guest_image.COMMAND_LINE} {options}".rstrip()),
        *("-drive", f"file={directory}/disk.qcow2,if=virtio,cache=unsafe,discard=unmap"),
        *("-drive", f"file={directory}/seed.tar,if=virtio,format=raw,readonly=on"),
        *("-netdev", network, "-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci"),
        *("-serial", f"file:{directory}/console.log"),
    ]


def _stop(process: int, directory: Path) -> None:
    """Stop a recorded process, unless its id belongs to another program by now."""
    try:
        line = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return
    if str(directory) in line:
        os.kill(process, signal.SIGKILL)


def _clear(parent: Path) -> None:
    """Remove the processes and files of killed runs. A run that lives holds the lock of its directory."""
    for directory in parent.glob("run-*"):
        with open(directory / "lock", "a", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            for path in directory.glob("pid-*"):
                _stop(int(path.name.removeprefix("pid-")), directory)
            shutil.rmtree(directory)


class _Record(list[int]):
    """The ids of a run's processes, each also as an empty file, by which a later run finds them."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    def append(self, process: int) -> None:
        (self._directory / f"pid-{process}").touch()
        super().append(process)


@contextmanager
def _directory() -> Iterator[Path]:
    parent = paths.cache() / "guest"
    parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        with open(parent / "lock", "w", encoding="utf-8") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            _clear(parent)
            directory = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
            held.callback(shutil.rmtree, directory)
            fcntl.flock(held.enter_context(open(directory / "lock", "w", encoding="utf-8")), fcntl.LOCK_EX)
        yield directory


def _image() -> Path:
    made = guest_image.item()
    if made.directory().is_dir():
        return made.path()
    with store.lock():
        return made.path()


@contextmanager
def running(options: str = "") -> Iterator[Guest]:
    """Boot a guest from a fresh overlay of the cached disk. At the end, its processes and files are removed.

    options are added to the kernel's command line.
    """
    host_packages.ensure(PACKAGES)
    if not paths.bundle().exists():
        raise HostError("there are no artifacts yet: run python -m lab artifacts first")
    roots.ensure()
    image = _image()
    with _directory() as directory:
        record = _Record(directory)
        overlay = directory / "disk.qcow2"
        run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image / "disk.raw", overlay])
        with guest_mirror.serving(directory, record) as mirror:
            _seed(directory, mirror)
            ssh_port, api_port = guest_mirror.free_port(), guest_mirror.free_port()
            host_key = (directory / "host_key.pub").read_text(encoding="utf-8")
            (directory / "known_hosts").write_text(f"[127.0.0.1]:{ssh_port} {host_key}", encoding="utf-8")
            with open(directory / "qemu.log", "wb") as log:
                command = _qemu(directory, image, ssh_port, api_port, options)
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            record.append(process.pid)
            try:
                guest = Guest(directory, process, mirror, ssh_port, api_port)
                guest.wait()
                yield guest
            finally:
                process.terminate()
                process.wait()
