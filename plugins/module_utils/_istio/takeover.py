# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Helm takes over from a mesh that istioctl or istio_operator has installed."""

from __future__ import annotations

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio import installer
from ansible_collections.bare.mesh.plugins.module_utils._istio.helm import MANAGER
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import key

_TAGGED = (
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("v1", "Service"),
)


def handed_over(live: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The managedFields of an object with Helm as the owner of istioctl's fields; None if istioctl owns none.

    Without that, fields that Helm does not name would stay, for example the environment of a gateway that is injected
    now. Helm's own server-side apply then removes them.
    """
    entries = live["metadata"].get("managedFields") or []
    theirs = [one for one in entries if _owned_by(one, installer.MANAGER)]
    if not theirs:
        return None
    fields: dict[str, Any] = {}
    for one in [*theirs, *(one for one in entries if _owned_by(one, MANAGER))]:
        fields = installer.merge(fields, one.get("fieldsV1") or {})
    others = [one for one in entries if not _owned_by(one, installer.MANAGER) and not _owned_by(one, MANAGER)]
    return [*others, {**theirs[0], "manager": MANAGER, "fieldsV1": fields}]


def _owned_by(entry: dict[str, Any], manager: str) -> bool:
    return entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")


def hand_over(engine: Engine, live: list[dict[str, Any]]) -> None:
    """Make Helm the owner of istioctl's fields of these objects."""
    for one in live:
        entries = handed_over(one)
        if entries is not None and engine.client:
            meta = {"managedFields": entries, "resourceVersion": one["metadata"]["resourceVersion"]}
            engine.client.patch(engine.kinds.path(one), {"metadata": meta}, MANAGER)


def leftovers(engine: Engine, spec: dict[str, Any], keep: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The live objects of istioctl's mesh of this revision, with its tags, that are not among those to keep."""
    if engine.client is None:
        return []
    iop = installer.operator({"spec": spec}, {})
    kept = {key(one) for one in keep}
    labels = installer.owner_labels(iop, "")
    tags = f"{installer.REVISION}={labels[installer.REVISION]},{installer.TAG},{installer.NOT_PRUNED}=true"
    found = []
    for selector, kinds in ((installer.prune_selector(labels), installer.PRUNED), (tags, _TAGGED)):
        for api_version, kind in kinds:
            path = engine.kinds.collection(api_version, kind)
            live = engine.client.pages(path, {"labelSelector": selector})
            found += [
                one for one in live if key(one) not in kept and (kinds is _TAGGED or installer.prunable(one, False))
            ]
    return found
