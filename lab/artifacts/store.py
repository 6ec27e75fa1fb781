# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cache of built items. Each item is a directory whose name is a hash of its inputs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab import paths
from lab.artifacts import progress


def key_of(inputs: Sequence[str | Path | Item]) -> str:
    """A hash of strings, contents of files and keys of other items, in their order."""
    digest = hashlib.sha256()
    for value in inputs:
        if isinstance(value, Item):
            part = value.key.encode()
        elif isinstance(value, Path):
            part = value.read_bytes()
        else:
            part = value.encode()
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


class Item:
    """An item that is built from its inputs at the first use."""

    def __init__(self, name: str, inputs: Sequence[str | Path | Item], build: Callable[[Path], None]) -> None:
        self.name = name
        self.key = key_of([name, *inputs])
        self._build = build

    def directory(self) -> Path:
        """The directory of the item. It may not exist yet."""
        return paths.cache() / "store" / f"{self.name}-{self.key}"

    def path(self) -> Path:
        """The finished directory. Builds the item if it is missing in the cache."""
        target = self.directory()
        if target.is_dir():
            return target
        with workspace() as work:
            # A new subdirectory, because the temporary directory has mode 0700, and everybody may read the result.
            built = work / "out"
            built.mkdir()
            with progress.step(self.name):
                self._build(built)
            target.parent.mkdir(parents=True, exist_ok=True)
            built.rename(target)
        return target


@contextmanager
def workspace() -> Iterator[Path]:
    """A temporary directory on the file system of the cache, so that a rename can publish a result."""
    parent = paths.cache() / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield work
    finally:
        shutil.rmtree(work)


@contextmanager
def lock() -> Iterator[None]:
    """Allow only one builder at a time. Removes the temporary files of interrupted builders."""
    root = paths.cache()
    root.mkdir(parents=True, exist_ok=True)
    with open(root / "lock", "w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another run that builds the artifacts", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        shutil.rmtree(root / "tmp", ignore_errors=True)
        yield


def link_tree(source: Path, target: Path) -> None:
    """Merge a tree into another one by hard links. A file in both trees must be the same."""
    for directory, _subdirectories, files in os.walk(source):
        into = target / Path(directory).relative_to(source)
        into.mkdir(parents=True, exist_ok=True)
        for name in files:
            if not (into / name).exists():
                os.link(os.path.join(directory, name), into / name)
