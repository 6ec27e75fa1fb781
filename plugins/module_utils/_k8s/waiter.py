# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wait for objects. After the timeout, report which objects are not ready and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.diagnosis import (
    condition,
    explain,
    is_ready,
    permanent_cause,
    pod_trouble,
    webhook_failure,
)
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds, group_kind
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import identity, key


def _unseen(live: dict[str, Any]) -> bool:
    """Whether the controller has not yet seen the last change."""
    return live.get("status", {}).get("observedGeneration", 0) < live["metadata"].get("generation", 0)


# Seconds between two looks for causes that waiting does not remove, and for how long such a cause must last. A webhook
# answers again soon where its pods only start anew.
LOOK_EVERY = 10
PERMANENT_AFTER = 20
WEBHOOK_AFTER = 40


class Waited(NamedTuple):
    """An object that is waited for: as it is wanted, why it is not ready, and as it was last read."""

    wanted: dict[str, Any]
    reason: str
    live: dict[str, Any] | None


# Each check returns the reason why the object is not ready, or an empty string if it is ready.
# Rollouts are checked by the rules of `kubectl rollout status`:
# https://github.com/kubernetes/kubectl/blob/master/pkg/polymorphichelpers/rollout_status.go


def _deployment(live: dict[str, Any]) -> str:
    status, wanted = live.get("status", {}), live["spec"].get("replicas", 1)
    if _unseen(live):
        return "its controller has not seen the change yet"
    progress = condition(live, "Progressing")
    updated, available, total = (status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas"))
    if updated >= wanted and total <= updated and available >= updated:
        return ""
    note = f" ({progress['message']})" if progress.get("reason") == "ProgressDeadlineExceeded" else ""
    return (
        f"{available} of {wanted} replicas available, {updated} updated, {max(total - updated, 0)} old ones left{note}"
    )


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
    failed = condition(live, "Failed")
    if failed.get("status") == "True":
        raise Failure(f"{identity(live)} has failed: {failed.get('message') or failed.get('reason')}")
    return "" if condition(live, "Complete").get("status") == "True" else "not complete"


def _established(live: dict[str, Any]) -> str:
    refused = condition(live, "NamesAccepted")
    if refused.get("status") == "False":
        return f"its names are not accepted: {refused.get('message')}"
    return "" if condition(live, "Established").get("status") == "True" else "not established"


def _pod(live: dict[str, Any]) -> str:
    return "" if is_ready(live) else pod_trouble(live) or "not ready"


def _by_condition(name: str) -> Callable[[dict[str, Any]], str]:
    def check(live: dict[str, Any]) -> str:
        found = condition(live, name)
        return "" if found.get("status") == "True" else f"not {name}: {found.get('message') or 'no status yet'}"

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


def has_condition(wanted: dict[str, Any]) -> Callable[[dict[str, Any]], str]:
    """A check for one condition of any kind: its type, its status and, if given, its reason.

    If the controller reports which generation it has seen, a condition from before the last change does not count:
    https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Condition
    """
    name = wanted["type"]

    def check(live: dict[str, Any]) -> str:
        found = condition(live, name)
        seen = found.get("observedGeneration", (live.get("status") or {}).get("observedGeneration"))
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


class PermanentCauses:
    """Ends a wait early if its cause is permanent, such as an image that does not exist."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.next_look = time.monotonic() + LOOK_EVERY
        self.since: dict[tuple[str, str, str, str], float] = {}

    def check(self, left: dict[tuple[str, str, str, str], Waited]) -> None:
        """Raise Failure if an object has had a permanent cause for a while.

        Another task may still create a missing Secret.
        """
        now = time.monotonic()
        if now < self.next_look:
            return
        self.next_look = now + LOOK_EVERY
        for name, waited in left.items():
            cause, after = self._cause(waited.live) if waited.live else ("", 0)
            first = self.since.setdefault(name, now)
            if not cause:
                del self.since[name]
            elif now - first >= after:
                names = [identity(one.wanted) for one in left.values()]
                what = f"{identity(waited.wanted)} does not become ready, and waiting does not change that"
                raise Failure(f"{what}: {cause}", not_ready=names)

    def _cause(self, live: dict[str, Any]) -> tuple[str, int]:
        """(the cause, for how long it must last)."""
        try:
            cause = permanent_cause(self.client, live)
            return (cause, PERMANENT_AFTER) if cause else (webhook_failure(self.client, live), WEBHOOK_AFTER)
        except Failure:
            # Whoever may not read pods waits until the end.
            return "", 0


def wait_ready(
    client: Client,
    kinds: Kinds,
    objects: list[dict[str, Any]],
    known: dict[tuple[str, str, str, str], Any],
    timeout: float,
    sleep: float | None = None,
    wanted: dict[str, Any] | None = None,
) -> None:
    """Wait until all objects are ready, or, with a wanted condition, until all of them have it.

    known: live objects that were read a moment ago, by key. timeout and sleep are in seconds.
    Raises Failure with the objects that are not ready and the reasons, before the timeout if waiting does not help.
    """
    deadline = time.monotonic() + timeout
    awaited = [one for one in objects if wanted or group_kind(one) in CHECKS]
    checks = {key(one): has_condition(wanted) if wanted else CHECKS[group_kind(one)] for one in awaited}
    left = {key(one): Waited(one, "not there", None) for one in awaited}
    causes = PermanentCauses(client)
    for pause in _pauses(sleep):
        for name, waited in list(left.items()):
            live = known.get(name) or client.get(kinds.path(waited.wanted))
            reason = checks[name](live) if live else "not there"
            if reason:
                left[name] = Waited(waited.wanted, reason, live)
            else:
                del left[name]
        if not left:
            return
        known = {}
        causes.check(left)
        if time.monotonic() + pause > deadline:
            reasons = [f"{identity(one.wanted)}: {one.reason}{explain(client, one.wanted)}" for one in left.values()]
            names = [identity(one.wanted) for one in left.values()]
            raise Failure(f"not ready after {timeout:g} s: " + "; ".join(reasons), not_ready=names)
        time.sleep(pause)


def wait_gone(
    client: Client, kinds: Kinds, objects: list[dict[str, Any]], timeout: float, sleep: float | None = None
) -> None:
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
            raise Failure(
                f"still there after {timeout:g} s: " + "; ".join(reasons), not_gone=[identity(one) for one in left]
            )
        time.sleep(pause)


def _holders(live: dict[str, Any] | None) -> str:
    """Why an object is still being deleted: its finalizers, and the conditions of a namespace."""
    if not live:
        return ""
    notes = [
        one["message"]
        for one in live.get("status", {}).get("conditions") or []
        if one.get("status") == "True" and one.get("message")
    ]
    finalizers = live["metadata"].get("finalizers") or []
    if finalizers:
        notes.append(f"finalizers {', '.join(finalizers)}")
    return f" ({'; '.join(notes)})" if notes else ""
