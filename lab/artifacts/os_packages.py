# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small repositories of the operating system packages that roles install. The nodes have no other ones."""

from __future__ import annotations

import re
from pathlib import Path

from lab.artifacts import package, repos, roots, signing
from lab.artifacts.el_packages import EL_PACKAGES, ElPackage, base_package
from lab.artifacts.package import Package
from lab.artifacts.progress import run
from lab.artifacts.store import Item, workspace

HERE = Path(__file__).parent
RECIPES = [HERE / "package.py", HERE / "repos.py", HERE / "os_packages.py"]
DEBIAN = [
    "ca-certificates", "chrony", "conntrack", "curl", "docker-registry", "ebtables", "ethtool", "gpg", "ipset",
    "iptables", "kmod", "nftables", "nginx-light", "openssl", "python3-apt", "socat", "ufw",
]  # fmt: skip
_IGNORED = re.compile(
    r"/usr/share/(doc|man|locale|info|bug|lintian|bash-completion|doc-base)/|/etc/(init\.d|ppp|dhcp|network)/"
)


def downloads() -> Item:
    """The item of the Debian packages and their dependencies. apt downloads them from this computer's sources."""

    def build(out: Path) -> None:
        (out / "partial").mkdir()
        with workspace() as work:
            (work / "lists" / "partial").mkdir(parents=True)
            options = {
                # With an empty dpkg status, so that apt downloads all dependencies.
                "Dir::State::status": "/dev/null",
                "Dir::State::lists": work / "lists",
                "Dir::Etc::sourcelist": roots.apt_sources()[0],
                "Dir::Etc::sourceparts": "-",
                "Dir::Cache::archives": out,
                "Dir::Cache::pkgcache": "",
                "Dir::Cache::srcpkgcache": "",
                "APT::Sandbox::User": "root",
                "APT::Architecture": "amd64",
            }
            words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
            run(["apt-get", *words, "-qq", "update"])
            run(["apt-get", *words, "-qq", "--yes", "--no-install-recommends", "--download-only", "install", *DEBIAN])
        for leftover in ("partial", "lock"):
            path = out / leftover
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)

    return Item("debian-packages", [HERE / "os_packages.py", HERE / "roots.py"], build)


def debian_repository(debs: Item) -> Item:
    """The item os/debian12: a flat repository."""

    def build(out: Path) -> None:
        place = out / "os" / "debian12"
        place.mkdir(parents=True)
        for deb in debs.path().glob("*.deb"):
            (place / deb.name.replace("%3a", "_")).hardlink_to(deb)
        repos.index_flat_debs(place)

    return Item("os-debian12", [debs, *RECIPES, signing.fingerprint()], build)


def el_repository(debs: Item) -> Item:
    """The item os/el9: the same programs with the package, unit and file names of EL, for the stand-in."""

    def build(out: Path) -> None:
        place = out / "os" / "el9"
        package.build_rpm(base_package(), place / "Packages")
        for each in EL_PACKAGES:
            with workspace() as work:
                package.build_rpm(_el_package(each, debs.path(), work), place / "Packages")
        repos.index_rpms(place)

    recipes = [*RECIPES, HERE / "el_packages.py"]
    return Item("os-el9", [debs, *recipes, signing.fingerprint()], build)


def el_version(deb_version: str) -> tuple[str, str]:
    """The version and the release of an RPM that is made from a Debian package."""
    upstream, _dash, revision = deb_version.rpartition("-")
    upstream = upstream.partition(":")[2] or upstream
    return upstream.replace("-", "."), re.sub(r"[^0-9A-Za-z.]", ".", revision) + ".el9"


def _el_package(each: ElPackage, debs: Path, work: Path) -> Package:
    for name in each.debs:
        (deb,) = debs.glob(f"{name}_*.deb")
        run(["dpkg-deb", "--extract", deb, work])
    version, release = el_version(run(["dpkg-deb", "--field", deb, "Version"]).strip())
    made = Package(each.name, version, release, each.summary, {}, requires=each.requires, provides=each.provides)
    for path in sorted(work.rglob("*")):
        place = "/" + str(path.relative_to(work))
        left_out = any(place.startswith(prefix) for prefix in each.without)
        if _IGNORED.search(place + "/") or left_out or not place.startswith(each.only):
            continue
        place = re.sub(r"^/(s?bin|lib)/", r"/usr/\1/", place)
        if path.is_symlink():
            made.links[place] = str(path.readlink())
        elif path.is_file():
            made.files[place] = (path, path.stat().st_mode & 0o7777)
    made.files |= each.files
    made.links |= each.links
    made.config = tuple(name for name in made.files if name.startswith("/etc/"))
    made.directories = each.directories
    made.unit, made.before = each.unit, each.before
    return made
