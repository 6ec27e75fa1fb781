# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The EL packages of the programs that roles install: their names, and their differences from Debian's packages."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lab.artifacts.package import Content, Package

FILES = Path(__file__).parent / "files"


@dataclass(frozen=True)
class ElPackage:
    """An EL package made from the files of Debian packages. Its version is that of the last Debian package."""

    name: str
    summary: str
    debs: tuple[str, ...]
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    # Prefixes of paths of the Debian packages that the EL package does not have.
    without: tuple[str, ...] = ()
    # If EL splits a package: the only path of this part.
    only: str = "/"
    files: dict[str, tuple[Content, int]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    directories: tuple[str, ...] = ()
    unit: str = ""
    before: str = ""


_NFT = "xtables-nft-multi"
_IPTABLES = ["iptables", "iptables-restore", "iptables-save", "ip6tables", "ip6tables-restore", "ip6tables-save"]

EL_PACKAGES = [
    ElPackage("libmnl", "Library for netlink", ("libmnl0",)),
    ElPackage("libnfnetlink", "Library for netfilter's netlink", ("libnfnetlink0",)),
    ElPackage(
        "libnetfilter_conntrack",
        "Library for connection tracking",
        ("libnetfilter-conntrack3",),
        ("libmnl", "libnfnetlink"),
    ),
    ElPackage("libnftnl", "Library for nf_tables", ("libnftnl11",), ("libmnl",)),
    ElPackage("libedit", "Line editing library", ("libbsd0", "libedit2")),
    ElPackage("iptables-libs", "Libraries of iptables", ("libip4tc2", "libip6tc2", "libxtables12")),
    ElPackage("ipset-libs", "Library of ipset", ("libipset13",), ("libmnl",)),
    ElPackage("tcp_wrappers-libs", "Access control library", ("libwrap0",)),
    ElPackage("jansson", "JSON library", ("libjansson4",)),
    ElPackage(
        "iptables-nft",
        "iptables on nf_tables",
        ("iptables",),
        ("iptables-libs", "libnetfilter_conntrack", "libnftnl"),
        ("iptables",),
        links={f"/usr/sbin/{name}": _NFT for name in _IPTABLES},
    ),
    ElPackage("nftables", "The nft program", ("libnftables1", "nftables"), ("jansson", "libedit", "libnftnl")),
    ElPackage("conntrack-tools", "Connection tracking programs", ("conntrack",), ("libnetfilter_conntrack",)),
    ElPackage("ipset", "IP sets", ("ipset",), ("ipset-libs",)),
    ElPackage("ethtool", "Settings of network interfaces", ("ethtool",), ("libmnl",)),
    ElPackage("iproute-tc", "Traffic control", ("iproute2",), only="/sbin/tc"),
    ElPackage("socat", "Relay between byte streams", ("socat",), ("tcp_wrappers-libs",)),
    ElPackage(
        "chrony",
        "An NTP client and server",
        ("chrony",),
        ("libedit",),
        without=("/etc/", "/lib/", "/usr/lib/", "/usr/libexec/", "/usr/share/", "/var/"),
        files={
            "/etc/chrony.conf": (FILES / "chrony.conf", 0o644),
            "/etc/sysconfig/chronyd": ('OPTIONS=""\n', 0o644),
            "/usr/lib/systemd/system/chronyd.service": (FILES / "chronyd.service", 0o644),
        },
        directories=("/var/lib/chrony", "/var/log/chrony"),
        unit="chronyd.service",
        before="getent passwd chrony >/dev/null"
        " || useradd --system --home-dir /var/lib/chrony --shell /usr/sbin/nologin chrony",
    ),
]


def base_package() -> Package:
    """A package that provides what the stand-in's Debian root already contains, for packages that require it."""
    carried = (
        "/bin/sh", "bash", "ca-certificates", "coreutils", "curl", "glibc", "gnupg2", "iproute", "kmod", "libseccomp",
        "openssl", "openssl-libs", "procps-ng", "python3", "readline", "shadow-utils", "systemd", "tar", "tzdata",
        "util-linux",
    )  # fmt: skip
    note = "The base system is Debian. This package provides EL names for it.\n" + "\n".join(carried) + "\n"
    return Package(
        "bare-mesh-lab-base",
        "9",
        "1.el9",
        "Base system of the lab's EL stand-in",
        {"/usr/share/bare-mesh-lab/base": (note, 0o644)},
        provides=carried,
    )
