# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the lab keeps what it makes."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# Keys, certificates and the kubeconfig of this checkout's lab.
PRIVATE = REPOSITORY / ".lab"


def cache() -> Path:
    """The directory of everything built once: outside the repository, so that every checkout shares it."""
    named = os.environ.get("BARE_MESH_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "bare-mesh"


def bundle() -> Path:
    """The finished tree that the mirror serves."""
    return cache() / "bundle" / "current"
