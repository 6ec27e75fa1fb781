# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One file of a bundle: what the lock names it by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A file below the bundle's root."""

    # package, index, key, archive, chart, image or blob
    kind: str
    path: str
    sha256: str
    size: int
    name: str = ""
    version: str = ""
