# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Merge all parts into one directory tree, and publish it by one rename."""

from __future__ import annotations

from pathlib import Path

from lab import paths
from lab.artifacts import progress
from lab.artifacts.store import Item, key_of, link_tree, workspace


def publish(parts: list[Item]) -> Path:
    """Merge the parts below the hash of all parts, and set the link `current` to it."""
    target = paths.cache() / "bundle" / key_of(list(parts))
    if not target.is_dir():
        built = [part.path() for part in parts]
        with progress.step("bundle"), workspace() as work:
            tree = work / "tree"
            tree.mkdir()
            for each in built:
                link_tree(each, tree)
            target.parent.mkdir(parents=True, exist_ok=True)
            tree.rename(target)
    current = paths.bundle()
    if not current.is_symlink() or current.readlink().name != target.name:
        fresh = current.with_name("current.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target.name)
        fresh.rename(current)
    return target
