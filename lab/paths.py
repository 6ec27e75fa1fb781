# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The directories of the lab."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# Keys, certificates and kubeconfig of this checkout's lab.
PRIVATE = REPOSITORY / ".lab"


def cache() -> Path:
    """The directory of the built artifacts. It is outside of the repository, so that all checkouts share it."""
    named = os.environ.get("BARE_MESH_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "bare-mesh"


def bundle() -> Path:
    """The finished directory tree that the mirror serves."""
    return cache() / "bundle" / "current"
