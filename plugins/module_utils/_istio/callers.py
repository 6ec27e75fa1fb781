# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who has called a sidecar without mutual TLS: the lines of its access log, with names instead of addresses."""

from __future__ import annotations

import ipaddress
import itertools
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.access_log import Line, transport
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import controller

PROXY = "istio-proxy"
Pod = dict[str, Any]
# In the order in which Istio itself looks for the name of a workload's application.
APP_LABELS = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
# Digits of a time that pods and access logs write in the same way: 2026-01-31T12:00:00.
SECONDS = 19


def has_sidecar(pod: Pod) -> bool:
    """Whether a sidecar runs in the pod. Gateways and waypoints have a container of the same name."""
    spec = pod.get("spec") or {}
    if (pod.get("status") or {}).get("phase") != "Running":
        return False
    # A native sidecar is an init container.
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    return any(one["name"] == PROXY and "sidecar" in (one.get("args") or []) for one in containers)


def addresses(pod: Pod) -> set[str]:
    """The IP addresses of a pod."""
    return {one["ip"] for one in (pod.get("status") or {}).get("podIPs") or []}


def workload(pod: Pod) -> str:
    """Name of what owns the pod, such as a Deployment, or of the pod itself."""
    meta = pod["metadata"]
    kind, owner = controller(pod)
    suffix = (meta.get("labels") or {}).get("pod-template-hash")
    return str((owner.removesuffix(f"-{suffix}") if kind == "ReplicaSet" and suffix else owner) or meta["name"])


def app(pod: Pod) -> str:
    """The name of the application in the pod's labels, or nothing."""
    labels = pod["metadata"].get("labels") or {}
    return next((labels[name] for name in APP_LABELS if labels.get(name)), "")


class Callers:
    """The pods and nodes of a cluster by their addresses."""

    def __init__(self, pods: list[Pod], nodes: list[dict[str, Any]]) -> None:
        self.pods: dict[str, list[Pod]] = {}
        for pod in pods:
            # Such a pod has its node's address, like the node's own processes.
            for ip in set() if (pod.get("spec") or {}).get("hostNetwork") else addresses(pod):
                self.pods.setdefault(ip, []).append(pod)
        self.nodes: dict[str, str] = {}
        self.ranges = []
        for node in nodes:
            name = node["metadata"]["name"]
            for one in (node.get("status") or {}).get("addresses") or []:
                self.nodes[one["address"]] = name
            for text in (node.get("spec") or {}).get("podCIDRs") or []:
                network = ipaddress.ip_network(text)
                self.ranges.append(network)
                # Of the tunnel and of the bridge: what the node itself sends to pods, or passes on from outside.
                self.nodes.update({str(ip): name for ip in itertools.islice(network, 2)})

    def who(self, ip: str, time: str) -> dict[str, str]:
        """The caller with this address at this time. A pod that started later is another one with the same address."""
        found = {"kind": "outside", "namespace": "", "workload": "", "app": "", "name": "", "address": ip}
        started = [
            (str((pod.get("status") or {}).get("startTime") or "")[:SECONDS], pod) for pod in self.pods.get(ip, [])
        ]
        earlier = [one for one in started if one[0] <= time[:SECONDS]]
        if earlier:
            pod = max(earlier, key=lambda one: one[0])[1]
            meta = pod["metadata"]
            names = {"namespace": meta["namespace"], "workload": workload(pod), "app": app(pod), "name": meta["name"]}
            return {**found, "kind": "pod", **names}
        if ip in self.nodes:
            return {**found, "kind": "node", "name": self.nodes[ip]}
        if started or any(ipaddress.ip_address(ip) in network for network in self.ranges):
            return {**found, "kind": "gone"}
        return found


def merge(callers: Callers, logs: list[tuple[Pod, list[Line]]]) -> list[dict[str, Any]]:
    """The calls that came to these pods, counted by workload called, port and caller."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for pod, found in logs:
        for line in found:
            caller = callers.who(line.remote.ip, line.time)
            # The replicas of a workload are one caller; without a workload, the node or the address is.
            who = caller["workload"] or caller["name"] or caller["address"]
            called = {"namespace": pod["metadata"]["namespace"], "workload": workload(pod), "app": app(pod)}
            row = {**called, "port": line.local.port, "transport": transport(line), "forwarded": line.remote.port == 0}
            key = (*row.values(), caller["kind"], caller["namespace"], who)
            known = merged.setdefault(key, {**row, "count": 0, "last": "", "caller": caller})
            known["count"] += 1
            if line.time > known["last"]:
                known.update(last=line.time, caller=caller)
    return [merged[key] for key in sorted(merged)]
