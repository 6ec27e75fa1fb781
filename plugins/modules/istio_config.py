#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: istio_config
short_description: Manages resources of all of Istio's kinds together, as Kubernetes manifests
version_added: 0.2.0
description:
  - Takes manifests of any of Istio's kinds (C(networking.istio.io), C(security.istio.io), C(telemetry.istio.io) and
    C(extensions.istio.io)), from the task, from files, from folders or from templates.
  - Checks all of them by the rules of Istio before anything is written. The message names each wrong field and the fix.
  - Warns of what Istio accepts and traffic then suffers from, such as a route to a subset that no DestinationRule has.
    It knows the manifests of the task and, as far as it may list them, the live objects that they depend on. Where it
    is not certain, it says nothing.
  - Writes them in an order that traffic survives. Subsets are written before the routes that use them, and removed
    when the proxies have got the routes that no longer do.
  - A field that another field manager owns and that the manifest does not name is not changed and is not a difference.
  - In check mode without a cluster, all resources count as new.
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
options:
  resources:
    description: The resources, each as a Kubernetes manifest.
    type: list
    elements: dict
  src:
    description:
      - Files on the controller with manifests in YAML, templates of such files (C(.j2)), and folders.
      - Of a folder, all files that end in C(.yml), C(.yaml), C(.json) or C(.j2) are read, also in the folders below.
      - A relative path is looked for as in M(ansible.builtin.template), for example in the C(templates) folder of the
        role, and below the playbook.
      - The action plugin of the module reads the files and renders the templates. It gives each to the module as a
        mapping of C(path) and C(content).
    type: list
    elements: raw
  state:
    description: Whether the resources should exist. With V(absent), only their kinds, names and namespaces are used.
    type: str
    choices: [present, absent]
    default: present
  namespace:
    description: Namespace of the resources that name none.
    type: str
    default: default
  owner:
    description:
      - A name for all that this task manages, unique in the cluster. Each resource gets it as the label
        C(bare.mesh/owner).
      - A resource of another owner is refused before anything is written. One that exists without an owner is taken
        over with a warning.
      - It must be the value of a label, with at most 63 characters.
    type: str
  prune:
    description:
      - Remove the resources that a task with this O(owner) wrote before and that the manifests no longer have, in any
        namespace. With O(resources=[]) these are all of them.
      - A resource to which somebody else has copied the label stays.
      - Needs the right to list all of Istio's kinds in the whole cluster.
    type: bool
    default: false
  validate:
    description:
      - V(offline) checks by the rules of Istio that this collection knows. They need no cluster.
      - V(server) also has the API server, with the webhook of Istio, judge each resource by a dry run, and writes
        nothing if it refuses one. In check mode that is always so.
    type: str
    choices: [offline, server]
    default: offline
  fail_on:
    description:
      - V(error) fails for what Istio refuses, and shows warnings.
      - V(warning) also fails for warnings, before anything is written.
      - In check mode, what earlier tasks would create is not there, so it can have warnings that the run will not have.
    type: str
    choices: [error, warning]
    default: error
  settle:
    description:
      - Seconds between a change of routes and the removal of subsets and other resources in the same task, so that the
        proxies have got the routes. A proxy that loses a subset before the route to it answers 503.
      - Without such a removal there is no pause.
    type: float
    default: 3
attributes:
  check_mode:
    support: full
    details: The API server validates each change with a dry run.
  diff_mode:
    support: full
    details: Shows only what differs, and what O(prune) removes.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Send one request of ten to the new version
  bare.mesh.istio_config:
    namespace: shop
    resources:
      - apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {name: reviews}
        spec:
          host: reviews
          subsets:
            - {name: v1, labels: {version: v1}}
            - {name: v2, labels: {version: v2}}
      - apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: reviews}
        spec:
          hosts: [reviews]
          http:
            - route:
                - {destination: {host: reviews, subset: v1}, weight: 90}
                - {destination: {host: reviews, subset: v2}, weight: 10}

- name: All that the shop needs of the mesh, and nothing that it no longer needs
  bare.mesh.istio_config:
    src: [mesh]
    namespace: shop
    owner: shop
    prune: true
    validate: server
    fail_on: warning

- name: Remove all of it
  bare.mesh.istio_config:
    resources: []
    owner: shop
    prune: true
"""

RETURN = r"""
objects:
  description: The resources, and what happened to each of them.
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
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    action:
      description: V(created), V(updated), V(unchanged), V(deleted) or V(absent). In check mode, what would happen.
      type: str
findings:
  description: The warnings, also if the task fails because of them. Empty without any.
  returned: with O(state=present), after the resources are found valid
  type: list
  elements: dict
  contains:
    rule:
      description: Name of the rule, such as V(unknown-subset).
      type: str
    object:
      description: Kind, namespace and name of the resource.
      type: str
      sample: VirtualService shop/reviews
    path:
      description: The field.
      type: str
      sample: spec.http[0].route[1].destination.subset
    message:
      description: What is wrong.
      type: str
    fix:
      description: What to do.
      type: str
    source:
      description: Address of the page of Istio's documentation that explains it.
      type: str
"""

import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._istio import config
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis import live
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.analyse import analyse
from ansible_collections.bare.mesh.plugins.module_utils._istio.kind_module import MANAGER
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.change import outcome
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import expand, key, load_yaml, read_file

ARGUMENTS: dict[str, Any] = {
    "resources": {"type": "list", "elements": "dict"},
    "src": {"type": "list", "elements": "raw"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "namespace": {"type": "str", "default": "default"},
    "owner": {"type": "str"},
    "prune": {"type": "bool", "default": False},
    "settle": {"type": "float", "default": 3},
    "fail_on": {"type": "str", "choices": ["error", "warning"], "default": "error"},
    "validate": {"type": "str", "choices": ["offline", "server"], "default": "offline"},
}
LABEL = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?\Z")


def definitions(params: dict[str, Any]) -> list[dict[str, Any]]:
    """The manifests of all options. Raises Failure for a file that cannot be read and for what is not a manifest."""
    result = expand(params["resources"] or [], "resources")
    for one in params["src"] or []:
        if isinstance(one, dict):
            result += expand(load_yaml(one["content"], one["path"]), one["path"])
        else:
            result += expand(read_file(one), one)
    return result


def advise(
    module: AnsibleModule, engine: Engine, objects: list[dict[str, Any]], stale: list[dict[str, Any]]
) -> list[dict[str, str]]:
    """Show the warnings about the objects, and return them. stale: objects that the task removes.

    Raises Failure with all of them if the task is to fail for them.
    """
    # Without a cluster, only the objects themselves are known.
    known, listed = live.read(engine.kinds, objects) if engine.kinds.client else ([], None)
    gone = {key(one) for one in stale}
    found = analyse(objects, [one for one in known if key(one) not in gone], listed)
    findings = [one._asdict() for one in found]
    if found and module.params["fail_on"] == "warning":
        lines = ". ".join(one.line() for one in found)
        raise Failure(f"warnings, so nothing was written (fail_on is warning). {lines}", findings=findings)
    for one in found:
        module.warn(one.line())
    return findings


def work(module: AnsibleModule) -> dict[str, Any]:
    """Bring the resources to the state. Returns the result; raises Failure if a resource is not valid or refused."""
    params = module.params
    present, owner = params["state"] == "present", params["owner"] or ""
    if owner and not LABEL.match(owner):
        raise Failure(f"owner: {owner!r} is not the value of a label: at most 63 letters, digits, and inner - _ .")
    if params["settle"] < 0:
        raise Failure(f"settle is {params['settle']:g}: give a number of seconds, 0 or more")
    if params["prune"] and not present:
        raise Failure("prune is for state=present: give an empty list of resources to remove all of the owner's")
    objects = [config.normal(one, params["namespace"], owner) for one in definitions(params)]
    if present:
        config.refuse(objects)
    client = connect(module, "all resources count as new" if present else "there is nothing to remove")
    ask = params["validate"] == "server"
    engine = Engine(client, MANAGER, check=module.check_mode, namespace=params["namespace"], ask_first=ask)
    more: dict[str, Any] = {}
    if client:
        # The warnings need the objects of the batch, too.
        client.remember()
    if present:
        stale = config.left_over(engine.kinds, objects, owner, MANAGER) if params["prune"] else []
        more["findings"] = advise(module, engine, objects, stale)
        changes = config.write(engine, objects, stale, params["settle"])
    else:
        changes = config.remove(engine, objects, params["settle"])
    for note in engine.notes:
        module.warn(note)
    return {**outcome(changes, module._diff), **more}


def main() -> None:
    run(work, ARGUMENTS, required_one_of=[("resources", "src")], required_if=[("prune", True, ["owner"])])


if __name__ == "__main__":
    main()
