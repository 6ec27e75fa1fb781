# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the callbacks call the parts of a run."""

from __future__ import annotations

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._progress.terminal import plain


def short(task: Any) -> str:
    """The task's name without its role."""
    return plain(str(task.get_name()).rpartition(" : ")[2])


def stage_of(play: Any, before: str) -> str:
    """The name of a play's stage. What runs with any tags is a stage only before all others."""
    tags = sorted(set(map(str, play.tags)) - {"always", "never"})
    if tags:
        return ", ".join(tags)
    if "always" in play.tags:
        return before or "checks"
    return plain(play.get_name())
