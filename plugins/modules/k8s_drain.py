#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_drain
short_description: Drains, cordons or uncordons a node
version_added: 0.2.0
description:
  - Makes the node unschedulable and evicts its pods, as C(kubectl drain) does. Pods of DaemonSets and static pods stay.
  - All pods are checked first. If a pod would be lost or lose data and O(delete_options) does not allow it, nothing is
    changed.
  - If the node does not exist, nothing is changed.
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
options:
  name:
    description: Name of the Node object.
    type: str
    required: true
  state:
    description:
      - V(drain) makes the node unschedulable and evicts its pods, V(cordon) only makes it unschedulable,
        V(uncordon) makes it schedulable again.
    type: str
    choices: [drain, cordon, uncordon]
    default: drain
  delete_options:
    description: Options of the eviction.
    type: dict
    default: {}
    suboptions:
      delete_emptydir_data:
        description: Also evict pods with C(emptyDir) volumes, whose data is deleted.
        type: bool
        default: false
      force:
        description: Also evict pods without a controller, which are not started again on another node.
        type: bool
        default: false
      disable_eviction:
        description: Delete the pods instead of evicting them. PodDisruptionBudgets do not apply then.
        type: bool
        default: false
      wait_timeout:
        description:
          - Seconds to wait until the pods are gone.
          - On a node that is not ready the module does not wait, because the kubelet does not report the end of the
            pods.
        type: int
        default: 300
attributes:
  check_mode:
    support: full
    details: Lists the pods that would be evicted.
  diff_mode:
    support: full
    details: Shows whether the node is schedulable, and the pods that are evicted.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Drain a node
  bare.mesh.k8s_drain:
    name: node3
    delete_options:
      delete_emptydir_data: true

- name: Make it schedulable again
  bare.mesh.k8s_drain:
    name: node3
    state: uncordon
"""

RETURN = r"""
exists:
  description: Whether the cluster has the node.
  returned: always
  type: bool
pods:
  description: The pods that were evicted, or in check mode would be evicted, as V(namespace/name).
  returned: always
  type: list
  elements: str
"""

import time
from typing import Any
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import controller

# Static pods: https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
MIRROR = "kubernetes.io/config.mirror"
MERGE = "application/merge-patch+json"
Pod = dict[str, Any]


def has_to_leave(pod: Pod) -> bool:
    """Whether a drain evicts the pod: not if it has ended, belongs to a DaemonSet or is a static pod."""
    metadata, phase = pod["metadata"], (pod.get("status") or {}).get("phase")
    return (
        phase not in ("Succeeded", "Failed")
        and controller(pod)[0] != "DaemonSet"
        and MIRROR not in (metadata.get("annotations") or {})
    )


def full_name(pod: Pod) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def list_pods(client: Client, node: str) -> list[Pod]:
    """The pods of the node that a drain evicts, sorted by name."""
    found = client.pages("/api/v1/pods", {"fieldSelector": f"spec.nodeName={node}"})
    return sorted((pod for pod in found if has_to_leave(pod)), key=full_name)


def is_ready(node: dict[str, Any]) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def objections(pods: list[Pod], options: dict[str, Any]) -> list[str]:
    """The reasons why the pods must not be evicted."""
    found = []
    lost = [full_name(pod) for pod in pods if not controller(pod)[0]]
    if lost and not options["force"]:
        found.append(
            f"no controller starts these pods again: {', '.join(lost)}. Delete them, or set delete_options.force"
        )
    volumes = [full_name(pod) for pod in pods if any("emptyDir" in one for one in pod["spec"].get("volumes") or [])]
    if volumes and not options["delete_emptydir_data"]:
        fix = "If the data may be deleted, set delete_options.delete_emptydir_data"
        found.append(f"these pods have emptyDir volumes: {', '.join(volumes)}. {fix}")
    return found


def evict(client: Client, pod: Pod, delete: bool) -> str:
    """Evict or delete a pod. Returns the reason if a disruption budget does not allow it, otherwise an empty string.

    A pod that is already gone is not an error. Raises ApiError for other refusals.
    """
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    path = f"/api/v1/namespaces/{namespace}/pods/{quote(name, safe='')}"
    try:
        if delete:
            client.delete(path)
        else:
            body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
            client.request("POST", f"{path}/eviction", body=body)
    except ApiError as error:
        # 429: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
        if error.status == 429:
            return str(error)
        if error.status != 404:
            raise
    return ""


def empty(client: Client, node: str, pods: list[Pod], options: dict[str, Any], wait: bool) -> None:
    """Evict the pods and, with wait, wait until they are gone.

    An eviction that a disruption budget does not allow is repeated. Raises Failure after options["wait_timeout"]
    seconds.
    """
    deadline = time.monotonic() + options["wait_timeout"]
    # For a disruption budget the answer is "too many requests", which the client would repeat by itself.
    client.patience = 0
    asked: set[str] = set()
    wanted = {pod["metadata"]["uid"] for pod in pods}
    while True:
        left = [pod for pod in list_pods(client, node) if pod["metadata"]["uid"] in wanted]
        refused = {}
        for pod in left:
            if pod["metadata"]["uid"] not in asked:
                why = evict(client, pod, options["disable_eviction"])
                if why:
                    refused[full_name(pod)] = why
                else:
                    asked.add(pod["metadata"]["uid"])
        if not refused and (not left or not wait):
            return
        if time.monotonic() > deadline:
            names = [full_name(pod) for pod in left]
            raise Failure(_late(node, left, refused, options["wait_timeout"]), changed=True, pods=names)
        time.sleep(1)


def _late(node: str, left: list[Pod], refused: dict[str, str], seconds: int) -> str:
    begin = f"the node {node} is unschedulable, but not empty after {seconds} seconds"
    if refused:
        reasons = "; ".join(f"{name}: {why}" for name, why in refused.items())
        fix = "Give those workloads more replicas, or set delete_options.disable_eviction to delete the pods anyway"
        return f"{begin}: {reasons}. {fix}"
    return f"{begin}: {', '.join(full_name(pod) for pod in left)} did not end"


def work(module: AnsibleModule) -> dict[str, Any]:
    """Bring the node to the state. Raises Failure if pods must not be evicted or do not end in time."""
    name, state, options = module.params["name"], module.params["state"], module.params["delete_options"]
    client = Client(module.params)
    client.reach()
    path = f"/api/v1/nodes/{quote(name, safe='')}"
    node = client.get(path)
    if node is None:
        return {"changed": False, "exists": False, "pods": []}
    closed = bool(node["spec"].get("unschedulable"))
    pods = list_pods(client, name) if state == "drain" else []
    wrong = objections(pods, options)
    if wrong:
        raise Failure(f"the node {name} is not drained, and nothing was changed: {'; '.join(wrong)}")
    close = state != "uncordon"
    if not module.check_mode:
        if closed != close:
            client.request("PATCH", path, body={"spec": {"unschedulable": close or None}}, content_type=MERGE)
        if pods:
            empty(client, name, pods, options, is_ready(node))
    return {
        "changed": closed != close or bool(pods),
        "exists": True,
        "pods": [full_name(pod) for pod in pods],
        "diff": {"before": _lines(closed, pods), "after": _lines(close, [])},
    }


def _lines(closed: bool, pods: list[Pod]) -> str:
    return "".join(
        f"{line}\n" for line in (f"unschedulable: {closed}".lower(), *(f"pod: {full_name(pod)}" for pod in pods))
    )


def main() -> None:
    run(
        work,
        {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["drain", "cordon", "uncordon"], "default": "drain"},
            "delete_options": {
                "type": "dict",
                "default": {},
                "apply_defaults": True,
                "options": {
                    "delete_emptydir_data": {"type": "bool", "default": False},
                    "force": {"type": "bool", "default": False},
                    "disable_eviction": {"type": "bool", "default": False},
                    "wait_timeout": {"type": "int", "default": 300},
                },
            },
        },
    )


if __name__ == "__main__":
    main()
