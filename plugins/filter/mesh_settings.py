# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: mesh_settings
short_description: The IstioOperator spec and the resources for the settings of the role istio
version_added: 0.2.0
description:
  - Turns the variables of the role P(bare.mesh.istio#role) into the spec of an IstioOperator, and into Istio's
    resources for what an IstioOperator does not have.
  - A variable that is missing has the default of the role. A variable with its default adds nothing, so the profile
    decides.
  - C(istio_operator_spec) is merged over the result. Its gateways are merged by their names, other lists replace ours.
positional: _input
options:
  _input:
    description: Names and values of variables of the role.
    type: dict
    required: true
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Show what highly available istiods are in an IstioOperator
  ansible.builtin.debug:
    msg: "{{ ({'istio_high_availability': true} | bare.mesh.mesh_settings).spec }}"
"""

RETURN = r"""
_value:
  description: What the settings mean.
  type: dict
  contains:
    faults:
      description: What is wrong with them. If there is anything, the rest is empty, except the profile.
      type: list
      elements: dict
      contains:
        where: {description: The variable., type: str}
        what: {description: What is wrong with it., type: str}
        fix: {description: What to do., type: str}
    profile: {description: The profile; that of the data plane mode if no other is chosen., type: str}
    spec: {description: The spec of an IstioOperator, without the profile., type: dict}
    injected: {description: Namespaces whose pods are in the mesh., type: list, elements: str}
    waypoints:
      description: The waypoints, with C(name), C(namespace) and C(for).
      type: list
      elements: dict
    policies: {description: "Manifests for M(bare.mesh.istio_config#module).", type: list, elements: dict}
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.bare.mesh.plugins.module_utils._istio.ambient import profile, waypoints
from ansible_collections.bare.mesh.plugins.module_utils._istio.mesh_settings import (
    SETTINGS,
    mesh_faults,
    operator_spec,
    policies,
    ranges,
)


def mesh_settings(given: Any) -> dict[str, Any]:
    """See DOCUMENTATION."""
    unknown = sorted(set(given) - set(SETTINGS))
    if unknown:
        raise AnsibleFilterError(f"mesh_settings: {', '.join(unknown)} is not a setting of the role istio")
    faults = [fault._asdict() for fault in mesh_faults(given)]
    settings = {**SETTINGS, **given}
    if faults:
        made: dict[str, Any] = {"spec": {}, "policies": [], "injected": [], "waypoints": []}
        return {"faults": faults, "profile": str(settings["istio_profile"]), **made}
    return {
        "faults": [],
        "profile": profile(settings),
        "spec": operator_spec(given),
        "policies": policies(given),
        "injected": ranges(given.get("istio_injected_namespaces")),
        "waypoints": waypoints(settings),
    }


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"mesh_settings": mesh_settings}
