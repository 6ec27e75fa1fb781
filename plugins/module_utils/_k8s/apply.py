# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine: it applies, patches and deletes objects.

It reads them, compares them, and writes what differs, in dependency order. Check mode runs the same code, but its
writes are dry runs on the API server. Without a cluster (client is None, only in check mode) all objects count as new.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s import discovery
from ansible_collections.bare.mesh.plugins.module_utils._k8s.change import Change, outcome
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import PARALLEL, ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.diff import visible
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.ownership import in_order, same
from ansible_collections.bare.mesh.plugins.module_utils._k8s.reader import Key, missing_namespaces, read
from ansible_collections.bare.mesh.plugins.module_utils._k8s.refusals import NO_WEBHOOK, explained, some
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import (
    duplicates,
    identity,
    key,
    normalise,
    waves,
)
from ansible_collections.bare.mesh.plugins.module_utils._k8s.waiter import wait_gone, wait_ready

Objects = list[dict[str, Any]]


@dataclass
class Engine:
    """The run of one module against one cluster."""

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
    # Changes a definition before it is compared with the live object, the second argument.
    adapt: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None
    # Whether to take over fields that have the right value but another owner.
    adopt: bool = True
    # Whether the API server judges all objects by a dry run before the first write.
    ask_first: bool = False

    def __post_init__(self) -> None:
        self.kinds = discovery.Kinds(self.client)
        # All changes of this run, for the result if the run fails.
        self.done: list[Change] = []
        # What the user should know although nothing has failed.
        self.notes: list[str] = []
        # Objects about which a webhook that does not answer was not asked.
        self.unjudged: list[str] = []
        # Namespaces and kinds that are deleted and created again in this run. The objects in them are deleted as well.
        self.recreated: set[tuple[str, ...]] = set()

    def present(self, definitions: list[dict[str, Any]]) -> list[Change]:
        """Create the objects or change them. Raises Failure, whose data has what was written before it."""
        return self.write(*self.plan(definitions))

    def plan(self, definitions: list[dict[str, Any]]) -> tuple[Objects, dict[Key, dict[str, Any]]]:
        """The arguments of write: the prepared objects, and the live ones. Raises Failure if they cannot be written."""
        objects = self.prepare(definitions)
        live = self.read(objects)
        missing = [one for one in objects if key(one) not in live]
        self._check_versions(missing)
        if self.check and self.client:
            for name in missing_namespaces(self.client, missing, objects):
                self.notes.append(
                    f"the namespace {name} does not exist: unless an earlier task creates it, the run fails here"
                )
        # In check mode the run is a dry run itself.
        if self.ask_first and self.client and not self.check:
            # A dry run counts what is missing there as created, for in check mode an earlier task may create it.
            homeless = missing_namespaces(self.client, missing, objects)
            if homeless:
                fix = "create it first, or in the same task"
                raise Failure(f"nothing was written. There is no namespace {' and no '.join(homeless)}: {fix}")
            self._ask(objects, live)
        return objects, live

    def _ask(self, objects: Objects, live: dict[Key, dict[str, Any]]) -> None:
        """Have the API server judge the objects. Raises Failure if it refuses one."""
        asking = replace(self, check=True)
        try:
            asking.write(objects, live)
        except Failure as error:
            raise Failure(f"the API server refuses it, so nothing was written. {error}", **error.data) from error
        if asking.notes:
            raise Failure(f"nothing was written. {'; '.join(asking.notes)}")

    def write(self, objects: list[dict[str, Any]], live: dict[Key, dict[str, Any]]) -> list[Change]:
        """Apply planned objects. live: the live ones among them, by key."""
        with self._recorded():
            done: list[Change] = []
            for wave in waves(objects):
                changes = self._each(wave, lambda one: self._write(one, self._still(one, live)), objects)
                done += changes
                fresh = [one.desired for one in changes if one.changed and discovery.is_crd(one.desired)]
                if fresh and self.client and not self.check:
                    wait_ready(self.client, self.kinds, fresh, {}, self.timeout, self.sleep)
            if self.unjudged:
                self.notes.append(f"a webhook does not answer, so it was not asked about {some(self.unjudged)}")
            self._wait_ready(objects, done)
            return done

    def patched(self, definitions: list[dict[str, Any]]) -> list[Change]:
        """Patch the objects that exist.

        Fields that a definition does not name stay; a missing object has the action absent.
        """
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
        """Wait for the objects if the caller asked for it.

        What was just read and not changed is not read again at first.
        """
        if self.wait and self.client and not self.check:
            known = {key(change.desired): change.after for change in done if not change.changed}
            wait_ready(self.client, self.kinds, objects, known, self.timeout, self.sleep, self.condition)

    def absent(self, definitions: list[dict[str, Any]], propagation: str = "Background") -> list[Change]:
        """Delete the objects. propagation: https://kubernetes.io/docs/concepts/architecture/garbage-collection/

        Raises Failure, whose data has what was deleted before it.
        """
        objects = self.prepare(definitions, strict=False)
        live = self.read(objects)
        missing = [one for one in objects if key(one) not in live]
        # Read again only the objects whose kind is served in another version.
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
        """Add the changes before a failure to its data."""
        try:
            yield
        except Failure as error:
            if not self.check:
                error.data.update(outcome(self.done, False))
            raise

    def _check_versions(self, missing: list[dict[str, Any]]) -> None:
        """Raise Failure, before anything is written, for objects whose version or kind the cluster does not serve."""
        faults = []
        for one in missing:
            if self.client is None or discovery.group_kind(one) in self.kinds.brought:
                continue
            served = self.kinds.served_versions(one["apiVersion"], one["kind"])
            if served and one["apiVersion"] not in served:
                versions, wanted = " and ".join(served), one["apiVersion"]
                faults.append(f"{identity(one)}: the cluster serves {one['kind']} in {versions}, not in {wanted}")
            elif not served and not self.check:
                # In check mode, an earlier task may install the kind in the real run.
                faults.append(f"{identity(one)}: {discovery.not_served(one['apiVersion'], one['kind'])}")
        if faults:
            raise Failure("; ".join(faults) + ". Nothing was written.")

    def _in_served_version(self, one: dict[str, Any]) -> dict[str, Any]:
        """The object in an API version that the cluster serves."""
        served = self.kinds.served_versions(one["apiVersion"], one["kind"])
        return {**one, "apiVersion": served[0]} if served and one["apiVersion"] not in served else one

    def _still(self, one: dict[str, Any], live: dict[Key, dict[str, Any]]) -> dict[str, Any] | None:
        """The live object, or None if it was deleted with its namespace or kind since it was read."""
        return None if self._in_recreated(one) else live.get(key(one))

    def _in_recreated(self, one: dict[str, Any]) -> bool:
        return bool(self.recreated & {("Namespace", one["metadata"].get("namespace", "")), discovery.group_kind(one)})

    def prepare(self, definitions: list[dict[str, Any]], strict: bool = True) -> list[dict[str, Any]]:
        """The definitions in normal form.

        Raises Failure for an object that is named twice and, if strict, for unknown kinds. Without strict, objects of
        unknown kinds are left out.
        """
        self.kinds.learn(definitions)
        objects, unknown = [], []
        for definition in definitions:
            try:
                namespaced = self.kinds.namespaced(definition)
            except discovery.UnknownKind as error:
                hint = discovery.suggest(definition["apiVersion"], definition["kind"])
                if hint and self.client and (self.check or not strict):
                    self.notes.append(f"{identity(definition)}: {error}")
                if not strict:
                    continue  # An object of an unknown kind cannot exist.
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

    def _each(self, wave: Objects, work: Callable[[dict[str, Any]], Change], objects: Objects) -> list[Change]:
        """Work on the objects of a wave in parallel. Raises Failure with what was written and what was not tried.

        If a request was given up because the API server did not answer, the remaining objects are not tried: each would
        wait as long.
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
        # Of a single object, the cause says everything.
        if not self.check and len(objects) > 1:
            message += f". Written: {some(written)}. Not tried: {some(rest)}. Fix the cause and run again."
        return Failure(message, written=written, refused=[identity(one) for one, _error in failed], not_tried=rest)

    def _write(self, one: dict[str, Any], live: dict[str, Any] | None) -> Change:
        if live and self.client and live["metadata"].get("deletionTimestamp"):
            # If it were applied now, the change would be deleted with the object.
            if discovery.group_kind(one) == ("", "Namespace"):
                self.recreated.add(("Namespace", one["metadata"]["name"]))
            elif discovery.is_crd(one):
                self.recreated.add((one["spec"]["group"], one["spec"]["names"]["kind"]))
            if self.check:
                return Change(one, None, one, "created")
            wait_gone(self.client, self.kinds, [one], self.timeout, self.sleep)
            live = None
        if live and self.adapt:
            one = self.adapt(one, live)
        if live and in_order(one, live, self.manager, self.adopt):
            return Change(one, live, live, "unchanged")
        action = "updated" if live else "created"
        if self.client is None or (self.check and self._in_recreated(one)):
            return Change(one, None, one, action)
        if self.unjudged:
            # Not every object waits for the webhook.
            return self._unjudged(one, live, action)
        try:
            after = self.client.apply(self.kinds.path(one), one, self.manager, self.check, self.validation)
        except discovery.UnknownKind:
            return Change(one, None, one, action)
        except ApiError as error:
            if self.check and NO_WEBHOOK in str(error):
                return self._unjudged(one, live, action)
            if error.status == 404 and self.check and live is None:
                # Its namespace or CRD will be created by the real run, so the server cannot validate it yet.
                return Change(one, None, one, action)
            raise explained(error, one) from error
        return Change(one, live, after, "unchanged" if same(live, after, self.manager, self.adopt) else action)

    def _unjudged(self, one: dict[str, Any], live: dict[str, Any] | None, action: str) -> Change:
        """The prediction where a webhook does not answer, which the real run may bring back before this task."""
        self.unjudged.append(identity(one))
        after = {**live, **one, "metadata": {**live["metadata"], **one["metadata"]}} if live else one
        return Change(one, live, after, action)

    def _patch(self, one: dict[str, Any], live: dict[str, Any] | None) -> Change:
        if live is None or self.client is None:
            return Change(one, None, None, "absent")
        try:
            after = self.client.patch(self.kinds.path(one), one, self.manager, self.check, self.validation)
        except ApiError as error:
            if error.status == 404:
                # Deleted since it was read.
                return Change(one, None, None, "absent")
            raise explained(error, one) from error
        return Change(one, live, after, "unchanged" if visible(live) == visible(after) else "updated")

    def _remove(self, one: dict[str, Any], live: dict[str, Any] | None, propagation: str) -> Change:
        if live is None or self.client is None or live["metadata"].get("deletionTimestamp"):
            return Change(one, live, None, "absent")
        there = self.client.delete(self.kinds.path(one), self.check, propagation)
        return Change(one, live, None, "deleted" if there else "absent")
