# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the kubeconfig on the controller is our copy or the user's own.

Our copy may be replaced and removed, the user's own may not.
"""

from __future__ import annotations

import importlib
from typing import Any

FIX = "Set bare_mesh_kubeconfig (option dest) to another file, or move this one away"
# Tells our copy from a kubeconfig of the user's; kubectl drops it from a file to which it adds another cluster.
MARK = "# Written by bare.mesh: it replaces and removes this file while this line is here.\n"


def clusters(text: str) -> list[dict[str, Any]]:
    """The clusters that a kubeconfig names; empty if the text is not a kubeconfig."""
    # Only on the controller, where ansible-core brings it.
    yaml = importlib.import_module("yaml")
    try:
        content = yaml.safe_load(text)
        return [dict(entry["cluster"]) for entry in content["clusters"]]
    except (yaml.YAMLError, KeyError, TypeError, ValueError):
        return []


def is_ours(existing: str, server: str, wanted: str = "") -> bool:
    """Whether a file on the controller is a copy of ours, or one of this cluster alone, as earlier releases made it."""
    if existing.startswith(MARK) or not existing.strip():
        return True
    known = clusters(existing)
    if len(known) != 1:
        return False
    authorities = {entry.get("certificate-authority-data") for entry in clusters(wanted)} - {None}
    return known[0].get("server") == server or known[0].get("certificate-authority-data") in authorities


def describe_other(existing: str) -> str:
    """What is wrong with a file that is not ours."""
    names = ", ".join(sorted({str(entry.get("server")) for entry in clusters(existing)})) or "no cluster"
    return f"is not a copy that bare.mesh made: it is for {names}"
