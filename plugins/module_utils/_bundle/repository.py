# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is fetched of a package repository of either kind: its key, signed indexes, and the packages it is wanted for.

A repository is a dict: url; path (below the bundle's root); key_url, where it is not the usual one; key_path, where it
does not follow from the other three; fingerprints (of all keys that the file may hold); architectures, in the words of
its kind; packages (name to version, which may be a pattern or empty).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._bundle.download import LARGEST_INDEX
from ansible_collections.bare.mesh.plugins.module_utils._bundle.entry import Entry
from ansible_collections.bare.mesh.plugins.module_utils._bundle.selection import Package, Selection
from ansible_collections.bare.mesh.plugins.module_utils._host import openpgp, versions

# get(url, path, sha256, size) downloads to a path below the root unless a file with that digest is there. Returns it.
Get = Callable[..., str]
# Is told, in words, which index could not be verified.
Unverified = Callable[[str], None]
# Bytes that a key may have. A packed index may have as many as what nobody states a size of.
LARGEST_KEY = 1 << 20
# Names that mean the same to a file system, a web server and a package manager.
NAME = re.compile(r"[A-Za-z0-9._+~^@:,=-]+")


def inside(path: str) -> str:
    """A path that an index names, which must lie below the repository. Raises Failure."""
    parts = path.removeprefix("./").split("/")
    if not all(NAME.fullmatch(part) for part in parts) or not {".", ".."}.isdisjoint(parts):
        raise Failure(
            f"the index names the file {path!r}, which is no path below the repository; do not use this repository"
        )
    return "/".join(parts)


class Repository:
    """One repository on its way into the bundle. entries has what was fetched, faults what could not be."""

    def __init__(
        self,
        get: Get,
        root: Path,
        settings: dict[str, Any],
        verifier: openpgp.Verifier | None,
        unverified: Unverified | None,
    ) -> None:
        self.get, self.root, self.settings = get, root, settings
        self.verifier, self.unverified = verifier, unverified
        self.url, self.path = settings["url"].rstrip("/"), settings["path"].strip("/")
        self.entries: list[Entry] = []
        self.faults: list[str] = []

    def load(
        self, kind: str, name: str, sha256: str = "", size: int = 0, source: str = "", package: Package | None = None
    ) -> None:
        """Fetch a file of the repository, from another name of it if source is given."""
        self.fetch(
            kind, f"{self.url}/{quote(source or name, safe='/:+~@,=')}", f"{self.path}/{name}", sha256, size, package
        )

    def fetch(
        self, kind: str, url: str, path: str, sha256: str = "", size: int = 0, package: Package | None = None
    ) -> None:
        known = next((one.sha256 for one in self.entries if one.path == path), sha256)
        if known != sha256:
            raise Failure(f"the index names {path} twice, with different contents; do not use this repository")
        digest, file = self.get(url, path, sha256, size), self.root / path
        # In check mode, packages stay where they are.
        length = file.stat().st_size if file.exists() else size
        name, version = (package.name, package.version) if package else ("", "")
        entry = Entry(kind, path, digest, length, name, version)
        if entry not in self.entries:
            self.entries.append(entry)

    def read(self, name: str, largest: int = LARGEST_INDEX) -> bytes:
        """The content of a file that was fetched."""
        return self.content(f"{self.path}/{name}", largest)

    def content(self, path: str, largest: int) -> bytes:
        file = self.root / path
        if file.stat().st_size > largest:
            raise Failure(f"{path} of {self.url} has more than {largest >> 10} KiB; this is no repository of packages")
        return file.read_bytes()

    def discard(self, *names: str) -> None:
        """Remove files that turned out to be wrong, so that nobody installs by them."""
        for name in names:
            (self.root / self.path / name).unlink(missing_ok=True)
            self.entries = [one for one in self.entries if one.path != f"{self.path}/{name}"]

    def key(self, usual: str) -> bytes:
        """The file of the signing key, whose fingerprints are all pinned. usual is its name in such repositories."""
        url = self.settings.get("key_url") or f"{self.url}/{usual}"
        path = self.settings.get("key_path") or self.beside(url)
        self.fetch("key", url, path)
        data = self.content(path, LARGEST_KEY)
        pinned = {one.replace(" ", "").upper() for one in self.settings["fingerprints"]}
        try:
            found = openpgp.fingerprints(data)
        except openpgp.NotAKey as error:
            (self.root / path).unlink()
            raise Failure(f"{url}: {error}. Check the source") from error
        if not pinned.issuperset(found):
            (self.root / path).unlink()
            raise Failure(
                f"{url} has the fingerprint {', '.join(found)}, but expected is {', '.join(sorted(pinned)) or 'none'}."
                " If the source is the right one, compare with its owner's published fingerprint and set that"
            )
        return data

    def beside(self, url: str) -> str:
        """Where a file of the same server belongs, if its way from the repository stays the same."""
        here, there = urlsplit(self.url), urlsplit(url)
        way = posixpath.relpath(there.path, here.path or "/")
        path = posixpath.normpath(posixpath.join(self.path, way))
        if here[:2] != there[:2] or path.startswith(".."):
            raise Failure(f"{url} does not say where it belongs in the bundle; set key_path")
        return path

    def verify(self, key: bytes, *names: str) -> None:
        """Hold the signature of a clear-signed file, or of a file and its signature, against the key."""
        url = f"{self.url}/{names[0]}"
        if self.verifier is None:
            message = f"the signature of {url} was not verified, because there is no gpgv; install gpgv"
            if self.unverified is None:
                self.discard(*names)
                raise Failure(message)
            self.unverified(message)
            return
        refused = openpgp.verify(key, [self.read(name) for name in names], self.verifier)
        if refused:
            self.discard(*names)
            raise Failure(
                f"the signature of {url} is not good: {refused}. The index was changed, or signed by another key: do"
                " not use this repository, or have its owner sign it again"
            )

    def select(self, packages: Iterable[Package], common: str, key: versions.Key) -> None:
        """Fetch the wanted packages for each architecture. common is the architecture of those that fit all."""
        packages, chosen = list(packages), {}
        for architecture in self.settings["architectures"]:
            fitting = (one for one in packages if one.architecture in (architecture, common))
            selection = Selection(fitting, key, f"{self.url} for {architecture}")
            selection.choose(self.settings["packages"])
            self.faults += selection.faults
            chosen.update({one.path: one for one in selection.chosen.values()})
        for one in chosen.values():
            try:
                if not one.sha256:
                    raise Failure("the index names no SHA-256 of it, by which it could be verified")
                self.load("package", inside(one.path), one.sha256, one.size, package=one)
            except Failure as error:
                self.faults.append(f"{one.name} {one.version} of {self.url}: {error}")
        self.end()

    def end(self) -> None:
        """Raise all faults as one message."""
        if self.faults:
            raise Failure("\n".join(dict.fromkeys(self.faults)), faults=list(dict.fromkeys(self.faults)))
