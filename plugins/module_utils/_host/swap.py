# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Swap after a reboot: the ways by which it comes back, closed and opened again."""

from __future__ import annotations

import os
import re

from ansible_collections.bare.mesh.plugins.module_utils._host.files import Files, read

FSTAB = "/etc/fstab"
COMMENT = "# bare.mesh, no swap under a kubelet: "
UNITS = "/etc/systemd/system"
# Folders of the files of units. The last one has what systemd makes of init scripts.
UNIT_FOLDERS = (UNITS, "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
GENERATED = "/run/systemd/generator.late"
# Services that switch swap on by themselves: zram-tools (Debian), zram-config (Ubuntu), zram-swap (several
# distributions), and those that make swap files, of Raspberry Pi OS and Debian.
SERVICES = ("dphys-swapfile", "swapspace", "zram-config", "zram-swap", "zramswap")
# systemd does not start a unit whose condition fails, and does not call that a failure.
DROP_IN = "# Written by bare.mesh: no swap under a kubelet.\n[Unit]\nConditionPathExists=!/\n"


def fstab_without_swap(text: str) -> str:
    """The file with its swap lines kept as comments."""
    return re.sub(r"^(?=[^#\s]\S*\s+\S+\s+swap\s)", COMMENT, text, flags=re.MULTILINE)


def fstab_with_swap(text: str) -> str:
    """The file with the lines that `fstab_without_swap` has made comments."""
    return re.sub(f"^{re.escape(COMMENT)}", "", text, flags=re.MULTILINE)


def drop_ins() -> list[str]:
    """The files that close all other ways on this host.

    That of all units of the type swap (systemd 244 and later) also holds for those that generators make at boot, of
    partitions (systemd-gpt-auto-generator) and of memory (zram-generator), whatever their names will be.
    """
    services = [
        name for name in SERVICES if any(os.path.lexists(f"{one}/{name}.service") for one in (*UNIT_FOLDERS, GENERATED))
    ]
    return [f"{UNITS}/{name}.d/bare-mesh.conf" for name in ("swap", *(f"{name}.service" for name in services))]


def boot(files: Files, off: bool) -> bool:
    """Notes the files by which swap stays off at boot, or comes again. Whether systemd is to read its units again."""
    text = read(FSTAB).decode(errors="surrogateescape")
    changed = fstab_without_swap(text) if off else fstab_with_swap(text)
    if changed != text:
        files.want(FSTAB, changed, os.stat(FSTAB).st_mode & 0o777)
    wanted = drop_ins() if off else []
    for path in wanted:
        files.want(path, DROP_IN)
    for name in ("swap", *(f"{name}.service" for name in SERVICES)):
        path = f"{UNITS}/{name}.d/bare-mesh.conf"
        if path not in wanted:
            files.unwant(path)
    return any(path == FSTAB or path.startswith(UNITS) for path in files.todo)
