# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is coming up in a cluster while something else waits for it: components, pods and services in a line each.

For a spectator, who must not disturb: short timeouts, no repetition, and nothing but names, states and addresses.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlencode

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client, Object

# Seconds
CONNECT_TIMEOUT = 1
READ_TIMEOUT = 2
# A glance at a large cluster stays a glance.
LIMIT = 100


class Glance(Client):
    """Reads the state of a namespace, or of all of them. gate is held while a request is under way."""

    def __init__(self, kubeconfig: str, namespace: str, gate: AbstractContextManager[Any]) -> None:
        super().__init__({"kubeconfig": kubeconfig})
        self.gate = gate
        self.within = f"/namespaces/{namespace}" if namespace else ""

    def states(self) -> dict[str, tuple[str, bool]]:
        """What there is, with its state, and whether that is a good one. Raises whatever goes wrong."""
        found = {}
        for path, describe in (
            (f"/apis/apps/v1{self.within}/deployments", deployment),
            (f"/api/v1{self.within}/pods", pod),
            (f"/api/v1{self.within}/services", service),
        ):
            for item in self._list(path):
                about = item["metadata"]
                state, good = describe(item)
                found[f"{describe.__name__} {about['namespace']}/{about['name']}"] = state, good
        return found

    def _list(self, path: str) -> list[Object]:
        timeout = self.urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT)
        url = f"{self.host}{path}?{urlencode({'limit': LIMIT})}"
        with self.gate:
            answer = self.pool.request("GET", url, headers=self._headers(""), timeout=timeout, retries=False)
        items: list[Object] = json.loads(answer.data)["items"]
        return items


def deployment(item: Object) -> tuple[str, bool]:
    wanted = item["spec"].get("replicas", 1)
    ready = (item.get("status") or {}).get("readyReplicas") or 0
    return f"{ready}/{wanted} ready", ready >= wanted


def pod(item: Object) -> tuple[str, bool]:
    status = item.get("status") or {}
    phase = status.get("phase") or "Unknown"
    if item["metadata"].get("deletionTimestamp"):
        return "Terminating", True
    if phase == "Succeeded":
        return phase, True
    # A sidecar may be an init container that goes on running. kubectl counts it, too.
    sidecars = {one["name"] for one in item["spec"].get("initContainers") or [] if one.get("restartPolicy") == "Always"}
    containers = [one for one in status.get("initContainerStatuses") or [] if one["name"] in sidecars]
    containers += status.get("containerStatuses") or []
    ready = sum(bool(one.get("ready")) for one in containers)
    reasons = sorted({str(one["state"]["waiting"].get("reason")) for one in containers if _waits(one)})
    of = len(containers) or len(sidecars) + len(item["spec"].get("containers") or [])
    good = phase == "Running" and ready == of
    return f"{', '.join(reasons) or phase}, {ready}/{of} ready", good


def _waits(container: Object) -> bool:
    return bool((container.get("state") or {}).get("waiting"))


def service(item: Object) -> tuple[str, bool]:
    spec = item["spec"]
    kind = spec.get("type") or "ClusterIP"
    ports = ",".join(
        f"{one['port']}:{one['nodePort']}" if one.get("nodePort") else str(one["port"])
        for one in spec.get("ports") or []
    )
    address, good = spec.get("clusterIP") or spec.get("externalName") or "none", True
    if kind == "LoadBalancer":
        given = ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
        outside = [str(one.get("ip") or one.get("hostname")) for one in given]
        # Without a load balancer it stays so: nobody waits for it.
        address = ",".join(outside) or f"{address}, external <pending>"
    return f"{kind} {address} ports {ports or 'none'}", good
