# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring objects into the cluster, or out of it: read, compare, write what differs, in dependency order.

Check mode takes the same path; its writes are dry-runs on the server. Without a cluster (client None, which
only check mode has) everything counts as new.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import PARALLEL, ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.diff import render, visible
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds, UnknownKind, group_kind, is_crd, not_served
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.ownership import in_order, same
from ansible_collections.bare.mesh.plugins.module_utils._k8s.reader import Key, read
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import duplicates, identity, key, normalise, summary, waves
from ansible_collections.bare.mesh.plugins.module_utils._k8s.waiter import wait_gone, wait_ready


@dataclass
class Change:
    """What happens, or in check mode would, to one object."""

    desired: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    action: str

    @property
    def changed(self) -> bool:
        return self.action in ("created", "updated", "deleted")


@dataclass
class Engine:
    """One module's run against one cluster."""

    client: Client | None
    manager: str
    check: bool = False
    validation: str = "Strict"
    namespace: str = "default"
    wait: bool = False
    # Seconds until a wait fails, and seconds between two reads; None reads often at first and then less often.
    timeout: float = 120
    sleep: float | None = None
    # The condition (type, status and reason) to wait for, instead of readiness.
    condition: dict[str, Any] | None = None
    # Takes what another controller fills in out of a definition, given the live object.
    adapt: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None
    # Whether a field of the right value that another manager owns is to become ours.
    adopt: bool = True

    def __post_init__(self) -> None:
        self.kinds = Kinds(self.client)
        # All that this run has done, for the result of one that fails.
        self.done: list[Change] = []
        # The namespaces and kinds that are made anew: what was in the old ones goes with them.
        self.anew: set[tuple[str, ...]] = set()

    def present(self, definitions: list[dict[str, Any]]) -> list[Change]:
        objects = self.prepare(definitions)
        live = self.read(objects)
        self._check_versions([one for one in objects if key(one) not in live])
        return self.write(objects, live)

    def write(self, objects: list[dict[str, Any]], live: dict[Key, dict[str, Any]]) -> list[Change]:
        """Apply prepared objects, given what was read of them."""
        with self._recorded():
            done: list[Change] = []
            for wave in waves(objects):
                changes = self._each(wave, lambda one: self._write(one, self._still(one, live)), objects)
                done += changes
                fresh = [one.desired for one in changes if one.changed and is_crd(one.desired)]
                if fresh and self.client and not self.check:
                    wait_ready(self.client, self.kinds, fresh, {}, self.timeout, self.sleep)
            self._wait_ready(objects, done)
            return done

    def patched(self, definitions: list[dict[str, Any]]) -> list[Change]:
        """Patch the objects that exist. Fields that a definition does not name stay; a missing object has the action absent."""
        objects = self.prepare(definitions)
        live = {name: one for name, one in self.read(objects).items() if not one["metadata"].get("deletionTimestamp")}
        self._check_versions([one for one in objects if key(one) not in live])
        with self._recorded():
            done: list[Change] = []
            for wave in waves(objects):
                done += self._each(wave, lambda one: self._patch(one, live.get(key(one))), objects)
            self._wait_ready([change.desired for change in done if change.before], done)
            return done

    def _wait_ready(self, objects: list[dict[str, Any]], done: list[Change]) -> None:
        """Wait for the objects if the caller asked for it. What was just read and not changed is not read again at first."""
        if self.wait and self.client and not self.check:
            known = {key(change.desired): change.after for change in done if not change.changed}
            wait_ready(self.client, self.kinds, objects, known, self.timeout, self.sleep, self.condition)

    def absent(self, definitions: list[dict[str, Any]], propagation: str = "Background") -> list[Change]:
        objects = self.prepare(definitions, strict=False)
        live = self.read(objects)
        missing = [one for one in objects if key(one) not in live]
        # Only what has another version now can be found by another look.
        moved = {key(one): other for one in missing if (other := self._in_served_version(one)) is not one}
        objects = [moved.get(key(one), one) for one in objects]
        live.update(self.read(list(moved.values())))
        with self._recorded():
            done: list[Change] = []
            for wave in reversed(waves(objects)):
                done += self._each(wave, lambda one: self._remove(one, live.get(key(one)), propagation), objects)
            gone = [change.desired for change in done if change.before]
            if self.wait and gone and self.client and not self.check:
                wait_gone(self.client, self.kinds, gone, self.timeout, self.sleep)
            return done

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        """A failure carries what was done before it."""
        try:
            yield
        except Failure as error:
            if not self.check:
                error.data.update(outcome(self.done, False))
            raise

    def _check_versions(self, missing: list[dict[str, Any]]) -> None:
        """Refuse, before anything is written, what the cluster serves in other versions alone, or not at all."""
        faults = []
        for one in missing:
            if self.client is None or group_kind(one) in self.kinds.brought:
                continue
            served = self.kinds.served_versions(one["apiVersion"], one["kind"])
            if served and one["apiVersion"] not in served:
                faults.append(f"{identity(one)}: the cluster serves no {one['kind']} in {one['apiVersion']}, but in {' and '.join(served)}")
            elif not served and not self.check:
                # In check mode an earlier task may be about to bring it.
                faults.append(f"{identity(one)}: {not_served(one['apiVersion'], one['kind'])}")
        if faults:
            raise Failure("; ".join(faults) + ". Nothing was written.")

    def _in_served_version(self, one: dict[str, Any]) -> dict[str, Any]:
        """The same object under a version by which the cluster knows it."""
        served = self.kinds.served_versions(one["apiVersion"], one["kind"])
        return {**one, "apiVersion": served[0]} if served and one["apiVersion"] not in served else one

    def _still(self, one: dict[str, Any], live: dict[Key, dict[str, Any]]) -> dict[str, Any] | None:
        """What was read of an object, unless it is gone by now with its namespace or its kind."""
        return None if self._in_anew(one) else live.get(key(one))

    def _in_anew(self, one: dict[str, Any]) -> bool:
        return bool(self.anew & {("Namespace", one["metadata"].get("namespace", "")), group_kind(one)})

    def prepare(self, definitions: list[dict[str, Any]], strict: bool = True) -> list[dict[str, Any]]:
        self.kinds.learn(definitions)
        objects, unknown = [], []
        for definition in definitions:
            try:
                namespaced = self.kinds.namespaced(definition)
            except UnknownKind as error:
                if not strict:
                    continue  # What the cluster does not know cannot be there.
                if not self.check:
                    unknown.append(f"{identity(definition)}: {error}")
                namespaced = bool(definition["metadata"].get("namespace"))
            objects.append(normalise(definition, namespaced, self.namespace))
        twice = duplicates(objects)
        if unknown or twice:
            faults = unknown + [f"{one} is named more than once" for one in twice]
            raise Failure("; ".join(faults) + ". Nothing was written.")
        return objects

    def read(self, objects: list[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
        """The live objects among these, by key; none without a cluster."""
        return read(self.client, self.kinds, objects) if self.client else {}

    def _each(self, wave: list[dict[str, Any]], work: Callable[[dict[str, Any]], Change], objects: list[dict[str, Any]]) -> list[Change]:
        """Work on a wave, several at once; a failure names what was written and what was not.

        Where the API server has been away for a whole patience, what is left is not tried: it would wait as long.
        """
        outage = threading.Event()

        def attempt(one: dict[str, Any]) -> Change | tuple[dict[str, Any], Failure] | None:
            if outage.is_set():
                return None
            try:
                return work(one)
            except Failure as error:
                if error.given_up:
                    outage.set()
                return one, error

        with ThreadPoolExecutor(min(PARALLEL, len(wave))) as pool:
            results = list(pool.map(attempt, wave))
        changes = [result for result in results if isinstance(result, Change)]
        self.done += changes
        failed = [result for result in results if isinstance(result, tuple)]
        if failed:
            raise self._failure(failed, objects)
        return changes

    def _failure(self, failed: list[tuple[dict[str, Any], Failure]], objects: list[dict[str, Any]]) -> Failure:
        written = [] if self.check else [identity(change.desired) for change in self.done if change.changed]
        tried = {key(change.desired) for change in self.done} | {key(one) for one, _error in failed}
        rest = [identity(one) for one in objects if key(one) not in tried]
        lines = [f"{identity(one)}: {error}" for one, error in failed[:20]]
        if len(failed) > 20:
            lines.append(f"and {len(failed) - 20} more")
        message = "; ".join(lines)
        if not self.check:
            message += f". Written: {_some(written)}. Not tried: {_some(rest)}. Run again when the cause is gone."
        return Failure(message, written=written, refused=[identity(one) for one, _error in failed], not_tried=rest)

    def _write(self, one: dict[str, Any], live: dict[str, Any] | None) -> Change:
        if live and self.client and live["metadata"].get("deletionTimestamp"):
            # Applied now it would vanish with the old one.
            if group_kind(one) == ("", "Namespace"):
                self.anew.add(("Namespace", one["metadata"]["name"]))
            elif is_crd(one):
                self.anew.add((one["spec"]["group"], one["spec"]["names"]["kind"]))
            if self.check:
                return Change(one, None, one, "created")
            wait_gone(self.client, self.kinds, [one], self.timeout, self.sleep)
            live = None
        if live and self.adapt:
            one = self.adapt(one, live)
        if live and in_order(one, live, self.manager, self.adopt):
            return Change(one, live, live, "unchanged")
        action = "updated" if live else "created"
        if self.client is None or (self.check and self._in_anew(one)):
            return Change(one, None, one, action)
        try:
            after = self.client.apply(self.kinds.path(one), one, self.manager, self.check, self.validation)
        except UnknownKind:
            return Change(one, None, one, action)
        except ApiError as error:
            if error.status == 404 and self.check and live is None:
                # Its namespace or its definition is yet to come, so the server cannot judge it.
                return Change(one, None, one, action)
            raise _explained(error, one) from error
        return Change(one, live, after, "unchanged" if same(live, after, self.manager, self.adopt) else action)

    def _patch(self, one: dict[str, Any], live: dict[str, Any] | None) -> Change:
        if live is None or self.client is None:
            return Change(one, None, None, "absent")
        try:
            after = self.client.patch(self.kinds.path(one), one, self.manager, self.check, self.validation)
        except ApiError as error:
            if error.status == 404:
                # Deleted since it was read.
                return Change(one, None, None, "absent")
            raise _explained(error, one) from error
        return Change(one, live, after, "unchanged" if visible(live) == visible(after) else "updated")

    def _remove(self, one: dict[str, Any], live: dict[str, Any] | None, propagation: str) -> Change:
        if live is None or self.client is None or live["metadata"].get("deletionTimestamp"):
            return Change(one, live, None, "absent")
        there = self.client.delete(self.kinds.path(one), self.check, propagation)
        return Change(one, live, None, "deleted" if there else "absent")


def _explained(error: ApiError, one: dict[str, Any]) -> Failure:
    """The refusal with what to do about it."""
    message, namespace = str(error), one["metadata"].get("namespace")
    if error.status == 404 and "namespaces" in message:
        fix = f"create the namespace {namespace} first, or in the same task"
    elif error.status == 404:
        fix = not_served(one["apiVersion"], one["kind"])
    elif error.status == 403 and ("NamespaceTerminating" in error.causes or "because it is being terminated" in message):
        fix = f"the namespace {namespace} is being deleted; run again when it is gone"
    elif error.status == 403 and "exceeded quota" in message:
        fix = f"raise the ResourceQuota of the namespace {namespace}, or ask for less"
    elif error.status == 403 and " cannot " in message and "User " in message:
        fix = "the credentials lack this right"
    else:
        return error
    explained = Failure(f"{message}: {fix}", **error.data)
    explained.given_up = error.given_up
    return explained


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:10]) or "nothing"
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def outcome(changes: list[Change], diff: bool) -> dict[str, Any]:
    """The part of a module's result that all of them share."""
    result: dict[str, Any] = {
        "changed": any(change.changed for change in changes),
        "objects": [summary(change.desired, change.action) for change in changes],
    }
    if diff:
        result["diff"] = [render(change.desired, change.before, change.after) for change in changes if change.changed]
    return result
