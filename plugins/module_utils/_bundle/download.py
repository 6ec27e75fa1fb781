# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of a bundle: each is downloaded once, held against its digest, and appears complete or not at all."""

from __future__ import annotations

import hashlib
import http
import http.client
import os
import re
import tempfile
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._host import archive
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import Fetcher

BLOCK = 1 << 20
# Ends the names of unfinished files.
PART = ".bare-mesh-part"
# What is large, and what nothing else is read from: check mode does not download it.
PAYLOADS = re.compile(r"\.(deb|rpm|tgz|tar\.gz)$")
# What servers answer that do not take the method HEAD.
NO_HEAD = (http.HTTPStatus.METHOD_NOT_ALLOWED, http.HTTPStatus.NOT_IMPLEMENTED)
# Bytes that a file may have which nobody states a size of: one of these, and any other one.
LARGEST_PAYLOAD, LARGEST_INDEX = 1 << 30, 32 << 20


class Downloader:
    """Downloads into root. With a plan, a directory besides, only what later steps read is downloaded, and into that.

    lock has the digest of each path that may be there; None: whatever the publishers state.
    """

    def __init__(
        self, root: Path, fetcher: Fetcher, lock: dict[str, str] | None = None, plan: Path | None = None
    ) -> None:
        self.root, self.fetcher, self.lock, self.plan = root, fetcher, lock, plan
        # What was written, or would be; and the sizes of all files.
        self.written: set[str] = set()
        self.sizes: dict[str, int] = {}
        self.mutex = threading.Lock()

    @property
    def place(self) -> Path:
        """Where files are written and can be read."""
        return self.plan or self.root

    def expected(self, path: str, sha256: str) -> str:
        """The digest that the file must have; empty if nobody states it."""
        if os.path.isabs(path) or ".." in path.split("/"):
            raise Failure(f"{path} would lie outside of the bundle; the server names it so, do not use that server")
        if self.lock is None:
            return sha256
        wanted = self.lock.get(path)
        if not wanted:
            raise Failure(
                f"{path} is not in the lock; make the bundle without a lock, or with the settings of the lock"
            )
        if sha256 and sha256 != wanted:
            raise Failure(
                f"{path} has the sha256 {wanted} in the lock, and the server states {sha256}; nothing was replaced."
                " Take the file from an earlier bundle, or make a bundle without a lock"
            )
        return wanted

    def known(self, path: str, sha256: str) -> bool:
        """Whether the bundle has the file with this digest. Then it can be read in the place, too."""
        file = self.root / path
        if not sha256 or archive.digest(str(file)) != sha256:
            return False
        with self.mutex:
            self.sizes[path] = file.stat().st_size
            if self.plan and not (self.plan / path).exists():
                (self.plan / path).parent.mkdir(parents=True, exist_ok=True)
                (self.plan / path).symlink_to(file.absolute())
        return True

    def get(self, url: str, path: str, sha256: str = "", size: int = 0) -> str:
        """Download a file unless it is there with the digest. Returns its digest."""
        wanted = self.expected(path, sha256)
        if self.known(path, wanted):
            return wanted
        if self.plan and wanted and PAYLOADS.search(path):
            self.promise(path, size or self.length(url))
            return wanted

        def receive(write: Callable[[bytes], None]) -> None:
            with self.fetcher.opener.open(url, timeout=self.fetcher.timeout) as answer:
                copy(answer, write, size or (LARGEST_PAYLOAD if PAYLOADS.search(path) else LARGEST_INDEX))

        return self.save(url, path, wanted, size, receive)

    def promise(self, path: str, size: int) -> None:
        """What the real run will download."""
        with self.mutex:
            self.sizes[path] = size
            self.written.add(path)

    def length(self, url: str) -> int:
        """The size of a file by what the server says; 0 if it does not, or answers no such request."""
        try:
            request = urllib.request.Request(url, method="HEAD")
            with self.fetcher.opener.open(request, timeout=self.fetcher.timeout) as answer:
                return int(answer.headers.get("Content-Length") or 0)
        except (OSError, ValueError, http.client.HTTPException) as error:
            if getattr(error, "code", 0) in NO_HEAD:
                return 0
            raise Failure(f"{url} cannot be downloaded: {reason(error)}") from error

    def keep(self, path: str, content: bytes) -> str:
        """Have a small file with this content. Returns its digest."""
        digest = hashlib.sha256(content).hexdigest()
        self.expected(path, digest)
        if self.known(path, digest):
            return digest
        return self.save(path, path, digest, len(content), lambda write: write(content))

    def save(
        self, source: str, path: str, wanted: str, size: int, receive: Callable[[Callable[[bytes], None]], None]
    ) -> str:
        """Write what receive gives, and let it appear if it is what is wanted. source is its name in messages."""
        target = self.place / path
        folder(target.parent)
        found, length = hashlib.sha256(), 0
        number, part = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=PART, dir=target.parent)
        try:
            with os.fdopen(number, "wb") as file:

                def write(block: bytes) -> None:
                    nonlocal length
                    length += len(block)
                    if size and length > size:
                        raise Failure(
                            f"{source} is longer than the {size} bytes that its publisher states; it was not kept"
                        )
                    found.update(block)
                    file.write(block)

                try:
                    receive(write)
                except (OSError, ValueError, http.client.HTTPException) as error:
                    raise Failure(f"{source} cannot be downloaded: {reason(error)}") from error
                file.flush()
                os.fsync(file.fileno())
            actual = found.hexdigest()
            if wanted and actual != wanted:
                raise Failure(
                    f"the checksum of {source} is wrong: expected sha256 {wanted}, got {actual}. It was not kept."
                    " If the server is yours, copy the file there again; else its publisher replaced it, or somebody"
                    " changed it on the way"
                )
            changed = archive.digest(str(self.root / path)) != actual
            # A web server of another account has to read it.
            os.chmod(part, 0o644)
            if changed or self.plan:
                os.replace(part, target)
        finally:
            if os.path.exists(part):
                os.unlink(part)
        with self.mutex:
            self.sizes[path] = length
            if changed:
                self.written.add(path)
        return actual


def folder(path: Path) -> None:
    """Make a directory that a web server of another account can read, whatever this user's umask is."""
    if not path.is_dir():
        folder(path.parent)
        path.mkdir(exist_ok=True)
        path.chmod(0o755)


def copy(answer: http.client.HTTPResponse, write: Callable[[bytes], None], largest: int) -> None:
    """All of an answer, block by block. It may have so many bytes: a server must not fill the disk or the memory."""
    length, wanted = 0, answer.headers.get("Content-Length")
    while block := answer.read(BLOCK):
        write(block)
        length += len(block)
        if length > largest:
            raise ValueError(f"it has more than the {largest} bytes that such a file may have")
    # Read in blocks, an answer that breaks off looks like one that ends.
    if wanted and length < int(wanted):
        raise OSError(f"the connection ended after {length} of {wanted} bytes")


def reason(error: Exception) -> str:
    """Why a download failed, in words."""
    # An answer's text has the status, and a failed connection has its own reason.
    return str(error if hasattr(error, "code") else getattr(error, "reason", error))
