# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shared code of the modules of Istio's kinds: arguments -> definitions (pure) -> validation (pure) -> run.

The modules of the Gateway API's kinds use it too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault, check, coerce
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.kind import ResourceKind
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.argspec import API_HOST
from ansible_collections.bare.mesh.plugins.module_utils._k8s.change import Change, outcome
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import identity

# One field manager for the whole collection: an object can be managed by one module first and by another later.
MANAGER = "bare-mesh"
Rules = Callable[[dict[str, Any]], Iterator[Fault]]

# doc_fragments/istio_kind.py
ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str"},
    "namespace": {"type": "str", "default": "default"},
    "labels": {"type": "dict"},
    "annotations": {"type": "dict"},
    "resources": {"type": "list", "elements": "dict"},
    "api_version": {"type": "str"},
    "validate": {"type": "str", "choices": ["offline", "server"], "default": "offline"},
    "api_host": API_HOST,
}


def served(client: Client | None, kind: ResourceKind) -> str:
    """The preferred API version of the kind that the cluster serves, such as v1; empty if it serves none."""
    if client is None:
        return kind.versions[0]
    group = client.get(f"/apis/{kind.group}") or {}
    offered = {entry["version"] for entry in group.get("versions") or []}
    return next((version for version in kind.versions if version in offered), "")


class Family(NamedTuple):
    """What the modules of a family of kinds have of their own."""

    # What to do if the cluster does not serve a kind.
    install: str
    # Arguments besides those of all kinds.
    arguments: dict[str, Any]
    served: Callable[[Client | None, ResourceKind], str] = served
    # Waits for the objects that are written. Returns what it adds to the result.
    settle: Callable[[AnsibleModule, Engine, list[Change]], dict[str, Any]] | None = None


ISTIO = Family("install Istio first, for example with bare.mesh.istio_operator", {})


def main(schema: ModuleType, rules: Rules, family: Family = ISTIO) -> None:
    """Run the module of a kind. schema: one of the package schemas."""
    options = {name: argument for name, (_field, argument) in schema.KIND.options.items()}

    def work(module: AnsibleModule) -> dict[str, Any]:
        return apply(module, schema, rules, family)

    run(
        work,
        {**ARGUMENTS, **family.arguments, **options},
        required_one_of=[("name", "resources")],
        mutually_exclusive=[("name", "resources")],
    )


def apply(module: AnsibleModule, schema: ModuleType, rules: Rules, family: Family = ISTIO) -> dict[str, Any]:
    """Bring the objects that the arguments describe into the cluster or out of it. Returns the module's result.

    Raises Failure if an object is not valid, its kind is not installed or the API server refuses a change.
    """
    params, kind = module.params, schema.KIND
    present = params["state"] == "present"
    definitions = build(params, schema)
    if present:
        refuse(definitions, schema, rules)
    client = connect(module, "all resources count as new" if present else "there is nothing to remove")
    version = params["api_version"] or family.served(client, kind)
    if not version:
        if not present:
            return {"changed": False, "objects": []}
        if not module.check_mode:
            raise Failure(f"the cluster serves no {kind.kind} ({kind.group}): {family.install}. Nothing was written.")
        version = kind.versions[0]
    for definition in definitions:
        definition["apiVersion"] = f"{kind.group}/{version.rpartition('/')[2]}"
    engine = Engine(client, MANAGER, check=module.check_mode, ask_first=params["validate"] == "server")
    changes = engine.present(definitions) if present else engine.absent(definitions)
    for note in engine.notes:
        module.warn(note)
    result = outcome(changes, module._diff)
    if family.settle and client and present and not module.check_mode:
        result.update(family.settle(module, engine, changes))
    return result


def build(params: dict[str, Any], schema: ModuleType) -> list[dict[str, Any]]:
    """The definitions that the arguments describe. Raises Failure if an item of resources is malformed."""
    kind: ResourceKind = schema.KIND
    common = {name: params[name] for name in ("namespace", "labels", "annotations")}
    if params["resources"] is None:
        spec = {field: params[name] for name, (field, _argument) in kind.options.items() if params[name] is not None}
        return [_definition({**common, "name": params["name"]}, spec, schema)]
    result = []
    for number, item in enumerate(params["resources"], 1):
        meta, spec = _parts(kind, item, f"resources, item {number}")
        merged = {**common, **{name: value for name, value in meta.items() if value is not None}}
        for name in ("labels", "annotations"):
            # A value that is not a mapping is reported with the other faults of the item.
            if common[name] and isinstance(meta.get(name), dict):
                merged[name] = {**common[name], **meta[name]}
        result.append(_definition(merged, spec, schema))
    return result


def _parts(kind: ResourceKind, item: dict[str, Any], where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metadata and spec of an item, which has the form of a Kubernetes object or the module's options."""
    if "metadata" in item:
        if item.get("kind", kind.kind) != kind.kind:
            raise Failure(f"{where}: its kind is {item['kind']}, but this module is for {kind.kind}")
        if not isinstance(item["metadata"], dict) or not isinstance(item.get("spec") or {}, dict):
            raise Failure(f"{where}: metadata and spec must be mappings")
        return item["metadata"], item.get("spec") or {}
    names = ("name", "namespace", "labels", "annotations")
    unknown = [name for name in item if name not in kind.options and name not in names]
    if unknown:
        known = ", ".join([*names, *kind.options])
        slips, name = ", ".join(map(str, unknown)), item.get("name", "without name")
        raise Failure(f"{where} ({name}): unknown option {slips}; known: {known}")
    spec = {kind.options[name][0]: value for name, value in item.items() if name in kind.options and value is not None}
    return {name: item[name] for name in names if name in item}, spec


def _definition(meta: dict[str, Any], spec: dict[str, Any], schema: ModuleType) -> dict[str, Any]:
    return {
        "apiVersion": f"{schema.KIND.group}/{schema.KIND.versions[0]}",
        "kind": schema.KIND.kind,
        "metadata": {name: value for name, value in meta.items() if value is not None},
        "spec": coerce(spec, schema.ROOT, schema.DEFINITIONS),
    }


def sound(value: Any, path: str, wrong: list[str]) -> Any:
    """The value without the parts with faults in their structure; None if nothing is left.

    wrong: the paths of the faults, as schema.check gives them. A list with a wrong item goes as a whole, so that the
    others keep their numbers, and so does a mapping in which a required field is missing.
    """
    inside = [one for one in wrong if one.startswith(path)]
    if path in inside:
        return None
    if isinstance(value, list) and inside:
        items = [sound(item, f"{path}[{index}]", inside) for index, item in enumerate(value)]
        return None if None in items else items
    if isinstance(value, dict) and inside:
        fields = {f"{path}.{name}" for name in value}
        if any(one not in fields and re.fullmatch(rf"{re.escape(path)}\.\w+", one) for one in inside):
            return None
        # The name of an entry of a mapping is quoted in a path, the name of a field is not.
        kept = {
            name: sound(sound(item, f"{path}.{name}", inside), f"{path}[{name!r}]", inside)
            for name, item in value.items()
        }
        return {name: item for name, item in kept.items() if item is not None}
    return value


def faults_of(definition: dict[str, Any], schema: ModuleType, rules: Rules) -> Iterator[Fault]:
    """The faults of an object: of its metadata, of its structure, and by the rules where the structure is right."""
    yield from validators.metadata(definition["metadata"], schema.KIND.kind)
    structure = list(check(definition["spec"], schema.ROOT, schema.DEFINITIONS, "spec"))
    yield from structure
    wrong = [fault.path for fault in structure]
    spec = sound(definition["spec"], "spec", wrong)
    # A rule for one field of the spec can depend on another one.
    if spec is None or len(spec) < len(definition["spec"]):
        return
    for fault in rules({**definition, "spec": spec}):
        # What is only a consequence of a part that is left out here is not reported. [*] stands for all items.
        path = fault.path.partition("[*]")[0]
        if not any(one.startswith(path) or path.startswith(one) for one in wrong):
            yield fault


def refuse(definitions: list[dict[str, Any]], schema: ModuleType, rules: Rules) -> None:
    """Raise Failure with all faults of all objects, if there are any."""
    refuse_faults([describe(definition, list(faults_of(definition, schema, rules))) for definition in definitions])


def describe(definition: dict[str, Any], faults: list[Fault]) -> str:
    """An object's faults in one line; empty if it has none."""
    if not faults:
        return ""
    name = identity({**definition, "metadata": {"name": "without name", **definition["metadata"]}})
    return f"{name}: " + "; ".join(f"{fault.path}: {fault.message}" for fault in faults)


def refuse_faults(lines: list[str]) -> None:
    """Raise Failure if one of the lines says something."""
    lines = [line for line in lines if line]
    if lines:
        raise Failure("not valid, so nothing was written. " + ". ".join(lines), faults=lines)
