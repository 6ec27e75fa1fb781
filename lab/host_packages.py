# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Install the Debian packages that the lab itself needs on this computer."""

from __future__ import annotations

import os
import subprocess
import sys

# For builds: compiler and headers for the two programs that need C, and tools for packages, repositories and roots.
ARTIFACTS = [
    "ca-certificates",
    "createrepo-c",
    "dpkg-dev",
    "gcc",
    "gpg",
    "gpg-agent",
    "libc6-dev",
    "libseccomp-dev",
    "mmdebstrap",
    "pkg-config",
    "rpm",
    "zstd",
]
# For the machines: systemd-nspawn, their network and their root file systems.
NODES = ["iproute2", "mmdebstrap", "openssh-client", "openssl", "rpm", "systemd-container"]


class HostError(RuntimeError):
    """The lab cannot run on this computer. The message is shown to the user."""


def _installed() -> set[str]:
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Package}\n"], check=True, capture_output=True, text=True
    ).stdout
    return {line[3:] for line in listing.splitlines() if line.startswith("ii ")}


def _is_debian_12() -> bool:
    try:
        with open("/etc/os-release", encoding="utf-8") as release:
            lines = set(release.read().split("\n"))
    except OSError:
        return False
    return "ID=debian" in lines and 'VERSION_ID="12"' in lines


def require_host() -> None:
    """Raise HostError unless this process runs as root on Debian 12."""
    if os.geteuid() != 0 or not _is_debian_12():
        raise HostError(
            "the lab needs root on Debian 12 (amd64, 2 CPUs, 16 GB of memory, 40 GB of disk); "
            "for your own machines see docs/real_machines.md"
        )


def ensure(names: list[str]) -> None:
    """Install those of the packages that are missing. Raises HostError if apt-get fails."""
    require_host()
    missing = sorted(set(names) - _installed())
    if not missing:
        return
    print(f"installing {', '.join(missing)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        done = subprocess.run(
            ["apt-get", "--quiet", *command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            sys.stderr.write(done.stdout)
            raise HostError(f"apt-get {command[0]} failed; the lab needs the packages {' '.join(missing)}")
