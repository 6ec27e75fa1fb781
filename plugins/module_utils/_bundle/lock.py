# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock of a bundle: each of its files by digest.

It is YAML with one line a file, and each line is JSON, so that a host without a library for YAML can read it. The mark
of its end shows that it is complete.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._bundle.entry import Entry
from ansible_collections.bare.mesh.plugins.module_utils._host import archive

NAME = "lock.yml"
HEAD = "---\n# Written by bare.mesh: the files of this bundle. It is written anew with the bundle.\nfiles:\n"
ITEM = "  - "
END = "...\n"
# How many names a message has before it only counts the rest.
SHOWN = 20


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """The entries in the order of the lock. A manifest that is an image's is no blob besides."""
    unique = set(entries)
    images = {one.path for one in unique if one.kind == "image"}
    kept = [one for one in unique if one.kind != "blob" or one.path not in images]
    return sorted(kept, key=lambda one: (one.path, one.kind, one.name, one.version))


def text(entries: Iterable[Entry]) -> str:
    """The lock as text."""
    return HEAD + "".join(f"{line(one)}\n" for one in ordered(entries)) + END


def line(entry: Entry) -> str:
    """The line of one file."""
    return ITEM + json.dumps({name: value for name, value in asdict(entry).items() if value != ""})


def read(path: Path) -> list[Entry]:
    """The entries of a lock. Raises Failure for what is none."""
    try:
        # Only what ends a line in YAML and JSON, too.
        lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except (OSError, ValueError) as error:
        raise Failure(f"the lock {path} cannot be read: {error}") from error
    found = []
    for number, one in enumerate(lines, 1):
        if not one.startswith("  "):
            continue
        try:
            found.append(_entry(json.loads(one[len(ITEM) :])))
        except (ValueError, TypeError, AttributeError) as error:
            raise Failure(
                f"line {number} of the lock {path} is not a file of a bundle: {error}; copy the lock again from where"
                " the bundle was made"
            ) from error
    if not found:
        raise Failure(f"the lock {path} names no file; copy it again from where the bundle was made")
    if f"{lines[-1]}\n" != END:
        raise Failure(f"the lock {path} ends too early; copy it again from where the bundle was made")
    return found


def _entry(values: dict[str, object]) -> Entry:
    types = {field.name: int if field.name == "size" else str for field in fields(Entry)}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, types.get(name, ())):
            raise ValueError(f"{name} is {value!r}")
    entry = Entry(**values)
    if not archive.SHA256.fullmatch(entry.sha256):
        raise ValueError(f"sha256 is {entry.sha256!r}")
    if os.path.isabs(entry.path) or ".." in entry.path.split("/") or not entry.path:
        raise ValueError(f"path is {entry.path!r}, which is not below the bundle")
    return entry


def digests(entries: Iterable[Entry]) -> dict[str, str]:
    """Path to digest."""
    return {one.path: one.sha256 for one in entries}


def damage(root: Path, entries: list[Entry]) -> list[str]:
    """The files that are missing or are not what the lock names, each with what is wrong."""
    wanted = digests(entries)
    # Python hashes large blocks without its lock, so threads use all processors.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        actual = dict(zip(wanted, pool.map(lambda path: _digest(root / path), wanted)))
    return [
        f"{path} is missing" if actual[path] is None else f"{path} differs (sha256 {actual[path]}, locked {digest})"
        for path, digest in sorted(wanted.items())
        if actual[path] != digest
    ]


def _digest(file: Path) -> str | None:
    """The digest of a file; None if there is none, whatever is in its place."""
    try:
        return archive.digest(str(file))
    except (IsADirectoryError, NotADirectoryError):
        return None


def shortened(names: list[str]) -> str:
    """Names for a message; of many, the first and the number of the others."""
    more = f"; and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more
