# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packages of a Debian repository in a bundle. The format: https://wiki.debian.org/DebianRepository/Format.

The indexes are stored as their publisher has signed them, so apt verifies them on the hosts, too. It does not mind that
they name more packages than the bundle has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._bundle.download import LARGEST_INDEX
from ansible_collections.bare.mesh.plugins.module_utils._bundle.entry import Entry
from ansible_collections.bare.mesh.plugins.module_utils._bundle.repository import (
    Get,
    Repository,
    Unverified,
)
from ansible_collections.bare.mesh.plugins.module_utils._bundle.selection import Need, Package
from ansible_collections.bare.mesh.plugins.module_utils._host import indexes, openpgp, versions

OPERATORS = {"<<": "<", "<=": "<=", "=": "=", ">=": ">=", ">>": ">"}
RELATION = re.compile(r"\s*([^\s(:\[]+)(?::\w+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([^\s)]+)\s*\))?")
# Of these, apt reads the first that Release lists, by a preference of its own: so the bundle has all.
# Not each Python reads the last.
PACKED = (".xz", ".gz", ".bz2", ".zst")


def fetch(
    get: Get,
    root: Path,
    repository: dict[str, Any],
    verifier: openpgp.Verifier | None = None,
    unverified: Unverified | None = None,
) -> list[Entry]:
    """Fetch the wanted packages of a repository and all that apt needs to install them.

    It has a suite ("/", or a directory with a slash at its end, for a flat repository) and, unless flat, components.
    verifier runs gpgv. Without it, an index that cannot be verified is a fault, unless unverified is there to be told.
    """
    one = Repository(get, root, repository, verifier, unverified)
    key = one.key("Release.key")
    flat = repository["suite"].endswith("/")
    # Where Release lies, with a slash at its end.
    base = repository["suite"].removeprefix("./").lstrip("/") if flat else f"dists/{repository['suite']}/"
    release = _release(one, base, key)
    files = indexes.deb_files(release)
    by_hash = bool(re.search(r"^Acquire-By-Hash: *yes", release, re.MULTILINE | re.IGNORECASE))
    found: list[Package] = []
    for name, must in _indexes(repository, flat):
        listed = _listed(files, name)
        if must and not listed:
            one.faults.append(
                f"{one.url}/{base}Release lists no {name}: the repository has no such packages; check suite,"
                " components and architectures"
            )
        for position, path in enumerate(listed):
            try:
                _load(one, base, path, files[path], by_hash)
                if position == 0:
                    text = indexes.unpack(one.read(base + path), path).decode(errors="replace")
                    found += _packages(text)
            except indexes.IndexFault as error:
                one.faults.append(f"{one.url}/{base}{path} {error}")
            except Failure as error:
                one.faults.append(str(error))
    # Without an index, each of its packages would seem to be missing.
    one.end()
    one.select(found, "all", versions.deb)
    return one.entries


def _release(one: Repository, base: str, key: bytes) -> str:
    """The signed list of indexes, in one file with its signature or in two."""
    inline, release, signature = f"{base}InRelease", f"{base}Release", f"{base}Release.gpg"
    try:
        one.load("index", inline)
    except Failure as missing:
        try:
            one.load("index", release)
            one.load("index", signature)
        except Failure as error:
            one.discard(release)
            raise Failure(f"{missing}. There is no signed Release instead, either: {error}") from error
        one.verify(key, release, signature)
        return one.read(release).decode(errors="replace")
    one.verify(key, inline)
    try:
        return openpgp.signed_text(one.read(inline))
    except openpgp.NotAKey as error:
        one.discard(inline)
        raise Failure(f"{one.url}/{inline} {error}; do not use this repository") from error


def _indexes(repository: dict[str, Any], flat: bool) -> Iterator[tuple[str, bool]]:
    """The names of the indexes without a suffix, and whether each has to exist."""
    if flat:
        yield "Packages", True
        return
    for component in repository["components"]:
        for architecture in repository["architectures"]:
            yield f"{component}/binary-{architecture}/Packages", True
        # apt reads it on all hosts where there is one.
        yield f"{component}/binary-all/Packages", False


def _listed(files: dict[str, indexes.Listed], name: str) -> list[str]:
    """The forms of an index that the bundle has; the first can be read here."""
    packed = [name + suffix for suffix in PACKED if name + suffix in files]
    # Servers may list the plain index without having it.
    if name in files and (not packed or (packed[0].endswith(".zst") and ".zst" not in indexes.UNPACKERS)):
        packed.insert(0, name)
    return packed


def _load(one: Repository, base: str, path: str, listed: indexes.Listed, by_hash: bool) -> None:
    """An index, by its name and, where the repository offers that, by its digest, as apt asks for it."""
    if listed.size > LARGEST_INDEX:
        raise Failure(f"{one.url}/{base}{path} has {listed.size} bytes; an index may have {LARGEST_INDEX >> 20} MiB")
    source = ""
    if by_hash:
        source = f"{base}{path.rpartition('/')[0]}/by-hash/SHA256/{listed.sha256}".replace("//", "/").lstrip("/")
        try:
            one.load("index", source, *listed)
        except Failure:
            # apt then takes the name, too.
            source = ""
    one.load("index", base + path, *listed, source=source)


def _packages(index: str) -> Iterator[Package]:
    """The packages of an index."""
    for fields in indexes.deb_paragraphs(index):
        if not {"Package", "Version", "Architecture", "Filename"} <= set(fields):
            continue
        size = fields.get("Size", "")
        yield Package(
            fields["Package"],
            fields["Version"],
            fields["Architecture"],
            fields["Filename"],
            fields.get("SHA256", "").lower(),
            int(size) if size.isdigit() else 0,
            (*_needs(fields.get("Pre-Depends", "")), *_needs(fields.get("Depends", ""))),
            tuple(need for group in _needs(fields.get("Provides", "")) for need in group),
        )


def _needs(text: str) -> tuple[tuple[Need, ...], ...]:
    """The groups of a field of relations, each of alternatives."""
    groups = []
    for part in text.split(","):
        found = [RELATION.match(one) for one in part.split("|")]
        groups.append(tuple(Need(one[1], OPERATORS.get(one[2], ""), one[3] or "") for one in found if one))
    return tuple(group for group in groups if group)
