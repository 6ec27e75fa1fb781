# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packages of an RPM repository in a bundle. Its indexes are stored as they are, so that dnf can verify them, too."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._bundle.entry import Entry
from ansible_collections.bare.mesh.plugins.module_utils._bundle.repository import (
    Get,
    Repository,
    Unverified,
    inside,
)
from ansible_collections.bare.mesh.plugins.module_utils._bundle.selection import Need, Package
from ansible_collections.bare.mesh.plugins.module_utils._host import indexes, openpgp, versions
from ansible_collections.bare.mesh.plugins.module_utils._host.indexes import COMMON, REPO

RPM = "{http://linux.duke.edu/metadata/rpm}"
BASE = "{http://www.w3.org/XML/1998/namespace}base"
OPERATORS = {"LT": "<", "LE": "<=", "EQ": "=", "GE": ">=", "GT": ">"}
REPOMD = "repodata/repomd.xml"
DIGESTS = ("sha256", "sha384", "sha512")
# Bytes of what repomd.xml names and is only stored.
LARGEST_FILE = 256 << 20


class Data(NamedTuple):
    """One of the files that repomd.xml names."""

    kind: str
    path: str
    algorithm: str
    digest: str
    size: int


def fetch(
    get: Get,
    root: Path,
    repository: dict[str, Any],
    verifier: openpgp.Verifier | None = None,
    unverified: Unverified | None = None,
) -> list[Entry]:
    """Fetch the wanted packages of a repository and all that dnf needs to install them.

    With `signed: false`, its publisher signs only the packages, which dnf verifies on the hosts. For the other
    parameters see deb.fetch.
    """
    one = Repository(get, root, repository, verifier, unverified)
    key = one.key(f"{REPOMD}.key")
    one.load("index", REPOMD)
    if repository.get("signed", True):
        try:
            one.load("index", f"{REPOMD}.asc")
        except Failure:
            one.discard(REPOMD)
            raise
        one.verify(key, REPOMD, f"{REPOMD}.asc")
    try:
        listed = list(_listed(one.read(REPOMD)))
    except indexes.IndexFault as error:
        one.discard(REPOMD, f"{REPOMD}.asc")
        raise Failure(f"{one.url}/{REPOMD} {error}") from error
    found: list[Package] = []
    if not any(data.kind == "primary" for data in listed):
        one.faults.append(f"{one.url}/{REPOMD} names no list of packages (primary); this is no repository of packages")
    for data in listed:
        try:
            _load(one, data)
            if data.kind == "primary":
                found += _packages(indexes.unpack(one.read(data.path), data.path))
        except indexes.IndexFault as error:
            one.faults.append(f"{one.url}/{data.path} {error}")
        except Failure as error:
            one.faults.append(f"{data.kind} of {one.url}: {error}")
    # Without an index, each of its packages would seem to be missing.
    one.end()
    one.select(found, "noarch", versions.rpm)
    return one.entries


def _listed(repomd: bytes) -> Iterator[Data]:
    """What repomd.xml names."""
    for data in indexes.elements(repomd, f"{REPO}data"):
        location, checksum = data.find(f"{REPO}location"), data.find(f"{REPO}checksum")
        algorithm = checksum.get("type", "") if checksum is not None else ""
        digest = (checksum.text or "").strip().lower() if checksum is not None else ""
        yield Data(data.get("type", ""), _path(location), algorithm, digest, _number(data.findtext(f"{REPO}size")))


def _path(location: Any) -> str:
    """The path that an element names; one that no repository may have where it is elsewhere."""
    if location is None:
        return ""
    return f"{location.get(BASE, '')}/{location.get('href', '')}" if location.get(BASE) else location.get("href", "")


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def _load(one: Repository, data: Data) -> None:
    """A file that repomd.xml names, held against its checksum."""
    path = inside(data.path)
    if data.algorithm not in DIGESTS or not re.fullmatch("[0-9a-f]{64,128}", data.digest):
        raise Failure(f"the index states no checksum of {path} that is good enough ({', '.join(DIGESTS)})")
    if data.size > LARGEST_FILE:
        raise Failure(f"{path} has {data.size} bytes; such a file may have {LARGEST_FILE >> 20} MiB")
    file = one.root / one.path / path
    if data.algorithm == "sha256":
        one.load("index", path, data.digest, data.size)
        return
    # What is there already is named by the digest that the download knows.
    known = file.is_file() and _digest(file, data.algorithm) == data.digest
    one.load("index", path, _digest(file, "sha256") if known else "", data.size)
    if _digest(file, data.algorithm) != data.digest:
        one.discard(path)
        raise Failure(f"the checksum of {one.url}/{path} is wrong: expected {data.algorithm} {data.digest}")


def _digest(file: Path, algorithm: str) -> str:
    found = hashlib.new(algorithm)
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def _packages(primary: bytes) -> Iterator[Package]:
    """The packages of a list."""
    for package in indexes.elements(primary, f"{COMMON}package"):
        version, checksum = package.find(f"{COMMON}version"), package.find(f"{COMMON}checksum")
        size, form = package.find(f"{COMMON}size"), package.find(f"{COMMON}format")
        name, architecture = package.findtext(f"{COMMON}name"), package.findtext(f"{COMMON}arch")
        if version is None or not name or not architecture:
            continue
        sha256 = checksum is not None and checksum.get("type") == "sha256"
        yield Package(
            name,
            _version(version),
            architecture,
            _path(package.find(f"{COMMON}location")),
            (checksum.text or "").strip().lower() if sha256 and checksum is not None else "",
            _number(size.get("package") if size is not None else ""),
            tuple(group for need in _entries(form, "requires") for group in _groups(need)),
            tuple(_entries(form, "provides")),
        )


def _version(element: Any) -> str:
    """EPOCH:VERSION-RELEASE of an element; the release may be missing."""
    release = element.get("rel")
    return f"{element.get('epoch') or 0}:{element.get('ver')}" + (f"-{release}" if release else "")


def _entries(form: Any, kind: str) -> Iterator[Need]:
    """What a package requires or provides."""
    for entry in form.iterfind(f"{RPM}{kind}/{RPM}entry") if form is not None else ():
        operation = OPERATORS.get(entry.get("flags", ""), "")
        yield Need(entry.get("name", ""), operation, _version(entry) if entry.get("ver") else "")


def _groups(need: Need) -> Iterator[tuple[Need, ...]]:
    """A requirement as groups. Of one with conditions, "(a if b)", all names: rather too many packages than too few."""
    if not need.name.startswith("("):
        yield (need,)
        return
    for word in re.findall(r"[\w.+~:-]+", need.name):
        # A name that no package has is never a fault: the second is no name of a package.
        yield Need(word), Need("(")
