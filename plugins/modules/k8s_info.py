#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_info
short_description: Reads Kubernetes objects, queries them and waits for a state
version_added: 0.1.0
description:
  - Reads the objects of one or more kinds and evaluates a JMESPath expression on them.
  - With O(until), waits until another JMESPath expression is true.
  - The list is empty if no object matches or the cluster does not serve the kind, and in check mode without a cluster.
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
options:
  api_version:
    description: API version of the objects.
    type: str
    default: v1
    aliases: [api, version]
  kind:
    description: Kind of the objects, or several kinds of one API version.
    type: list
    elements: str
    required: true
  name:
    description: Name of one object. By default, all objects of the kind are read.
    type: str
  namespace:
    description: Namespace of the objects. The default is all namespaces, or with O(name) the namespace V(default).
    type: str
  label_selectors:
    description: Label selectors that the objects must match, such as V(app=reviews) or V(version in (v1, v2)).
    type: list
    elements: str
    default: []
  field_selectors:
    description: Field selectors that the objects must match, such as V(status.phase=Running).
    type: list
    elements: str
    default: []
  query:
    description: JMESPath expression on the list of objects. RV(result) is its value, and RV(resources) is left out.
    type: str
  until:
    description: JMESPath expression on the list of objects. The module waits until it is true.
    type: str
  until_required:
    description:
      - Whether the module fails if O(until) is not true in time. With V(false), RV(met) says whether it is.
    type: bool
    default: true
    version_added: 0.2.0
  wait_timeout:
    description: Seconds to wait for O(until).
    type: int
    default: 120
  wait_sleep:
    description: Seconds between two reads.
    type: float
    default: 1
attributes:
  check_mode:
    support: full
    details: Changes nothing. In check mode it reads once and does not wait.
  diff_mode:
    support: none
requirements:
  - jmespath >= 1.0
  - openshift >= 0.13.2 (for kinds that belong neither to Kubernetes nor to Istio)
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Wait until three nodes are ready
  bare.mesh.k8s_info:
    kind: Node
    until: "length([?status.conditions[?type=='Ready' && status=='True']]) >= `3`"
    wait_timeout: 300

- name: Read the node port of the ingress gateway
  bare.mesh.k8s_info:
    kind: Service
    namespace: istio-system
    name: istio-ingressgateway
    query: "[0].spec.ports[?name=='http2'].nodePort | [0]"
  register: gateway
"""

RETURN = r"""
resources:
  description: The objects as Kubernetes manifests, without C(managedFields).
  returned: when O(query) is not given
  type: list
  elements: dict
result:
  description: The value of O(query).
  returned: when O(query) is given
  type: raw
met:
  description: Whether O(until) is true. It can be false in check mode, and with O(until_required=false).
  returned: when O(until) is given
  type: bool
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds, UnknownKind, suggest
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.query import evaluate, expression

ARGUMENTS: dict[str, Any] = {
    "api_version": {"type": "str", "default": "v1", "aliases": ["api", "version"]},
    "kind": {"type": "list", "elements": "str", "required": True},
    "name": {"type": "str"},
    "namespace": {"type": "str"},
    "label_selectors": {"type": "list", "elements": "str", "default": []},
    "field_selectors": {"type": "list", "elements": "str", "default": []},
    "query": {"type": "str"},
    "until": {"type": "str"},
    "until_required": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
    "wait_sleep": {"type": "float", "default": 1},
}


def read(client: Client, kinds: Kinds, params: dict[str, Any], unknown: set[str]) -> list[dict[str, Any]]:
    """The objects that match the options.

    A kind that is not served and looks like a slip is added to unknown, as a message.
    """
    fields = params["field_selectors"] + ([f"metadata.name={params['name']}"] if params["name"] else [])
    query = {"labelSelector": ",".join(params["label_selectors"]), "fieldSelector": ",".join(fields)}
    found: list[dict[str, Any]] = []
    for kind in params["kind"]:
        try:
            namespaced = kinds.find(params["api_version"], kind).namespaced
        except UnknownKind as error:
            if suggest(params["api_version"], kind):
                unknown.add(str(error))
            continue
        namespace = (params["namespace"] or ("default" if params["name"] else "")) if namespaced else ""
        path = kinds.collection(params["api_version"], kind, namespace)
        found += client.pages(path, {option: value for option, value in query.items() if value})
    for one in found:
        one["metadata"].pop("managedFields", None)
    return found


def work(module: AnsibleModule) -> dict[str, Any]:
    """Read the objects, if asked for until they have a state.

    Raises Failure with the objects after the timeout, where the state is required.
    """
    params = module.params
    if params["wait_sleep"] <= 0:
        raise Failure(f"wait_sleep is {params['wait_sleep']:g}: give a number of seconds above 0")
    query, until = expression(params, "query"), expression(params, "until")
    client = connect(module, "nothing is found")
    kinds = Kinds(client)
    unknown: set[str] = set()
    deadline = time.monotonic() + params["wait_timeout"]
    while True:
        found = read(client, kinds, params, unknown) if client else []
        met = until is None or bool(evaluate(until, "until", found))
        if met or module.check_mode:
            break
        if time.monotonic() + params["wait_sleep"] > deadline:
            if not params["until_required"]:
                break
            raise Failure(
                f"after {params['wait_timeout']} s the {len(found)} objects of kind {', '.join(params['kind'])} that"
                f" were found do not meet until: {params['until']}",
                **({"resources": found} if query is None else {}),
            )
        time.sleep(params["wait_sleep"])
    for message in sorted(unknown):
        module.warn(message)
    result: dict[str, Any] = {"changed": False}
    # Whoever asks for a value does not want to see the manifests that it comes from.
    if query is None:
        result["resources"] = found
    else:
        result["result"] = evaluate(query, "query", found)
    if until is not None:
        result["met"] = met
    return result


def main() -> None:
    run(work, ARGUMENTS)


if __name__ == "__main__":
    main()
