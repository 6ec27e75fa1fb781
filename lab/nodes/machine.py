# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Create, start, stop and wipe a machine, and run commands on it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab import paths
from lab.host_packages import HostError
from lab.nodes import cgroups, credentials, network, roots
from lab.nodes.machines import BRIDGE, GATEWAY, MIRROR, PREFIX, STATE, Machine

_LAUNCH = Path(__file__).parent / "files" / "launch"
_BOOT_SECONDS = 60.0


def running(machine: Machine) -> bool:
    """Whether the machine has processes."""
    return bool(cgroups.processes(machine.name))


def _seed(machine: Machine, upper: Path) -> None:
    """Write the files that this machine has at its first start, and that the shared root does not have."""

    def write(name: str, text: str, mode: int = 0o644) -> None:
        path = upper / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    key = credentials.host_key(machine.name)
    (upper / "root" / ".ssh").mkdir(parents=True, mode=0o700)
    (upper / "root").chmod(0o700)
    write("root/.ssh/authorized_keys", credentials.SSH_KEY.with_suffix(".pub").read_text(encoding="utf-8"), 0o600)
    write("etc/ssh/ssh_host_ed25519_key", key.read_text(encoding="utf-8"), 0o600)
    write("etc/ssh/ssh_host_ed25519_key.pub", key.with_suffix(".pub").read_text(encoding="utf-8"))
    write("etc/hostname", machine.name + "\n")
    write("etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {machine.name}\n::1 localhost\n")
    write("etc/machine-id", machine.machine_id + "\n")
    # No DNS server runs there, so a lookup fails at once instead of timing out.
    write("etc/resolv.conf", f"nameserver {GATEWAY}\n")
    write("etc/bare-mesh-lab.conf", f"ADDRESS={machine.address}/{PREFIX}\nGATEWAY={GATEWAY}\n")
    _seed_repository(machine, write)


def _seed_repository(machine: Machine, write: Callable[[str, str], None]) -> None:
    """Configure the repository of the operating system: signed, over plain HTTP, like on a newly installed system."""
    base = f"http://{MIRROR.address}/os"
    bundle = paths.bundle() / "os"
    if machine.root == "el9":
        key = "etc/pki/rpm-gpg/RPM-GPG-KEY-lab"
        write(key, (bundle / "el9" / "repodata" / "repomd.xml.key").read_text(encoding="utf-8"))
        write(
            "etc/yum.repos.d/centos.repo",
            f"[baseos]\nname=CentOS Stream $releasever - BaseOS\nbaseurl={base}/el9/\n"
            f"enabled=1\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file:///{key}\n",
        )
    else:
        key = "usr/share/keyrings/lab.asc"
        write(key, (bundle / "debian12" / "Release.key").read_text(encoding="utf-8"))
        write("etc/apt/sources.list", f"deb [signed-by=/{key}] {base}/debian12 /\n")


def stop(machine: Machine) -> None:
    """Stop the machine at once, without a clean shutdown."""
    cgroups.kill(machine.name)
    network.unplug(machine.name)


def wipe(machine: Machine) -> Path | None:
    """Move the files of a stopped machine to the trash, and return their directory there. empty_trash() deletes it."""
    if not machine.directory.exists():
        return None
    trash = STATE / "trash"
    trash.mkdir(exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f"{machine.name}-", dir=trash))
    return machine.directory.rename(place / machine.name).parent


def unmount() -> None:
    """Unmount everything below STATE. Mounts of a running machine are in its own namespace, so these are leftovers."""
    for line in reversed(Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()):
        place = line.split()[4]
        if place.startswith(f"{STATE}/"):
            subprocess.run(["umount", "--lazy", place], check=True)


def empty_trash() -> None:
    """Delete the files of wiped machines."""
    shutil.rmtree(STATE / "trash", ignore_errors=True)


def outdated(machine: Machine) -> bool:
    """Whether the machine was created from another root than the current one."""
    record = machine.directory / "root-name"
    return not record.exists() or record.read_text(encoding="utf-8") != roots.directory(machine.root).name


def _lay_out(machine: Machine) -> None:
    fresh = machine.directory.with_name(f"{machine.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for name in ("upper", "work", "root", *(f"plain{place}" for place in machine.plain)):
        (fresh / name).mkdir(parents=True)
    _seed(machine, fresh / "upper")
    (fresh / "root-name").write_text(roots.directory(machine.root).name, encoding="utf-8")
    fresh.rename(machine.directory)


def start(machine: Machine) -> None:
    """Start a machine that is not running. Creates its files first if it has none. Raises HostError without a root."""
    stop(machine)
    if not machine.directory.exists():
        _lay_out(machine)
    root = paths.cache() / "roots" / (machine.directory / "root-name").read_text(encoding="utf-8")
    if not root.is_dir():
        raise HostError(f"the root of {machine.name} is missing from the cache: run python -m lab reset {machine.name}")
    options = [
        f"--network-bridge={BRIDGE}",
        f"--uuid={machine.machine_id}",
        *(f"--bind={machine.directory}/plain{place}:{place}" for place in machine.plain),
    ]
    if machine == MIRROR:
        # The parent directory is mounted, so that a bundle built later is served without a restart.
        options.append(f"--bind-ro={paths.bundle().parent}:/srv/bundle")
    hierarchies = " ".join(str(path) for path in cgroups.hierarchies())
    with open(machine.directory / "console.log", "wb") as log:
        # In a new session, because the machine must keep running after this program and its terminal end.
        subprocess.Popen(
            [_LAUNCH, machine.name, hierarchies, root, machine.directory, *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
        )  # fmt: skip


def ssh(machine: Machine, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a machine by SSH, with the same key and host key check as Ansible."""
    options = {
        "UserKnownHostsFile": str(credentials.KNOWN_HOSTS),
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
        "ConnectTimeout": "2",
    }
    return subprocess.run(
        [
            *("timeout", str(_BOOT_SECONDS), "ssh", "-F", "none", "-i", credentials.SSH_KEY),
            *(word for name, value in options.items() for word in ("-o", f"{name}={value}")),
            f"root@{machine.address}",
            command,
        ],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def wait(machine: Machine) -> None:
    """Wait until SSH works and the boot has finished. Raises HostError after 60 seconds or if the machine stops."""
    deadline = time.monotonic() + _BOOT_SECONDS
    while True:
        done = ssh(machine, "systemctl is-system-running --wait || systemctl --failed --no-legend --plain")
        if done.returncode == 0:
            state, _, failed = done.stdout.partition("\n")
            if state != "running":
                print(f"{machine.name} is {state}:\n{failed.rstrip()}")
            return
        if time.monotonic() > deadline or not running(machine):
            log = (machine.directory / "console.log").read_text(encoding="utf-8", errors="replace")
            raise HostError(f"{machine.name} does not start: {done.stderr.strip()}\n{log[-2000:]}")
        time.sleep(0.2)
