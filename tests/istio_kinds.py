# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tests' data of Istio's kinds, tests/kinds/MODULE.yml, for the unit tests and for those on the lab."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from tests.shapes import without

COLLECTION = "ansible_collections.bare.mesh.plugins"
DATA: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted(Path(__file__).with_name("kinds").glob("*.yml"))
}


def load(package: str, name: str) -> ModuleType:
    """The module, or the schema or the rules of its kind: modules, module_utils._istio.schemas or .rules."""
    return import_module(f"{COLLECTION}.{package}.{name}")


def steps(name: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Name, arguments and the expected action of each task of a resource's life. Each is run in check mode before."""
    return life(DATA[name])


def life(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The same for any kind, from its data."""
    common = {"name": "steps", "namespace": "shop"}
    for step, options, action in (
        ("create", data["first"], "created"),
        ("change", data["second"], "updated"),
        ("remove a field", without(data["second"], data["removed"]), "updated"),
        ("remove", {"state": "absent"}, "deleted"),
    ):
        yield step, {**common, **options}, action
        yield f"{step} again", {**common, **options}, "absent" if action == "deleted" else "unchanged"


def as_manifest(name: str, arguments: dict[str, Any], schemas: str = "module_utils._istio.schemas") -> dict[str, Any]:
    """The same arguments with the resource as a Kubernetes manifest."""
    options = load(schemas, name).KIND.options
    spec = {options[option][0]: value for option, value in arguments.items() if option in options}
    rest = {option: value for option, value in arguments.items() if option not in (*options, "name", "namespace")}
    meta = {"name": arguments["name"], "namespace": arguments["namespace"]}
    return {**rest, "resources": [{"metadata": meta, "spec": spec}]}


def removed_field(name: str) -> tuple[Any, ...]:
    """The path, in a manifest, of the field that a task removes."""
    option, *inside = DATA[name]["removed"]
    return ("spec", load("module_utils._istio.schemas", name).KIND.options[option][0], *inside)
