# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why an object does not become ready, from its conditions, its pods and its events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

# A container with one of these reasons stays as it is until somebody changes something.
# https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go and pkg/kubelet/kuberuntime
PERMANENT_REASONS = ("InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError")
PULL_REASONS = ("ErrImagePull", "ImagePullBackOff")
# What a registry says of an image that it will not serve later, either.
PERMANENT_PULL = re.compile(r"not found|manifest unknown|name unknown|unauthorized|denied|403 Forbidden", re.IGNORECASE)
# What the API server says of pods that it will not accept later, either, and what it says of a webhook that it cannot
# call, which may answer later.
PERMANENT_REFUSAL = re.compile(r"exceeded quota|denied the request|violates PodSecurity|must specify limits")
WEBHOOK_FAILURE = "failed calling webhook"
MOST_NOTES = 8


def condition(live: dict[str, Any], name: str) -> dict[str, Any]:
    """One of an object's conditions; empty where it does not have it."""
    conditions = (live.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one.get("type") == name), {})


def _waiting(pod: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(container, reason, message) of the containers that do not run and have not ended well."""
    status = pod.get("status", {})
    for container in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        state = container.get("state") or {}
        detail = state.get("waiting") or state.get("terminated")
        if detail and detail.get("exitCode") != 0:
            last = (container.get("lastState") or {}).get("terminated") or {}
            after = f", last exit code {last['exitCode']}" if "exitCode" in last else ""
            yield container["name"], detail.get("reason", "not running"), f"{detail.get('message', '')}{after}"


def pod_trouble(pod: dict[str, Any]) -> str:
    """Why a pod is not ready, in its containers' own words."""
    found = [f"{name}: {reason} {message}".strip().replace(" ,", ",") for name, reason, message in _waiting(pod)]
    for name in ("PodScheduled", "Ready"):
        state = condition(pod, name)
        if not found and state.get("status") == "False":
            found.append(f"{state.get('reason', name)} {state.get('message', '')}".strip())
    return "; ".join(found)


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a pod serves, or has done its work."""
    return pod.get("status", {}).get("phase") == "Succeeded" or condition(pod, "Ready").get("status") == "True"


def _selected(client: Client, one: dict[str, Any], path: str) -> list[dict[str, Any]]:
    """The objects below a path that the selector of a workload finds."""
    selector = ((one.get("spec") or {}).get("selector") or {}).get("matchLabels")
    if not selector:
        return []
    query = {"labelSelector": ",".join(f"{name}={value}" for name, value in selector.items())}
    return list(client.pages(path.format(namespace=one["metadata"]["namespace"]), query))


def unready_pods(client: Client, one: dict[str, Any]) -> list[dict[str, Any]]:
    """The pods of a workload that are not ready."""
    return [pod for pod in _selected(client, one, "/api/v1/namespaces/{namespace}/pods") if not is_ready(pod)]


def webhook_failure(client: Client, live: dict[str, Any]) -> str:
    """Why pods are refused, if a webhook that judges them cannot be called even now; empty otherwise.

    The ReplicaSet tries again ever more rarely, so what it says may be of an outage that is over.
    """
    refused = condition(live, "ReplicaFailure")
    template = (live.get("spec") or {}).get("template")
    if refused.get("status") != "True" or WEBHOOK_FAILURE not in (refused.get("message") or "") or not template:
        return ""
    given = {name: value for name, value in template["metadata"].items() if name in ("labels", "annotations")}
    metadata = {"generateName": f"{live['metadata']['name']}-", **given}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    patience, client.patience = client.patience, 0
    try:
        path = f"/api/v1/namespaces/{live['metadata']['namespace']}/pods"
        client.request("POST", path, {"dryRun": "All"}, pod)
    except Failure as failure:
        return str(failure) if WEBHOOK_FAILURE in str(failure) else ""
    finally:
        client.patience = patience
    return ""


def permanent_cause(client: Client, live: dict[str, Any]) -> str:
    """A cause that waiting does not remove, such as an image that does not exist; empty where there is none."""
    refused = condition(live, "ReplicaFailure")
    if refused.get("status") == "True" and PERMANENT_REFUSAL.search(refused.get("message") or ""):
        return str(refused["message"])
    pods = [live] if live["kind"] == "Pod" else unready_pods(client, live) if live["metadata"].get("namespace") else []
    for pod in pods:
        for name, reason, message in _waiting(pod):
            if reason in PERMANENT_REASONS or (reason in PULL_REASONS and PERMANENT_PULL.search(message)):
                return f"pod {pod['metadata']['name']}, container {name}: {reason} {message}".strip()
    return ""


def explain(client: Client, one: dict[str, Any]) -> str:
    """In brackets, the pods that are not ready, and the last warning event of the object, its ReplicaSets and pods."""
    namespace = one["metadata"].get("namespace")
    if not namespace:
        return ""
    notes: list[str] = []
    involved = [one["metadata"]["name"]]
    try:
        for pod in unready_pods(client, one):
            involved.append(pod["metadata"]["name"])
            notes.append(f"pod {pod['metadata']['name']}: {pod_trouble(pod) or 'not ready'}")
        if one.get("kind") == "Deployment":
            # The event about a refused pod belongs to the ReplicaSet.
            involved += [
                owner["metadata"]["name"]
                for owner in _selected(client, one, "/apis/apps/v1/namespaces/{namespace}/replicasets")
            ]
        events = list(client.pages(f"/api/v1/namespaces/{namespace}/events", {"fieldSelector": "type=Warning"}))
        for name in involved:
            of_object = [event for event in events if event["involvedObject"]["name"] == name]
            of_object.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
            notes += [f"event {event.get('reason')}: {event.get('message')}" for event in of_object[-1:]]
    except Failure:
        # The reason itself is known. Its details are not worth another error.
        return ""
    return f" [{'; '.join(notes[:MOST_NOTES])}]" if notes else ""
