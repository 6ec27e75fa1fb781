# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Archives of releases: the same files always make the same archive."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab.artifacts.progress import run

SOURCE = Path(__file__)


def pack(archive: Path, folder: Path, name: str, below: str = "") -> str:
    """Pack a file or a directory of a folder, below a directory of the archive. Returns the archive's SHA-256."""
    run(
        [
            "tar", "--create", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner",
            "--mode=u+w,go-w,a+rX", "--use-compress-program=gzip -n -6",
            *([f"--transform=s,^,{below}/,"] if below else []),
            "--file", archive, "--directory", folder, name,
        ]
    )  # fmt: skip
    return hashlib.sha256(archive.read_bytes()).hexdigest()
