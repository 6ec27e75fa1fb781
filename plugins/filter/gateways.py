# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: gateways
short_description: The objects of gateways apart from the default one
version_added: 0.2.0
description:
  - Turns the gateways of the role P(bare.mesh.istio_gateway#role) into Kubernetes objects, whose proxies istiod
    injects, and into Gateways of Istio with their servers.
positional: _input
options:
  _input:
    description: The gateways, as in C(istio_gateway_gateways).
    type: list
    elements: dict
    required: true
  owner:
    description: Value of the label C(bare.mesh/gateway), by which the role finds again what it once made.
    type: str
    required: true
  ingress_ports:
    description: Ports of the default gateway, whose node ports are taken.
    type: list
    elements: dict
    default: []
  revision:
    description: Revision of the gateways that name none. Empty for the default revision.
    type: str
    default: ""
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Show the objects of a gateway
  ansible.builtin.debug:
    msg: "{{ ([{'name': 'public'}] | bare.mesh.gateways('example')).objects }}"
"""

RETURN = r"""
_value:
  description: What the gateways are.
  type: dict
  contains:
    faults:
      description: What is wrong with them. If there is anything, the rest is empty.
      type: list
      elements: dict
      contains:
        where: {description: The gateway and its field., type: str}
        what: {description: What is wrong with it., type: str}
        fix: {description: What to do., type: str}
    objects: {description: "Manifests for M(bare.mesh.k8s#module).", type: list, elements: dict}
    unwanted:
      description: Manifests of objects that the same gateways would have with other settings.
      type: list
      elements: dict
    config: {description: "Manifests for M(bare.mesh.istio_config#module).", type: list, elements: dict}
"""

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_config import faults_of_gateways, gateway_config
from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_objects import gateway_objects


def gateways(given: Any, owner: str, ingress_ports: Any = (), revision: str = "") -> dict[str, Any]:
    """See DOCUMENTATION."""
    default = {"revision": revision} if revision else {}
    listed = [{**default, **one} for one in given]
    faults = [fault._asdict() for fault in faults_of_gateways(listed, ingress_ports)]
    found: dict[str, Any] = {"faults": faults, "objects": [], "unwanted": [], "config": []}
    for one in [] if faults else listed:
        wanted, unwanted = gateway_objects(one, owner)
        found["objects"] += wanted
        found["unwanted"] += unwanted
        found["config"] += gateway_config(one)
    return found


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"gateways": gateways}
