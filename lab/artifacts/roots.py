# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Base file systems of the images that are more than a program: small Debian roots, as one layer each."""

from __future__ import annotations

from pathlib import Path

from lab.artifacts import oci
from lab.artifacts.progress import run
from lab.artifacts.store import Item
from lab.host_packages import HostError
from lab.images.bookinfo import images as stand_ins

SUITE = "bookworm"
# What the network programs call, and python3 with curl for the application's services.
ROOTS = {
    "network": ["ca-certificates", "conntrack", "iproute2", "ipset", "iptables", "kmod", "netbase", "nftables"],
    "python": ["ca-certificates", *stand_ins.PACKAGES],
}


def apt_sources(etc: Path = Path("/etc/apt")) -> list[Path]:
    """This machine's own package sources of its distribution, so that roots come from where the machine's packages do."""
    found = [etc / "sources.list.d" / "debian.sources", etc / "sources.list"]
    for path in found:
        if path.exists() and path.stat().st_size:
            return [path]
    raise HostError(f"neither {found[0]} nor {found[1]} names a Debian package source")


def root_layer(name: str) -> Item:
    """One root as a layer."""

    def build(out: Path) -> None:
        tar = out / "root.tar"
        run(
            [
                # No clock goes into a root, so that it is the same layer whenever it is built from the same packages.
                "env", f"SOURCE_DATE_EPOCH={oci.MTIME}",
                "mmdebstrap", "--quiet", "--variant=essential", "--mode=root",
                "--include=" + ",".join(ROOTS[name]),
                "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/man/*",
                "--dpkgopt=path-exclude=/usr/share/locale/*",
                "--dpkgopt=path-exclude=/usr/share/info/*",
                '--customize-hook=rm -rf "$1"/var/cache/* "$1"/var/log/* "$1"/var/lib/apt/*',
                # A container engine brings its own.
                "--skip=output/dev",
                SUITE, tar, *apt_sources(),
            ]
        )  # fmt: skip
        oci.compress_layer(tar, out)
        tar.unlink()

    return Item(f"root-{name}", [Path(__file__), Path(oci.__file__), *ROOTS[name]], build)
