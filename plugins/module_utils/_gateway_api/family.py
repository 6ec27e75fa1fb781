# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the modules of the Gateway API's kinds have of their own: what the cluster needs, and the wait."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api import conditions
from ansible_collections.bare.mesh.plugins.module_utils._istio import kind_module
from ansible_collections.bare.mesh.plugins.module_utils._istio.kind import ResourceKind
from ansible_collections.bare.mesh.plugins.module_utils._istio.kind_module import Family, Rules
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.argspec import WAITING
from ansible_collections.bare.mesh.plugins.module_utils._k8s.change import Change, outcome
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import identity

# The release whose definitions the schemas are generated from.
VERSION = "v1.6.0"
INSTALL = (
    "the definitions (CRDs) of the Gateway API are missing. Install those of its standard channel first, in release"
    f" {VERSION} (standard-install.yaml)"
)


def main(schema: ModuleType, rules: Rules) -> None:
    """Run the module of a kind. schema: one of the package schemas."""
    if schema.KIND.kind in conditions.PROBLEMS:
        family = Family(INSTALL, WAITING, served, settle)
    else:
        family = Family(INSTALL, {}, served)
    kind_module.main(schema, rules, family)


def served(client: Client | None, kind: ResourceKind) -> str:
    """The preferred API version of the kind that the cluster serves; empty if it serves none.

    The kinds of the group have come to its versions one by one: in v1, an older release has no ReferenceGrant.
    """
    if client is None:
        return kind.versions[0]
    for version in kind.versions:
        content = client.get(f"/apis/{kind.group}/{version}") or {}
        if any(resource["kind"] == kind.kind for resource in content.get("resources") or []):
            return version
    return ""


def settle(module: AnsibleModule, engine: Engine, changes: list[Change]) -> dict[str, Any]:
    """Wait for the conditions of the objects, if asked for. Returns them.

    Raises Failure, whose data has what was written, if an object does not become ready.
    """
    if not module.params["wait"] or engine.client is None:
        return {}
    objects = [change.desired for change in changes]
    for one in objects:
        if one["kind"] != "Gateway" and not one["spec"].get("parentRefs"):
            module.warn(f"{identity(one)} names no parent (parentRefs), so there is nothing to wait for")
    try:
        live = conditions.wait(engine.client, engine.kinds, objects, module.params["wait_timeout"])
    except Failure as error:
        error.data.update(outcome(changes, module._diff))
        raise
    return {"conditions": [row for one in live for row in conditions.rows(one)]}
