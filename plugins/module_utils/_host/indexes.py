# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which packages a repository serves, from its own index.

The formats: https://wiki.debian.org/DebianRepository/Format, and the files that createrepo_c writes.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import re
import xml.etree.ElementTree as ET
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._host import distributions
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import Fetcher, FetchError
from ansible_collections.bare.mesh.plugins.module_utils._host.packages import matches, numbers

# Name of a package to its versions.
Served = dict[str, list[str]]
UNPACKERS: dict[str, Callable[[], Any]] = {
    ".gz": lambda: zlib.decompressobj(wbits=31),
    ".xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
    ".bz2": bz2.BZ2Decompressor,
}
DAMAGED: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
try:
    # Part of Python since 3.14.
    from compression import zstd

    UNPACKERS[".zst"] = zstd.ZstdDecompressor
    DAMAGED += (zstd.ZstdError,)
except ImportError:
    pass
# Bytes that an unpacked index may have: many times those of the official servers. No index must fill the memory.
LARGEST = 64 << 20
REPO = "{http://linux.duke.edu/metadata/repo}"
COMMON = "{http://linux.duke.edu/metadata/common}"


class IndexFault(Failure):
    """An index is not what it should be; the message says what is wrong with it."""


class Listed(NamedTuple):
    """What a repository states about one of its files."""

    sha256: str
    size: int


def unpack(data: bytes, name: str, largest: int = LARGEST) -> bytes:
    """The content of an index, by the end of its name. Raises IndexFault."""
    suffix = next((suffix for suffix in (".gz", ".xz", ".bz2", ".zst") if name.endswith(suffix)), "")
    if suffix and suffix not in UNPACKERS:
        raise IndexFault(f"is packed as {suffix}, which Python unpacks from 3.14 on")
    content = b"" if suffix else data
    while suffix and data:
        unpacker = UNPACKERS[suffix]()
        try:
            content += unpacker.decompress(data, largest + 1 - len(content))
        except DAMAGED as error:
            raise IndexFault(f"cannot be unpacked: {error}") from error
        if len(content) <= largest and not unpacker.eof:
            raise IndexFault("cannot be unpacked: it ends too early")
        # Several streams may follow each other, with zeros between them. After too much, nothing is read any more.
        data = unpacker.unused_data.lstrip(b"\0") if len(content) <= largest else b""
    if len(content) > largest:
        raise IndexFault(f"has more than {largest >> 20} MiB")
    return content


def elements(data: bytes, tag: str) -> Iterator[ET.Element]:
    """The elements of an index that have a tag, each as long as the caller looks at it. Raises IndexFault.

    Entities, by which a small file could fill the memory, are refused.
    """
    # UTF-16, in which a document type would look different, has zeros.
    if b"<!DOCTYPE" in data or b"\0" in data:
        raise IndexFault("has a document type or zeros, which no index of packages has")
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(["end"])
    try:
        # As text, it cannot claim to be in another encoding.
        text = data.decode()
        for start in range(0, len(text), 1 << 18):
            parser.feed(text[start : start + (1 << 18)])
            yield from _ended(parser, tag)
        parser.close()
        yield from _ended(parser, tag)
    except (UnicodeDecodeError, ET.ParseError) as error:
        raise IndexFault(f"is no XML: {error}") from error


def _ended(parser: ET.XMLPullParser[ET.Element], tag: str) -> Iterator[ET.Element]:
    for event in parser.read_events():
        element = event[-1]
        if isinstance(element, ET.Element) and element.tag == tag:
            yield element
            element.clear()


def deb_files(release: str) -> dict[str, Listed]:
    """Path of an index to what a Release file states about it."""
    section = release.partition("\nSHA256:")[2]
    lines = re.match(r"(?:\s*\n? [0-9a-f]{64} +\d+ +\S+)*", section)
    found = re.findall(r"([0-9a-f]{64}) +(\d+) +(\S+)", lines.group() if lines else "")
    return {path.removeprefix("./"): Listed(digest, int(size)) for digest, size, path in found}


def deb_paragraphs(index: str) -> Iterator[dict[str, str]]:
    """The fields of each package in a Packages file; of a field over several lines, the first."""
    for paragraph in index.split("\n\n"):
        yield dict(re.findall(r"^([A-Za-z0-9-]+):[ \t]*(.*?)[ \t\r]*$", paragraph, re.MULTILINE))


def deb_packages(index: str, architecture: str) -> Served:
    """What a Packages file lists for an architecture."""
    served: Served = defaultdict(list)
    for fields in deb_paragraphs(index):
        if fields.get("Architecture") in (architecture, "all") and fields.get("Package") and fields.get("Version"):
            served[fields["Package"]].append(fields["Version"])
    return dict(served)


def rpm_primary(repomd: bytes) -> tuple[str, str]:
    """(path, SHA-256) of the list of packages, from a repomd.xml; empty where it names none."""
    for data in elements(repomd, f"{REPO}data"):
        location, checksum = data.find(f"{REPO}location"), data.find(f"{REPO}checksum")
        if data.get("type") == "primary" and location is not None:
            known = checksum is not None and checksum.get("type") == "sha256"
            return location.get("href", ""), (checksum.text or "") if known and checksum is not None else ""
    return "", ""


def rpm_packages(primary: bytes, machine: str) -> Served:
    """What a list of packages has for an architecture."""
    served: Served = defaultdict(list)
    for package in elements(primary, f"{COMMON}package"):
        name, version = package.findtext(f"{COMMON}name"), package.find(f"{COMMON}version")
        if package.findtext(f"{COMMON}arch") in (machine, "noarch") and name and version is not None:
            served[name].append(f"{version.get('epoch')}:{version.get('ver')}-{version.get('rel')}")
    return dict(served)


def _index(fetcher: Fetcher, url: str, digest: str) -> bytes | None:
    """An unpacked index; None where this Python cannot unpack it."""
    if url.endswith(".zst") and ".zst" not in UNPACKERS:
        return None
    data = fetcher.get(url)
    if digest and hashlib.sha256(data).hexdigest() != digest:
        raise FetchError(f"{url} is not the file whose checksum the repository states")
    try:
        return unpack(data, url)
    except IndexFault as error:
        raise FetchError(f"{url} {error}") from error


def served(entry: dict[str, Any], machine: str, signed: list[bytes], fetcher: Fetcher) -> Served | None:
    """What a repository serves for a machine; None where that cannot be told.

    entry is one of distributions.repositories, signed the contents of its signed files. Raises FetchError.
    """
    if "suite" not in entry:
        base = entry["url"]
        try:
            path, digest = rpm_primary(signed[0] if signed else fetcher.get(f"{base}repodata/repomd.xml"))
            data = _index(fetcher, f"{base}{path}", digest) if path else None
            return None if data is None else rpm_packages(data, machine)
        except IndexFault as error:
            raise FetchError(f"an index of {base} {error}") from error
    codename, _space, component = entry["suite"].partition(" ")
    architecture = distributions.MACHINES[machine]
    flat = entry["suite"] == "/"
    base = entry["url"] if flat else f"{entry['url']}/dists/{codename}/"
    path = "Packages" if flat else f"{component}/binary-{architecture}/Packages"
    files = deb_files(signed[0].decode(errors="replace"))
    listed = [name for name in (f"{path}.gz", f"{path}.xz", f"{path}.bz2", path) if name in files]
    if not listed:
        return {}
    data = _index(fetcher, f"{base}{listed[0]}", files[listed[0]].sha256)
    return None if data is None else deb_packages(data.decode(errors="replace"), architecture)


def newest(versions: list[str], count: int = 3) -> list[str]:
    """The newest of the versions."""
    return sorted(set(versions), key=numbers, reverse=True)[:count]


def chosen(wanted: list[dict[str, str]], found: Served) -> dict[str, str]:
    """Package to the version that an installation takes, of the wanted packages whose version is a pattern."""
    result = {}
    for one in wanted:
        fitting = [version for version in found.get(one["package"], []) if matches(one["version"], version)]
        if one["version"].endswith(".*") and fitting:
            (result[one["package"]],) = newest(fitting, 1)
    return result


def missing(wanted: list[dict[str, str]], found: Served) -> list[dict[str, str]]:
    """The wanted packages that a repository does not serve."""
    return [
        one for one in wanted if not any(matches(one["version"], version) for version in found.get(one["package"], []))
    ]
