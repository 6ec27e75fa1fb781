# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wait for objects. After the timeout, report which objects are not ready and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds, group_kind
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import identity, key


def _condition(live: dict[str, Any], name: str) -> dict[str, Any]:
    conditions = live.get("status", {}).get("conditions") or []
    return next((one for one in conditions if one.get("type") == name), {})


def _unseen(live: dict[str, Any]) -> bool:
    """Whether the controller has not yet seen the last change."""
    return live.get("status", {}).get("observedGeneration", 0) < live["metadata"].get("generation", 0)


# Each check returns the reason why the object is not ready, or an empty string if it is ready.
# Rollouts are checked by the rules of `kubectl rollout status`:
# https://github.com/kubernetes/kubectl/blob/master/pkg/polymorphichelpers/rollout_status.go


def _deployment(live: dict[str, Any]) -> str:
    status, wanted = live.get("status", {}), live["spec"].get("replicas", 1)
    if _unseen(live):
        return "its controller has not seen the change yet"
    progress = _condition(live, "Progressing")
    updated, available, total = (status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas"))
    if updated >= wanted and total <= updated and available >= updated:
        return ""
    note = f" ({progress['message']})" if progress.get("reason") == "ProgressDeadlineExceeded" else ""
    return f"{available} of {wanted} replicas available, {updated} updated, {max(total - updated, 0)} old ones left{note}"


def _daemon_set(live: dict[str, Any]) -> str:
    status = live.get("status", {})
    if _unseen(live):
        return "its controller has not seen the change yet"
    wanted, updated, available = (
        status.get(name, 0) for name in ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    )
    rolling = live["spec"].get("updateStrategy", {}).get("type") != "OnDelete"
    if available >= wanted and (updated >= wanted or not rolling):
        return ""
    return f"{available} of {wanted} pods available, {updated} updated"


def _stateful_set(live: dict[str, Any]) -> str:
    status, wanted = live.get("status", {}), live["spec"].get("replicas", 1)
    if _unseen(live):
        return "its controller has not seen the change yet"
    rolling = live["spec"].get("updateStrategy", {})
    kept = (rolling.get("rollingUpdate") or {}).get("partition", 0)
    updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
    if ready >= wanted and (updated >= wanted - kept or rolling.get("type") == "OnDelete"):
        return ""
    return f"{ready} of {wanted} replicas ready, {updated} updated"


def _job(live: dict[str, Any]) -> str:
    failed = _condition(live, "Failed")
    if failed.get("status") == "True":
        raise Failure(f"{identity(live)} has failed: {failed.get('message') or failed.get('reason')}")
    return "" if _condition(live, "Complete").get("status") == "True" else "not complete"


def _established(live: dict[str, Any]) -> str:
    refused = _condition(live, "NamesAccepted")
    if refused.get("status") == "False":
        return f"its names are not accepted: {refused.get('message')}"
    return "" if _condition(live, "Established").get("status") == "True" else "not established"


def _pod(live: dict[str, Any]) -> str:
    if live.get("status", {}).get("phase") == "Succeeded":
        return ""
    return "" if _condition(live, "Ready").get("status") == "True" else pod_trouble(live) or "not ready"


def _by_condition(name: str) -> Callable[[dict[str, Any]], str]:
    def check(live: dict[str, Any]) -> str:
        condition = _condition(live, name)
        return "" if condition.get("status") == "True" else f"not {name}: {condition.get('message') or 'no status yet'}"

    return check


def _by_phase(*phases: str) -> Callable[[dict[str, Any]], str]:
    def check(live: dict[str, Any]) -> str:
        phase = live.get("status", {}).get("phase")
        return "" if phase in phases else f"phase {phase or 'unknown'}"

    return check


CHECKS: dict[tuple[str, str], Callable[[dict[str, Any]], str]] = {
    ("apiregistration.k8s.io", "APIService"): _by_condition("Available"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _established,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("batch", "Job"): _job,
    ("", "Namespace"): _by_phase("Active"),
    ("", "Node"): _by_condition("Ready"),
    ("", "Pod"): _pod,
    ("apps", "StatefulSet"): _stateful_set,
}


def pod_trouble(pod: dict[str, Any]) -> str:
    """The reason why a pod is not ready, from the states of its containers and its conditions."""
    status = pod.get("status", {})
    found = []
    for container in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        state = container.get("state") or {}
        detail = state.get("waiting") or state.get("terminated")
        if detail and detail.get("exitCode") != 0:
            last = (container.get("lastState") or {}).get("terminated") or {}
            after = f", last exit code {last['exitCode']}" if "exitCode" in last else ""
            found.append(f"{container['name']}: {detail.get('reason', 'not running')} {detail.get('message', '')}".strip() + after)
    for name in ("PodScheduled", "Ready"):
        condition = _condition(pod, name)
        if not found and condition.get("status") == "False":
            found.append(f"{condition.get('reason', name)} {condition.get('message', '')}".strip())
    return "; ".join(found)


def has_condition(wanted: dict[str, Any]) -> Callable[[dict[str, Any]], str]:
    """A check for one condition of any kind: its type, its status and, if given, its reason.

    If the controller reports which generation it has seen, a condition from before the last change does not count:
    https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Condition
    """
    name = wanted["type"]

    def check(live: dict[str, Any]) -> str:
        found = _condition(live, name)
        seen = found.get("observedGeneration", live.get("status", {}).get("observedGeneration"))
        if seen is not None and seen < live["metadata"].get("generation", 0):
            return "its controller has not seen the change yet"
        if not found:
            return f"it has no condition {name}"
        if found.get("status") == wanted["status"] and wanted.get("reason") in (None, "", found.get("reason")):
            return ""
        why = ": ".join(found[field] for field in ("reason", "message") if found.get(field))
        return f"the condition {name} is {found.get('status')}" + (f" ({why})" if why else "")

    return check


def _pauses(sleep: float | None) -> Iterator[float]:
    """Seconds between two reads: the given number, or by default short ones first, then up to 2 s."""
    pause = sleep or 0.2
    while True:
        yield pause
        pause = sleep or min(pause * 1.5, 2)


def wait_ready(
    client: Client,
    kinds: Kinds,
    objects: list[dict[str, Any]],
    known: dict[tuple[str, str, str, str], Any],
    timeout: float,
    sleep: float | None = None,
    condition: dict[str, Any] | None = None,
) -> None:
    """Wait until all objects are ready, or with a condition until all of them have it.

    known: live objects that were read a moment ago, by key. timeout and sleep are in seconds.
    Raises Failure with the objects that are not ready and the reasons.
    """
    deadline = time.monotonic() + timeout
    awaited = [one for one in objects if condition or group_kind(one) in CHECKS]
    checks = {key(one): has_condition(condition) if condition else CHECKS[group_kind(one)] for one in awaited}
    left = {key(one): (one, "not there") for one in awaited}
    for pause in _pauses(sleep):
        for name, (one, _reason) in list(left.items()):
            live = known.get(name) or client.get(kinds.path(one))
            reason = checks[name](live) if live else "not there"
            if reason:
                left[name] = one, reason
            else:
                del left[name]
        if not left:
            return
        known = {}
        if time.monotonic() + pause > deadline:
            reasons = [f"{identity(one)}: {reason}{_details(client, one)}" for one, reason in left.values()]
            names = [identity(one) for one, _reason in left.values()]
            raise Failure(f"not ready after {timeout:g} s: " + "; ".join(reasons), not_ready=names)
        time.sleep(pause)


def wait_gone(client: Client, kinds: Kinds, objects: list[dict[str, Any]], timeout: float, sleep: float | None = None) -> None:
    """Wait until no object exists any more. timeout and sleep are in seconds.

    Raises Failure with the objects that still exist and what keeps them.
    """
    deadline = time.monotonic() + timeout
    left = list(objects)
    for pause in _pauses(sleep):
        left = [one for one in left if client.get(kinds.path(one))]
        if not left:
            return
        if time.monotonic() + pause > deadline:
            reasons = [f"{identity(one)}{_holders(client.get(kinds.path(one)))}" for one in left]
            raise Failure(f"still there after {timeout:g} s: " + "; ".join(reasons), not_gone=[identity(one) for one in left])
        time.sleep(pause)


def _holders(live: dict[str, Any] | None) -> str:
    """Why an object is still being deleted: its finalizers, and the conditions of a namespace."""
    if not live:
        return ""
    notes = [one["message"] for one in live.get("status", {}).get("conditions") or [] if one.get("status") == "True" and one.get("message")]
    finalizers = live["metadata"].get("finalizers") or []
    if finalizers:
        notes.append(f"finalizers {', '.join(finalizers)}")
    return f" ({'; '.join(notes)})" if notes else ""


def _details(client: Client, one: dict[str, Any]) -> str:
    """The pods of an object that are not ready, and the last warning events."""
    namespace = one["metadata"].get("namespace")
    selector = ((one.get("spec") or {}).get("selector") or {}).get("matchLabels")
    if not namespace:
        return ""
    notes: list[str] = []
    involved = [one["metadata"]["name"]]
    try:
        if selector:
            query = {"labelSelector": ",".join(f"{name}={value}" for name, value in selector.items())}
            for pod in client.pages(f"/api/v1/namespaces/{namespace}/pods", query):
                trouble = _pod(pod)
                if trouble:
                    involved.append(pod["metadata"]["name"])
                    notes.append(f"pod {pod['metadata']['name']}: {trouble}")
        for name in involved[:4]:
            query = {"fieldSelector": f"involvedObject.name={name},type=Warning"}
            events = client.pages(f"/api/v1/namespaces/{namespace}/events", query)
            latest = sorted(events, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")[-1:]
            notes += [f"event {event.get('reason')}: {event.get('message')}" for event in latest]
    except (ApiError, Failure):
        # The details are optional: the reason is known without them.
        return ""
    return f" [{'; '.join(notes[:8])}]" if notes else ""
