# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is different between two rendered meshes."""

from __future__ import annotations

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s.diff import render
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import key, summary

Objects = list[dict[str, Any]]
# Labels that name the version. Between two releases every object has other ones.
VERSIONS = ("app.kubernetes.io/version", "helm.sh/chart", "operator.istio.io/version")


def differences(before: Objects, after: Objects) -> list[dict[str, Any]]:
    """Each object that is only in one of the two, or not the same in both, in the order of the second, then the first.

    action is what brings the first to the second: created, updated or deleted. before and after are YAML texts of what
    differs.
    """
    old, new = ({key(one): _without_version(one) for one in objects} for objects in (before, after))
    found = []
    for name, one in {**new, **old}.items():
        left, right = old.get(name), new.get(name)
        if left == right:
            continue
        action = "updated" if left and right else "created" if right else "deleted"
        texts = render(one, left, right)
        found.append({**summary(one, action), "before": texts["before"], "after": texts["after"]})
    return found


def _without_version(one: dict[str, Any]) -> dict[str, Any]:
    labels = {name: value for name, value in (one["metadata"].get("labels") or {}).items() if name not in VERSIONS}
    return {**one, "metadata": {**one["metadata"], "labels": labels}}
