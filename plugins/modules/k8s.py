#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: k8s
short_description: Applies, patches or removes any Kubernetes objects
version_added: 0.1.0
description:
  - Reads the objects with few requests, and writes those that differ by server-side apply, in parallel and in
    dependency order. Namespaces and CustomResourceDefinitions come first.
  - A field that another field manager owns and that the definition does not name is not changed and is not a
    difference.
  - A field that this module set before and that the definition no longer names is removed.
  - In check mode without a cluster, all objects count as new.
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
  - bare.mesh.waiting
options:
  resources:
    description: The objects, each as a Kubernetes manifest.
    type: list
    elements: dict
  definition:
    description: The objects as a manifest, a list of manifests, or YAML text with one or more documents.
    type: raw
    aliases: [resource_definition]
  src:
    description: YAML files on the controller with manifests of the objects.
    type: list
    elements: path
  kind:
    description: Kind of one object without further fields, together with O(name), such as a Namespace or an object for
      O(state=absent).
    type: str
  api_version:
    description: API version of the object of O(kind) and O(name).
    type: str
    default: v1
    aliases: [api, version]
  name:
    description: Name of the object of O(kind).
    type: str
  state:
    description:
      - V(present) creates the objects or changes them.
      - V(patched) changes only objects that exist, as C(kubectl patch) does. Fields that the definition does not name
        stay as they are. An object that does not exist is left out with a warning.
      - V(absent) deletes the objects. An object whose kind the cluster does not know counts as V(absent).
    type: str
    choices: [present, patched, absent]
    default: present
  namespace:
    description: Namespace of objects whose manifests name none.
    type: str
    default: default
  field_manager:
    description: Name of the field manager of server-side apply, by which the API server records the fields that this
      module sets.
    type: str
    default: bare-mesh
  wait_condition:
    description:
      - With O(wait=true), wait until every object of the task has this condition, instead of until it is ready.
      - Ignored with O(state=absent).
    type: dict
    suboptions:
      type:
        description: Type of the condition, such as V(Available) or V(Progressing) of a Deployment.
        type: str
        required: true
      status:
        description: Status of the condition.
        type: str
        choices: ["True", "False", "Unknown"]
        default: "True"
      reason:
        description: Reason of the condition; any reason by default.
        type: str
  wait_sleep:
    description: Seconds between two reads. By default the module reads often at first, later every 2 seconds.
    type: float
attributes:
  check_mode:
    support: full
    details: The API server validates each change with a dry run.
  diff_mode:
    support: full
    details: Shows only what differs. The values of Secrets are hidden.
requirements:
  - openshift >= 0.13.2 (for kinds that belong neither to Kubernetes nor to Istio)
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: A namespace whose pods get a sidecar
  bare.mesh.k8s:
    resources:
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: shop
          labels: {istio-injection: enabled}

- name: Apply all objects of two files, and wait until they are ready
  bare.mesh.k8s:
    src: [definitions.yml, shop.yml]
    namespace: shop
    wait: true
    wait_timeout: 300

- name: One object
  bare.mesh.k8s:
    definition:
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: settings, namespace: shop}
      data: {colour: blue}

- name: Pause a deployment, and wait until its controller has seen it
  bare.mesh.k8s:
    state: patched
    definition:
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web, namespace: shop}
      spec: {paused: true}
    wait: true
    wait_condition:
      type: Progressing
      status: Unknown
      reason: DeploymentPaused

- name: Remove the namespace and all objects in it
  bare.mesh.k8s:
    kind: Namespace
    name: shop
    state: absent
    wait: true
"""

RETURN = r"""
objects:
  description: The objects, and what happened to each of them.
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
      description: Its namespace; empty for a cluster-wide object.
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
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.argspec import WAITING
from ansible_collections.bare.mesh.plugins.module_utils._k8s.change import outcome
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, hide_secrets, run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import expand, identity, load_yaml, read_file

ARGUMENTS: dict[str, Any] = {
    "resources": {"type": "list", "elements": "dict"},
    "definition": {"type": "raw", "aliases": ["resource_definition"]},
    "src": {"type": "list", "elements": "path"},
    "kind": {"type": "str"},
    "api_version": {"type": "str", "default": "v1", "aliases": ["api", "version"]},
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "patched", "absent"], "default": "present"},
    "namespace": {"type": "str", "default": "default"},
    "field_manager": {"type": "str", "default": "bare-mesh"},
    **WAITING,
    "wait_condition": {
        "type": "dict",
        "options": {
            "type": {"type": "str", "required": True},
            "status": {"type": "str", "choices": ["True", "False", "Unknown"], "default": "True"},
            "reason": {"type": "str"},
        },
    },
    "wait_sleep": {"type": "float"},
}
# What check mode assumes without a cluster.
WITHOUT_CLUSTER = {
    "present": "all objects count as new",
    "patched": "there is nothing to patch",
    "absent": "there is nothing to remove",
}


def definitions(params: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of all options.

    Raises Failure for a file that cannot be read and for manifests that are not valid.
    """
    result = expand(params["resources"] or [], "resources")
    given = params["definition"]
    if isinstance(given, str):
        given = load_yaml(given, "definition")
    result += expand(given if isinstance(given, list) else [given] if given is not None else [], "definition")
    if params["kind"]:
        one = {"apiVersion": params["api_version"], "kind": params["kind"], "metadata": {"name": params["name"]}}
        result += expand([one], "kind and name")
    for path in params["src"] or []:
        result += expand(read_file(path), path)
    return result


def work(module: AnsibleModule) -> dict[str, Any]:
    """Bring the objects to the state. Returns the result; raises Failure if the API server refuses an object."""
    params = module.params
    objects = definitions(params)
    hide_secrets(module, objects)
    if params["wait_sleep"] is not None and params["wait_sleep"] <= 0:
        raise Failure(f"wait_sleep is {params['wait_sleep']:g}: give a number of seconds above 0")
    engine = Engine(
        connect(module, WITHOUT_CLUSTER[params["state"]]),
        params["field_manager"],
        check=module.check_mode,
        namespace=params["namespace"],
        wait=params["wait"],
        timeout=params["wait_timeout"],
        sleep=params["wait_sleep"],
        condition=params["wait_condition"],
    )
    changes = {"present": engine.present, "patched": engine.patched, "absent": engine.absent}[params["state"]](objects)
    missing = [identity(change.desired) for change in changes if change.action == "absent"]
    if params["state"] == "patched" and missing:
        module.warn(f"Not patched, because they do not exist: {', '.join(missing)}")
    for note in engine.notes:
        module.warn(note)
    return outcome(changes, module._diff)


def main() -> None:
    run(
        work,
        ARGUMENTS,
        required_one_of=[("resources", "definition", "src", "kind")],
        required_together=[("kind", "name")],
    )


if __name__ == "__main__":
    main()
