# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which packages a repository serves, from its own index.

The formats: https://wiki.debian.org/DebianRepository/Format, and the files that createrepo_c writes.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._host import distributions
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import Fetcher, FetchError
from ansible_collections.bare.mesh.plugins.module_utils._host.packages import matches, numbers

# Name of a package to its versions.
Served = dict[str, list[str]]
UNPACKERS = {"": lambda data: data, ".gz": gzip.decompress, ".xz": lzma.decompress, ".bz2": bz2.decompress}
REPO = "{http://linux.duke.edu/metadata/repo}"
COMMON = "{http://linux.duke.edu/metadata/common}"


def deb_files(release: str) -> dict[str, str]:
    """Path of an index to its SHA-256, from a Release file."""
    section = release.partition("\nSHA256:")[2]
    lines = re.match(r"(?:\s*\n? [0-9a-f]{64} +\d+ +\S+)*", section)
    found = re.findall(r"([0-9a-f]{64}) +\d+ +(\S+)", lines.group() if lines else "")
    return {path: digest for digest, path in found}


def deb_packages(index: str, architecture: str) -> Served:
    """What a Packages file lists for an architecture."""
    served: Served = defaultdict(list)
    for paragraph in index.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Architecture): *(\S+)", paragraph, re.MULTILINE))
        if fields.get("Architecture") in (architecture, "all") and len(fields) == 3:
            served[fields["Package"]].append(fields["Version"])
    return dict(served)


def rpm_primary(repomd: bytes) -> tuple[str, str]:
    """(path, SHA-256) of the list of packages, from a repomd.xml; empty where it names none."""
    for data in ET.fromstring(repomd).iter(f"{REPO}data"):
        location, checksum = data.find(f"{REPO}location"), data.find(f"{REPO}checksum")
        if data.get("type") == "primary" and location is not None:
            known = checksum is not None and checksum.get("type") == "sha256"
            return location.get("href", ""), (checksum.text or "") if known and checksum is not None else ""
    return "", ""


def rpm_packages(primary: bytes, machine: str) -> Served:
    """What a list of packages has for an architecture."""
    served: Served = defaultdict(list)
    for package in ET.fromstring(primary).iter(f"{COMMON}package"):
        name, version = package.findtext(f"{COMMON}name"), package.find(f"{COMMON}version")
        if package.findtext(f"{COMMON}arch") in (machine, "noarch") and name and version is not None:
            served[name].append(f"{version.get('epoch')}:{version.get('ver')}-{version.get('rel')}")
    return dict(served)


def _index(fetcher: Fetcher, url: str, digest: str) -> bytes | None:
    """An unpacked index; None where this Python cannot unpack it."""
    suffix = next((suffix for suffix in UNPACKERS if suffix and url.endswith(suffix)), "")
    if not suffix and url.endswith(".zst"):
        return None
    data = fetcher.get(url)
    if digest and hashlib.sha256(data).hexdigest() != digest:
        raise FetchError(f"{url} is not the file whose checksum the repository states")
    try:
        return UNPACKERS[suffix](data)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise FetchError(f"{url} cannot be unpacked: {error}") from error


def served(entry: dict[str, Any], machine: str, signed: list[bytes], fetcher: Fetcher) -> Served | None:
    """What a repository serves for a machine; None where that cannot be told.

    entry is one of distributions.repositories, signed the contents of its signed files. Raises FetchError.
    """
    if "suite" not in entry:
        base = entry["url"]
        path, digest = rpm_primary(signed[0] if signed else fetcher.get(f"{base}repodata/repomd.xml"))
        data = _index(fetcher, f"{base}{path}", digest) if path else None
        return None if data is None else rpm_packages(data, machine)
    codename, _space, component = entry["suite"].partition(" ")
    architecture = distributions.MACHINES[machine]
    flat = entry["suite"] == "/"
    base = entry["url"] if flat else f"{entry['url']}/dists/{codename}/"
    path = "Packages" if flat else f"{component}/binary-{architecture}/Packages"
    files = {name.removeprefix("./"): digest for name, digest in deb_files(signed[0].decode(errors="replace")).items()}
    listed = [name for name in (f"{path}.gz", f"{path}.xz", f"{path}.bz2", path) if name in files]
    if not listed:
        return {}
    data = _index(fetcher, f"{base}{listed[0]}", files[listed[0]])
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
