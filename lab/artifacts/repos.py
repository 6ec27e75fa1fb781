# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signed package repositories with the layouts of the official servers."""

from __future__ import annotations

import gzip
import hashlib
from email.utils import formatdate
from pathlib import Path

from lab.artifacts import signing
from lab.artifacts.progress import run


def packages_index(root: Path, pool: Path) -> str:
    """The text of Packages: the control file of each package, with path (relative to root), size and digest."""
    stanzas = []
    for deb in sorted(pool.rglob("*.deb")):
        control = run(["dpkg-deb", "--field", deb]).rstrip("\n")
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        place = f"Filename: {deb.relative_to(root)}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"
        stanzas.append(f"{control}\n{place}")
    return "\n".join(stanzas)


def release_text(directory: Path, names: list[str], fields: dict[str, str]) -> str:
    """The text of Release: the fields of the repository, and the digests of its indexes."""
    lines = [f"{name}: {value}" for name, value in fields.items()]
    lines.append("SHA256:")
    for name in names:
        content = (directory / name).read_bytes()
        lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}")
    return "\n".join(lines) + "\n"


def index_debs(root: Path, pool: Path, lists: Path, release: Path, fields: dict[str, str]) -> None:
    """Write Packages into the directory lists, and a signed Release into the directory release."""
    lists.mkdir(parents=True, exist_ok=True)
    text = packages_index(root, pool).encode()
    (lists / "Packages").write_bytes(text)
    (lists / "Packages.gz").write_bytes(gzip.compress(text, mtime=0))
    names = [str((lists / name).relative_to(release)) for name in ("Packages", "Packages.gz")]
    (release / "Release").write_text(
        release_text(release, names, {**fields, "Date": formatdate(usegmt=True), "Acquire-By-Hash": "no"}),
        encoding="utf-8",
    )
    signing.clear_sign(release / "Release", release / "InRelease")
    signing.detach_sign(release / "Release", release / "Release.gpg")


def index_flat_debs(directory: Path) -> None:
    """Write indexes and key of a flat repository (suite "/"). The packages can be in any subdirectory."""
    fields = {"Origin": "bare.mesh lab", "Label": "bare.mesh lab", "Architectures": "amd64"}
    index_debs(directory, directory, directory, directory, fields)
    signing.publish_key(directory / "Release.key")


def index_rpms(directory: Path) -> None:
    """Sign the RPMs below the directory, and write signed repodata and the key."""
    signing.sign_rpms(sorted(directory.rglob("*.rpm")))
    run(["createrepo_c", "--quiet", "--general-compress-type", "gz", directory])
    signing.detach_sign(directory / "repodata" / "repomd.xml", directory / "repodata" / "repomd.xml.asc")
    signing.publish_key(directory / "repodata" / "repomd.xml.key")
