# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Root layers for the images that need more than one program: small Debian root file systems."""

from __future__ import annotations

from pathlib import Path

from lab.artifacts import oci
from lab.artifacts.progress import run
from lab.artifacts.store import Item
from lab.host_packages import HostError
from lab.images.bookinfo import images as stand_ins

SUITE = "bookworm"
# Programs that the network components call, and python3 and curl for the services of the application.
ROOTS = {
    "network": ["ca-certificates", "conntrack", "iproute2", "ipset", "iptables", "kmod", "netbase", "nftables"],
    "python": ["ca-certificates", *stand_ins.PACKAGES],
}


def apt_sources(etc: Path = Path("/etc/apt")) -> list[Path]:
    """The Debian package sources of this computer. The roots are built from the same sources."""
    found = [etc / "sources.list.d" / "debian.sources", etc / "sources.list"]
    for path in found:
        if path.exists() and path.stat().st_size:
            return [path]
    raise HostError(f"neither {found[0]} nor {found[1]} names a Debian package source")


def root_layer(name: str) -> Item:
    """The item of one root, as a layer."""

    def build(out: Path) -> None:
        tar = out / "root.tar"
        run(
            [
                # With a fixed time, the same packages always give the same layer.
                "env", f"SOURCE_DATE_EPOCH={oci.MTIME}",
                "mmdebstrap", "--quiet", "--variant=essential", "--mode=root",
                "--include=" + ",".join(ROOTS[name]),
                "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/man/*",
                "--dpkgopt=path-exclude=/usr/share/locale/*",
                "--dpkgopt=path-exclude=/usr/share/info/*",
                '--customize-hook=rm -rf "$1"/var/cache/* "$1"/var/log/* "$1"/var/lib/apt/*',
                # A container engine mounts its own.
                "--skip=output/dev",
                SUITE, tar, *apt_sources(),
            ]
        )  # fmt: skip
        oci.compress_layer(tar, out)
        tar.unlink()

    return Item(f"root-{name}", [Path(__file__), Path(oci.__file__), *ROOTS[name]], build)
