# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects of several of Istio's kinds as one whole: checked together, and written in an order that traffic survives."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault, coerce
from ansible_collections.bare.mesh.plugins.module_utils._istio.kind_module import describe, faults_of, refuse_faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.kinds import KINDS
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.change import Change
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import PARALLEL
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds, group_kind
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.ownership import owned_fields
from ansible_collections.bare.mesh.plugins.module_utils._k8s.reader import Key
from ansible_collections.bare.mesh.plugins.module_utils._k8s.refusals import some
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import identity, key

Object = dict[str, Any]
# The label by which a task finds the objects that it wrote before.
OWNER = "bare.mesh/owner"


def normal(definition: Object, namespace: str, owner: str) -> Object:
    """The definition with the namespace, the owner's label, and numbers where a template gave texts."""
    # An empty namespace means none, as for the engine. left_over compares by it.
    meta = {**definition["metadata"], "namespace": definition["metadata"].get("namespace") or namespace}
    if owner and isinstance(meta.get("labels") or {}, dict):
        meta["labels"] = {**(meta.get("labels") or {}), OWNER: owner}
    known, spec = KINDS.get(group_kind(definition)), definition.get("spec")
    if known and isinstance(spec, dict):
        spec = coerce(spec, known.schema.ROOT, known.schema.DEFINITIONS)
    return {**definition, "metadata": meta, "spec": spec or {}}


def refuse(definitions: list[Object]) -> None:
    """Raise Failure with all faults of all objects, if there are any."""
    refuse_faults([describe(one, _faults(one)) for one in definitions])


def _faults(definition: Object) -> list[Fault]:
    known = KINDS.get(group_kind(definition))
    group, _slash, version = definition["apiVersion"].rpartition("/")
    if known is None:
        fix = "this module is for Istio's kinds; write it with bare.mesh.k8s"
        return [Fault("kind", f"{definition['kind']} ({definition['apiVersion']}): {fix}")]
    faults = []
    if version not in known.schema.KIND.versions:
        versions = ", ".join(f"{group}/{one}" for one in known.schema.KIND.versions)
        faults.append(Fault("apiVersion", f"{definition['apiVersion']} is none of {versions}"))
    if not isinstance(definition["spec"], dict):
        return [*faults, Fault("spec", "must be a mapping")]
    return [*faults, *faults_of(definition, known.schema, known.rules)]


def left_over(kinds: Kinds, definitions: list[Object], owner: str, manager: str) -> list[Object]:
    """The live objects of the owner that the definitions no longer have.

    An object to which somebody has copied the label is not the owner's: our field manager did not set it there.
    """
    client = kinds.client
    if client is None:
        return []
    versions = [
        (served[0], kind)
        for (group, kind), known in KINDS.items()
        if (served := kinds.served_versions(f"{group}/{known.schema.KIND.versions[0]}", kind))
    ]

    def find(version_kind: tuple[str, str]) -> list[Object]:
        return list(client.pages(kinds.collection(*version_kind), {"labelSelector": f"{OWNER}={owner}"}))

    with ThreadPoolExecutor(PARALLEL) as pool:
        found = [one for batch in pool.map(find, versions) for one in batch]
    kept = {key(one) for one in definitions}
    return [one for one in found if key(one) not in kept and _label_is_ours(one, manager)]


def _label_is_ours(live: Object, manager: str) -> bool:
    owned = owned_fields(live, manager) or {}
    return f"f:{OWNER}" in owned.get("f:metadata", {}).get("f:labels", {})


def write(engine: Engine, definitions: list[Object], stale: list[Object], settle: float) -> list[Change]:
    """Write the definitions and remove the stale objects. No route is left without its subset in between.

    Subsets are written before the routes that use them, and removed after them. A DestinationRule that gets subsets and
    loses others is written twice for this. settle: seconds in which the proxies get the routes before what these no
    longer use is removed.
    Raises Failure, whose data has what was written before it.
    """
    objects, live = engine.plan(definitions)
    _check_owners(engine, objects, live)
    late = [one for one in objects if _lost_subsets(one, live.get(key(one)))]
    wide: list[Change] = []
    if not engine.check:
        # The prediction has only the result.
        wide = engine.write([_with_lost_subsets(one, live[key(one)]) for one in late], live)
    narrowing = {key(one) for one in late}
    changes = engine.write([one for one in objects if key(one) not in narrowing], live)
    changes += remove(engine, stale, settle, [change for change in changes if change.changed], bool(late))
    widened = {key(change.desired): change.after for change in wide if change.after}
    narrowed = engine.write(late, {**live, **widened})
    return changes + [dataclasses.replace(change, before=live[key(change.desired)]) for change in narrowed]


def _check_owners(engine: Engine, objects: list[Object], live: dict[Key, Object]) -> None:
    """Refuse objects of other owners, and note those that had none. Raises Failure before anything is written."""
    foreign, new = [], []
    for one in objects:
        if key(one) not in live:
            continue
        wanted, found = ((each["metadata"].get("labels") or {}).get(OWNER) for each in (one, live[key(one)]))
        if found and found != wanted:
            foreign.append(f"{identity(one)} belongs to the owner {found}")
        elif wanted and not found:
            new.append(identity(one))
    if foreign:
        fix = f"leave it to that task, give this one the same owner, or remove the label {OWNER}"
        raise Failure(f"nothing was written. {'; '.join(foreign)}: {fix}")
    if new:
        engine.notes.append(f"existed before without an owner, and prune can now remove it: {some(new)}")


def remove(
    engine: Engine, objects: list[Object], settle: float, before: list[Change] | None = None, more: bool = False
) -> list[Change]:
    """Remove objects: routes first, and what these use when the proxies have let go of it.

    before: changes of routes, among others, that came before. more: something else is to be removed afterwards.
    """
    changes = engine.absent([one for one in objects if _is_route(one)]) if objects else []
    rest = [one for one in objects if not _is_route(one)]
    rerouted = any(change.changed and _is_route(change.desired) for change in [*(before or []), *changes])
    if rerouted and (rest or more) and not engine.check:
        time.sleep(settle)
    return changes + (engine.absent(rest) if rest else [])


def _is_route(one: Object) -> bool:
    return group_kind(one) == ("networking.istio.io", "VirtualService")


def _lost_subsets(one: Object, live: Object | None) -> list[Object]:
    """The subsets of the live object that the definition no longer has."""
    if live is None or group_kind(one) != ("networking.istio.io", "DestinationRule"):
        return []
    kept = {subset.get("name") for subset in (one.get("spec") or {}).get("subsets") or []}
    return [subset for subset in live["spec"].get("subsets") or [] if subset.get("name") not in kept]


def _with_lost_subsets(one: Object, live: Object) -> Object:
    subsets = [*(one["spec"].get("subsets") or []), *_lost_subsets(one, live)]
    return {**one, "spec": {**one["spec"], "subsets": subsets}}
