# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Debian packages that the lab itself needs on this machine, installed when they are missing."""

from __future__ import annotations

import os
import subprocess
import sys

# Builds: compiler and headers for the two programs that need C, tools that make packages, repositories and roots.
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
# Machines: systemd-nspawn, their network and their roots.
NODES = ["iproute2", "mmdebstrap", "openssh-client", "openssl", "rpm", "systemd-container"]


class HostError(RuntimeError):
    """This machine cannot run the lab; the message is for its user."""


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
    """Say in one line what is needed where this machine is not one that the lab knows."""
    if os.geteuid() != 0 or not _is_debian_12():
        raise HostError(
            "the lab needs root on Debian 12 (amd64, 2 CPUs, 16 GB of memory, 40 GB of disk); "
            "for machines of your own see docs/real_machines.md"
        )


def ensure(names: list[str]) -> None:
    """Install what is missing of these packages."""
    require_host()
    missing = sorted(set(names) - _installed())
    if not missing:
        return
    print(f"installing {', '.join(missing)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        done = subprocess.run(
            ["apt-get", "--quiet", *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode:
            sys.stderr.write(done.stdout)
            raise HostError(f"apt-get {command[0]} failed; the lab needs the packages {' '.join(missing)}")
