# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images, copied from a registry into the storage of another: the file system layout of docker-registry.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md and, for the layout, storage/paths.go of
https://github.com/distribution/distribution
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import urllib.error
from collections.abc import Callable
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._bundle.download import Downloader, copy, reason
from ansible_collections.bare.mesh.plugins.module_utils._bundle.entry import Entry
from ansible_collections.bare.mesh.plugins.module_utils._host.registry import Refused, Registry, base_url, split

STORAGE = "registry/docker/registry/v2"
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
# Bytes of a manifest or configuration, which nobody states of a tag: registries need not take larger manifests.
LARGEST = 4 << 20
NAME = re.compile(r"[a-zA-Z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+:[\w][\w.-]{0,127}")


class Source(Registry):
    """A repository from which large blobs are read block by block."""

    token: str
    sink: Callable[[http.client.HTTPResponse], None] | None = None

    def open(self, path: str) -> bytes:
        with self.fetcher.opener.open(self.request(path), timeout=self.fetcher.timeout) as answer:
            if self.sink is None:
                content = bytearray()
                copy(answer, content.extend, LARGEST)
                return bytes(content)
            self.sink(answer)
            return b""

    def fresh(self, path: str) -> bytes:
        """Like get; a token that has expired meanwhile is renewed."""
        try:
            return self.get(path)
        except urllib.error.HTTPError as error:
            if error.code != 401 or not self.token:
                raise
        self.token = ""
        return self.get(path)

    def stream(self, path: str, write: Callable[[bytes], None], size: int) -> None:
        """Hand a blob of a size to write."""
        self.sink = lambda answer: copy(answer, write, size)
        try:
            self.fresh(path)
        finally:
            self.sink = None


class Image:
    """One image on its way. platforms are those that are wanted, such as linux/amd64."""

    def __init__(self, name: str, platforms: list[str], server: Source, store: Downloader) -> None:
        self.name, self.platforms, self.server, self.store = name, platforms, server, store
        registry, repository, self.tag = split(name)
        self.repository = f"{registry}/{repository}"
        self.place = f"{STORAGE}/repositories/{self.repository}"
        self.entries: list[Entry] = []

    def read(self, path: str) -> bytes:
        """A manifest or configuration."""
        try:
            return self.server.fresh(path)
        except Refused as error:
            raise Failure(f"{self.name}: the registry at {self.server.url} refuses the name or password") from error
        except urllib.error.HTTPError as error:
            raise Failure(f"{self.name}: {error.url} answers {error.code} {error.reason}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Failure(f"{self.name}: {self.server.url}/{path} cannot be read: {reason(error)}") from error

    def document(self, path: str, digest: str = "") -> tuple[bytes, dict[str, Any]]:
        """A manifest or configuration as it is stored, and as data. It is what its digest says, if one is given."""
        hexadecimal = _hex(digest, self.name) if digest else ""
        there = self.store.root / blob(hexadecimal)
        kept = digest and self.store.known(blob(hexadecimal), hexadecimal)
        content = there.read_bytes() if kept else self.read(path)
        if digest and hashlib.sha256(content).hexdigest() != hexadecimal:
            raise Failure(f"{self.name}: {self.server.url}/{path} is not what its digest says; nothing of it was kept")
        try:
            found = json.loads(content)
            if isinstance(found, dict):
                return content, found
        except ValueError:
            pass
        raise Failure(f"{self.name}: {self.server.url}/{path} is not an image's manifest or configuration")

    def copy(self) -> list[Entry]:
        """Store the image. The tag comes last, so that it never names what is not there."""
        locked = (self.store.lock or {}).get(f"{self.place}/_manifests/tags/{self.tag}/current/link")
        content, found = self.top(locked)
        if "manifests" in found:
            # The index stays as it is, because its digest is what people pin: a registry serves one whose other
            # manifests it does not have.
            for one in self.selected(found):
                self.manifest(*self.document(f"manifests/{one}", one))
        else:
            self.manifest(content, found, alone=True)
        digest = self.revision(content, "image")
        self.link(f"_manifests/tags/{self.tag}/index/sha256/{digest}", digest)
        self.link(f"_manifests/tags/{self.tag}/current", digest)
        return self.entries

    def top(self, locked: str | None) -> tuple[bytes, dict[str, Any]]:
        """What the tag stands for; with a lock, what it stood for then."""
        if self.store.lock is None:
            return self.document(f"manifests/{self.tag}")
        # The lock has the digest of the file that holds the image's digest.
        for path in self.store.lock:
            digest = path.removesuffix("/data").rpartition("/")[2]
            if path == blob(digest) and locked == hashlib.sha256(f"sha256:{digest}".encode()).hexdigest():
                return self.document(f"manifests/sha256:{digest}", f"sha256:{digest}")
        raise Failure(
            f"{self.name} is not in the lock; make the bundle without a lock, or with the settings of the lock"
        )

    def selected(self, index: dict[str, Any]) -> list[str]:
        """The digests of the manifests of the wanted platforms."""
        try:
            served = {_platform(one.get("platform") or {}): str(one["digest"]) for one in reversed(index["manifests"])}
        except (AttributeError, LookupError, TypeError) as error:
            raise Failure(f"{self.name}: an index of {self.server.url} names no manifests") from error
        missing = [one for one in self.platforms if one not in served]
        if missing:
            raise Failure(f"{self.name} is not there for {', '.join(missing)}; it is for {', '.join(sorted(served))}")
        return [served[one] for one in self.platforms]

    def manifest(self, content: bytes, found: dict[str, Any], alone: bool = False) -> None:
        """Store the manifest of one platform, its configuration and its layers."""
        try:
            config = str(found["config"]["digest"])
            layers = {str(one["digest"]): int(one["size"]) for one in found["layers"]}
            if any(size < 0 for size in layers.values()):
                raise ValueError
        except (LookupError, TypeError, ValueError) as error:
            raise Failure(f"{self.name}: a manifest of {self.server.url} has no configuration or layers") from error
        settings, data = self.document(f"blobs/{config}", config)
        if alone and (other := _platform(data)) not in self.platforms:
            raise Failure(f"{self.name} is for {other} alone, not for {', '.join(self.platforms)}")
        self.link(f"_layers/sha256/{self.small(settings, 'blob')}")
        for digest, size in layers.items():
            self.layer(_hex(digest, self.name), size)
        self.revision(content, "blob")

    def layer(self, digest: str, size: int) -> None:
        """Store a layer."""
        path, url = blob(digest), f"{self.server.url}/blobs/sha256:{digest}"
        self.store.expected(path, digest)
        if not self.store.known(path, digest):
            if self.store.plan:
                self.store.promise(path, size)
            else:
                self.store.save(url, path, digest, size, lambda write: self.stream(digest, write, size))
        self.entries.append(Entry("blob", path, digest, self.store.sizes[path]))
        self.link(f"_layers/sha256/{digest}")

    def stream(self, digest: str, write: Callable[[bytes], None], size: int) -> None:
        try:
            self.server.stream(f"blobs/sha256:{digest}", write, size)
        except Refused as error:
            raise Failure(f"{self.name}: the registry at {self.server.url} refuses the name or password") from error

    def revision(self, content: bytes, kind: str) -> str:
        """Store a manifest."""
        digest = self.small(content, kind)
        self.link(f"_manifests/revisions/sha256/{digest}")
        return digest

    def small(self, content: bytes, kind: str) -> str:
        """Store a manifest's or a configuration's blob."""
        digest = hashlib.sha256(content).hexdigest()
        self.store.keep(blob(digest), content)
        named = (self.repository, self.tag) if kind == "image" else ("", "")
        self.entries.append(Entry(kind, blob(digest), digest, len(content), *named))
        return digest

    def link(self, place: str, digest: str = "") -> None:
        """The file by which the registry knows of a blob. By default it lies in a directory named as its digest."""
        content = f"sha256:{digest or place.rpartition('/')[2]}".encode()
        path = f"{self.place}/{place}/link"
        self.entries.append(Entry("index", path, self.store.keep(path, content), len(content)))


def fetch(
    store: Downloader, name: str, platforms: list[str], registries: dict[str, str], logins: dict[str, str]
) -> list[Entry]:
    """Copy an image into the bundle, for some platforms, from its registry or the endpoint that registries names."""
    registry, repository, _tag = split(name)
    url = f"{base_url(registry, registries)}/{repository}"
    server = Source(store.fetcher, url, logins.get(url.partition("://")[2].partition("/")[0], ""))
    return Image(name, platforms, server, store).copy()


def faults(names: list[str]) -> list[str]:
    """The names that are no image with registry and tag."""
    return [
        f"{name} has no registry or no tag, as in docker.io/istio/pilot:1.31.0"
        for name in names
        if not NAME.fullmatch(name)
    ]


def blob(digest: str) -> str:
    """Path of a blob in the bundle."""
    return f"{STORAGE}/blobs/sha256/{digest[:2]}/{digest}/data"


def _hex(digest: str, name: str) -> str:
    found = DIGEST.fullmatch(digest)
    if not found:
        raise Failure(f"{name} has the digest {digest!r}, which is no SHA-256; the registry cannot be used")
    return found.group(1)


def _platform(found: dict[str, Any]) -> str:
    return f"{found.get('os', 'unknown')}/{found.get('architecture', 'unknown')}"
