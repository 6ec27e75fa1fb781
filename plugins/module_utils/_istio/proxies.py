# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What istiod says of the proxies that are connected to it: its debug page syncz, as istioctl proxy-status reads it.

https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/#get-an-overview-of-your-mesh
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.commands import execute, pods, ready
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

# Part of the result -> type of Envoy's configuration.
TYPES = {
    "clusters": "envoy.config.cluster.v3.Cluster",
    "listeners": "envoy.config.listener.v3.Listener",
    "endpoints": "envoy.config.endpoint.v3.ClusterLoadAssignment",
    "routes": "envoy.config.route.v3.RouteConfiguration",
    "extensions": "envoy.config.core.v3.TypedExtensionConfig",
}
SYNCED, STALE, NOT_SENT = "SYNCED", "STALE", "NOT_SENT"
# The program is in the image of istiod, which has no shell.
COMMAND = ["pilot-discovery", "request", "GET", "/debug/syncz"]


def istiods(client: Client, namespace: str, revision: str | None) -> list[dict[str, Any]]:
    """The ready pods of istiod. Raises Failure if there is none."""
    labels = ",".join(["app=istiod", *([f"istio.io/rev={revision}"] if revision else [])])
    found = [pod for pod in pods(client, namespace, labels) if ready(pod)]
    if not found:
        raise Failure(f"the namespace {namespace} has no ready pod with the labels {labels}")
    return found


def status(sent: str, acknowledged: str) -> str:
    """The state of one type of configuration, by the nonces that istiod sent last and the proxy acknowledged last."""
    if not sent:
        return NOT_SENT
    return SYNCED if sent == acknowledged else STALE


def described(proxy: dict[str, Any], istiod: str, revision: str) -> dict[str, Any]:
    """A proxy in the form of the module's result."""
    name, _dot, namespace = proxy["proxy"].rpartition(".")
    resources = proxy.get("resources") or {}
    parts = {}
    for part, kind in TYPES.items():
        one = resources.get(f"type.googleapis.com/{kind}") or {}
        parts[part] = status(one.get("sent", ""), one.get("acked", ""))
    return {
        "name": name,
        "namespace": namespace,
        "cluster": proxy.get("cluster_id", ""),
        "type": proxy.get("proxy_type", ""),
        "version": proxy.get("istio_version", ""),
        "istiod": istiod,
        "revision": revision,
        # What was never sent is not needed by this proxy, such as extensions.
        "synced": STALE not in parts.values() and any(state == SYNCED for state in parts.values()),
        **parts,
    }


def nonces(proxy: dict[str, Any]) -> dict[str, str]:
    """What istiod sent last, by type."""
    return {kind: one.get("sent", "") for kind, one in (proxy.get("resources") or {}).items()}


def read(
    client: Client, istiod_pods: list[dict[str, Any]], timeout: int
) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Each proxy that is connected to one of the pods of istiod, and what was sent to it last.

    timeout: seconds for each pod. Raises Failure if a pod does not answer.
    """
    found = []
    for pod in istiod_pods:
        meta = pod["metadata"]
        done = execute(client, meta["namespace"], meta["name"], "discovery", COMMAND, timeout)
        try:
            listed = json.loads(done["stdout"] or "null") or []
        except ValueError as error:
            said = (done["stderr"] or done["stdout"]).strip()
            raise Failure(f"{meta['name']} does not say which proxies it has: {said:.200}") from error
        revision = (meta.get("labels") or {}).get("istio.io/rev", "")
        found += [(described(proxy, meta["name"], revision), nonces(proxy)) for proxy in listed]
    return found
