# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build a Debian package and an RPM from one description."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from lab.artifacts.progress import run
from lab.artifacts.store import workspace

Content = Path | str


@dataclass
class Package:
    """Description of a package. files: absolute path on the host -> (local file or text, mode)."""

    name: str
    version: str
    release: str
    summary: str
    files: dict[str, tuple[Content, int]]
    links: dict[str, str] = field(default_factory=dict)
    config: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    # Name of the systemd unit in the package.
    unit: str = ""
    # Script that runs before the files are installed (only for RPMs).
    before: str = ""


def lay_out(package: Package, root: Path) -> None:
    """Write the files of the package below a directory."""
    for name in package.directories:
        (root / name.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for name, (content, mode) in package.files.items():
        target = root / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, target)
        else:
            target.write_text(content, encoding="utf-8")
        target.chmod(mode)
    for name, destination in package.links.items():
        target = root / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(destination)


def deb_name(package: Package) -> str:
    """The file name of the Debian package, as its owner publishes it."""
    return f"{package.name}_{package.version}-{package.release}_amd64.deb"


def deb_control(package: Package) -> str:
    """The text of the control file."""
    lists = {
        "Depends": package.requires,
        "Provides": package.provides,
        "Conflicts": package.conflicts,
        "Replaces": package.conflicts,
    }
    return "".join(
        [
            f"Package: {package.name}\nVersion: {package.version}-{package.release}\nArchitecture: amd64\n",
            "Maintainer: The bare.mesh lab <lab@bare.mesh.invalid>\nSection: admin\nPriority: optional\n",
            *(f"{name}: {', '.join(values)}\n" for name, values in lists.items() if values),
            f"Description: {package.summary}\n",
        ]
    )


def deb_scripts(unit: str) -> dict[str, str]:
    """The maintainer scripts, as debhelper writes them: enable and start a new unit, restart an upgraded one."""
    if not unit:
        return {}
    live = "[ -d /run/systemd/system ]"
    return {
        "postinst": f"""#!/bin/sh
set -e
if [ "$1" = configure ]; then
    deb-systemd-helper unmask {unit} >/dev/null || true
    if deb-systemd-helper --quiet was-enabled {unit}; then
        deb-systemd-helper enable {unit} >/dev/null || true
    else
        deb-systemd-helper update-state {unit} >/dev/null || true
    fi
    if {live}; then
        systemctl --system daemon-reload >/dev/null || true
        if [ -n "$2" ]; then action=restart; else action=start; fi
        deb-systemd-invoke "$action" {unit} >/dev/null || true
    fi
fi
""",
        "prerm": f"""#!/bin/sh
set -e
if [ "$1" = remove ] && {live}; then deb-systemd-invoke stop {unit} >/dev/null || true; fi
""",
        "postrm": f"""#!/bin/sh
set -e
if {live}; then systemctl --system daemon-reload >/dev/null || true; fi
if [ "$1" = purge ] && [ -x /usr/bin/deb-systemd-helper ]; then deb-systemd-helper purge {unit} >/dev/null || true; fi
""",
    }


def build_deb(package: Package, target: Path) -> None:
    """Build the Debian package in a directory."""
    with workspace() as work:
        root = work / "root"
        lay_out(package, root)
        control = root / "DEBIAN"
        control.mkdir(parents=True)
        (control / "control").write_text(deb_control(package), encoding="utf-8")
        if package.config:
            (control / "conffiles").write_text("\n".join(package.config) + "\n", encoding="utf-8")
        for name, text in deb_scripts(package.unit).items():
            (control / name).write_text(text, encoding="utf-8")
            (control / name).chmod(0o755)
        target.mkdir(parents=True, exist_ok=True)
        run(["dpkg-deb", "--root-owner-group", "-Zzstd", "-z3", "--build", root, target / deb_name(package)])


def rpm_spec(package: Package, root: Path) -> str:
    """The text of the spec file. It packs a finished directory tree."""
    configured = set(package.config)
    listed = [
        *(f"%dir {name}" for name in package.directories),
        *((f"%config(noreplace) {name}" if name in configured else name) for name in package.files),
        *package.links,
    ]
    scripts = f"%pre\n{package.before}\n" if package.before else ""
    if package.unit:
        # What %systemd_post and similar macros expand to. A new unit stays disabled, like with EL's presets.
        scripts += f"""%post
[ ! -d /run/systemd/system ] || systemctl daemon-reload || :
%preun
if [ $1 -eq 0 ] && [ -d /run/systemd/system ]; then systemctl --no-reload disable --now {package.unit} || :; fi
%postun
[ ! -d /run/systemd/system ] || systemctl daemon-reload || :
"""
    return "".join(
        [
            f"Name: {package.name}\nVersion: {package.version}\nRelease: {package.release}\n",
            f"Summary: {package.summary}\nLicense: see upstream\nBuildArch: x86_64\nAutoReqProv: no\n",
            *(f"Requires: {each}\n" for each in package.requires),
            *(f"Provides: {each}\n" for each in package.provides),
            *(f"Conflicts: {each}\n" for each in package.conflicts),
            f"%description\n{package.summary}\n",
            f"%install\ncp -a {root}/. %{{buildroot}}/\n",
            scripts,
            "%files\n" + "\n".join(listed) + "\n",
        ]
    )


def rpm_name(package: Package) -> str:
    """The file name of the RPM, as rpmbuild names it."""
    return f"{package.name}-{package.version}-{package.release}.x86_64.rpm"


def build_rpm(package: Package, target: Path) -> None:
    """Build the RPM in a directory."""
    with workspace() as work:
        root = work / "root"
        root.mkdir()
        lay_out(package, root)
        spec = work / "package.spec"
        spec.write_text(rpm_spec(package, root), encoding="utf-8")
        # The programs are already stripped, so rpmbuild must not process the files.
        macros = {
            "_topdir": str(work / "build"),
            "_build_id_links": "none",
            "debug_package": "%{nil}",
            "__os_install_post": "%{nil}",
            "_binary_payload": "w3.zstdio",
            "_buildhost": "lab",
            "clamp_mtime_to_source_date_epoch": "1",
        }
        defines = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
        run(["rpmbuild", "--quiet", "-bb", "--target", "x86_64", *defines, spec])
        target.mkdir(parents=True, exist_ok=True)
        (work / "build" / "RPMS" / "x86_64" / rpm_name(package)).rename(target / rpm_name(package))
