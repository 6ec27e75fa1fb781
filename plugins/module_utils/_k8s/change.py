# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What happens to objects, and how modules report it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s.diff import render
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import summary


@dataclass
class Change:
    """What happens to one object, or in check mode would happen.

    before and after are the live object; None if it does not exist. action is created, updated, unchanged, deleted or
    absent.
    """

    desired: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    action: str

    @property
    def changed(self) -> bool:
        return self.action in ("created", "updated", "deleted")


def outcome(changes: list[Change], diff: bool) -> dict[str, Any]:
    """The part of the result that all modules have: changed, objects and, if asked for, diff."""
    result: dict[str, Any] = {
        "changed": any(change.changed for change in changes),
        "objects": [summary(change.desired, change.action) for change in changes],
    }
    if diff:
        result["diff"] = [render(change.desired, change.before, change.after) for change in changes if change.changed]
    return result
