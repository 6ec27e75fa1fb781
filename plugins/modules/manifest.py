#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: manifest
short_description: Applies or removes any Kubernetes objects
version_added: 0.1.0
description:
  - Reads the objects with few requests, and writes by server-side apply what differs, several at once and in dependency order.
    Namespaces and definitions of custom resources come first.
  - A field that another manager owns and that the definition does not name is left alone and is no difference.
  - A field that this module once set and that the definition no longer names is removed.
  - In check mode the server itself judges the changes by a dry-run. Where there is no cluster yet, all objects count as new.
extends_documentation_fragment:
  - bare.mesh.connection
  - bare.mesh.connection.api_host
  - bare.mesh.waiting
options:
  resources:
    description: The objects, in Kubernetes' own form.
    type: list
    elements: dict
  src:
    description: YAML files on the controller that hold the objects.
    type: list
    elements: path
  state:
    description: Whether the objects shall be there. An object whose kind the cluster does not know counts as V(absent).
    type: str
    choices: [present, absent]
    default: present
  namespace:
    description: Namespace of objects that name none.
    type: str
    default: default
  field_manager:
    description: Name under which the API server remembers the fields that this module sets.
    type: str
    default: bare-mesh
attributes:
  check_mode:
    support: full
    description: Changes are judged by the server's dry-run.
  diff_mode:
    support: full
    description: Shows only what differs; the values of Secrets are hidden.
requirements:
  - openshift >= 0.13.2 (for kinds that are neither Kubernetes' own nor Istio's)
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: A namespace whose pods get a sidecar
  bare.mesh.manifest:
    resources:
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: shop
          labels: {istio-injection: enabled}

- name: Everything in two files, and wait until it runs
  bare.mesh.manifest:
    src: [definitions.yml, shop.yml]
    namespace: shop
    wait: true
    wait_timeout: 300

- name: Remove the namespace and all that is in it
  bare.mesh.manifest:
    state: absent
    resources:
      - {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
    wait: true
"""

RETURN = r"""
objects:
  description: The objects, and what happened to each.
  returned: success
  type: list
  elements: dict
  contains:
    api_version:
      description: Its API version.
      type: str
    kind:
      description: Its kind.
      type: str
    namespace:
      description: Its namespace; empty for one of the whole cluster.
      type: str
    name:
      description: Its name.
      type: str
    action:
      description: V(created), V(updated), V(unchanged), V(deleted) or V(absent). In check mode, what would happen.
      type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine, outcome
from ansible_collections.bare.mesh.plugins.module_utils._k8s.argspec import WAITING
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, hide_secrets, run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import expand, read_file

ARGUMENTS: dict[str, Any] = {
    "resources": {"type": "list", "elements": "dict"},
    "src": {"type": "list", "elements": "path"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "namespace": {"type": "str", "default": "default"},
    "field_manager": {"type": "str", "default": "bare-mesh"},
    **WAITING,
}


def definitions(params: dict[str, Any]) -> list[dict[str, Any]]:
    result = expand(params["resources"] or [], "resources")
    for path in params["src"] or []:
        result += expand(read_file(path), path)
    return result


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    objects = definitions(params)
    hide_secrets(module, objects)
    present = params["state"] == "present"
    engine = Engine(
        connect(module, "all objects count as new" if present else "there is nothing to remove"),
        params["field_manager"],
        check=module.check_mode,
        namespace=params["namespace"],
        wait=params["wait"],
        timeout=params["wait_timeout"],
    )
    return outcome(engine.present(objects) if present else engine.absent(objects), module._diff)


def main() -> None:
    run(work, ARGUMENTS, required_one_of=[("resources", "src")])


if __name__ == "__main__":
    main()
