# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build the root file systems of the machines, one per distribution. The cache keeps them by a hash of their inputs."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import paths
from lab.artifacts.roots import SUITE, apt_sources
from lab.host_packages import HostError

FILES = Path(__file__).parent / "files"

# The packages of a newly installed server. The roles install the rest.
BASE = [
    "bash-completion", "ca-certificates", "curl", "dbus", "hostname", "iproute2", "iptables", "iputils-ping", "kmod",
    "less", "libpam-systemd", "nftables", "openssh-server", "procps", "python3", "python3-apt", "sudo", "systemd",
    "systemd-sysv", "util-linux",
]  # fmt: skip
PACKAGES = {
    "debian12": BASE,
    "mirror": [*BASE, "docker-registry", "nginx"],
    # dnf and rpm, and the services that CentOS enables by default.
    "el9": [
        *(name for name in BASE if name != "python3-apt"),
        "dnf", "firewalld", "libnss-myhostname", "python3-dnf", "rpm",
    ],
}  # fmt: skip


def _hooks(name: str) -> list[Path]:
    """The scripts that run after the packages are installed, with the path of the root as argument."""
    return [FILES / "root-common", *([FILES / "el9" / "customize"] if name == "el9" else [])]


def _options(name: str) -> list[str]:
    return [
        "--variant=minbase", "--mode=root",
        "--include=" + ",".join(PACKAGES[name]),
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/info/*",
    ]  # fmt: skip


def _key(name: str) -> str:
    digest = hashlib.sha256("\n".join([name, SUITE, *_options(name)]).encode())
    files = [FILES / "machine", FILES / "lab-machine.service", FILES / "lab-runc", *_hooks(name)]
    if name == "el9":
        files += sorted((FILES / "el9").iterdir())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def directory(name: str) -> Path:
    """The directory of a root. It may not exist yet."""
    return paths.cache() / "roots" / f"{name}-{_key(name)}"


def _build(name: str) -> None:
    target = directory(name)
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    print(f"root {name} ...", flush=True)
    start = time.monotonic()
    command: list[str | Path] = [
        "mmdebstrap",
        "--quiet",
        *_options(name),
        *(f"--customize-hook={hook}" for hook in _hooks(name)),
        SUITE,
        fresh,
        *apt_sources(),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise HostError(f"the root of {name} could not be built:\n{done.stdout}")
    fresh.rename(target)
    print(f"root {name} done in {time.monotonic() - start:.1f} s", flush=True)


def ensure() -> None:
    """Build the roots that are missing in the cache, in parallel. Raises HostError if a build fails."""
    parent = paths.cache() / "roots"
    parent.mkdir(parents=True, exist_ok=True)
    with open(parent / "lock", "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        missing = [name for name in PACKAGES if not directory(name).is_dir()]
        with ThreadPoolExecutor() as pool:
            list(pool.map(_build, missing))
