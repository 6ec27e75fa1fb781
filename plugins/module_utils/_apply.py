# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring objects into the cluster, or out of it: read, compare, write what differs, in dependency order.

Check mode takes the same path; its writes are dry-runs on the server. Without a cluster (client None, which
only check mode has) everything counts as new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._client import PARALLEL, ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._diff import render, same
from ansible_collections.bare.mesh.plugins.module_utils._drift import in_order
from ansible_collections.bare.mesh.plugins.module_utils._failure import Failure
from ansible_collections.bare.mesh.plugins.module_utils._kinds import Kinds, UnknownKind
from ansible_collections.bare.mesh.plugins.module_utils._resource import duplicates, identity, key, normalise, summary, waves
from ansible_collections.bare.mesh.plugins.module_utils._wait import wait_gone, wait_ready

# Up to this many objects of one kind and namespace are read one by one, more of them by one LIST.
FEW = 3


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
    timeout: float = 120
    # Takes what another controller fills in out of a definition, given the live object.
    adapt: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None
    # Whether a field of the right value that another manager owns is to become ours.
    adopt: bool = True

    def __post_init__(self) -> None:
        self.kinds = Kinds(self.client)
        self.warnings: list[str] = []

    def present(self, definitions: list[dict[str, Any]]) -> list[Change]:
        objects = self.prepare(definitions)
        return self.write(objects, self.read(objects))

    def write(self, objects: list[dict[str, Any]], live: dict[tuple[str, str, str, str], dict[str, Any]]) -> list[Change]:
        """Apply prepared objects, given what was read of them."""
        done: list[Change] = []
        for wave in waves(objects):
            changes = self._each(wave, lambda one: self._write(one, live.get(key(one))), done, objects)
            done += changes
            fresh = [one.desired for one in changes if one.changed and one.desired["kind"] == "CustomResourceDefinition"]
            if fresh and self.client and not self.check:
                wait_ready(self.client, self.kinds, fresh, {}, self.timeout)
        if self.wait and self.client and not self.check:
            wait_ready(self.client, self.kinds, objects, {key(c.desired): c.after for c in done if not c.changed}, self.timeout)
        return done

    def absent(self, definitions: list[dict[str, Any]], propagation: str = "Background") -> list[Change]:
        objects = self.prepare(definitions, strict=False)
        live = self.read(objects)
        done: list[Change] = []
        for wave in reversed(waves(objects)):
            done += self._each(wave, lambda one: self._remove(one, live.get(key(one)), propagation), done, objects)
        gone = [change.desired for change in done if change.before]
        if self.wait and gone and self.client and not self.check:
            wait_gone(self.client, self.kinds, gone, self.timeout)
        return done

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

    def read(self, objects: list[dict[str, Any]]) -> dict[tuple[str, str, str, str], dict[str, Any]]:
        """The live objects among these: one LIST a kind and namespace, or single reads where they are few."""
        if self.client is None:
            return {}
        groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        for one in objects:
            groups.setdefault((one["apiVersion"], one["kind"], one["metadata"].get("namespace", "")), []).append(one)
        jobs: list[Callable[[], Iterable[dict[str, Any] | None]]] = []
        for (api_version, kind, namespace), members in groups.items():
            try:
                if len(members) > FEW:
                    jobs.append(self._lister(self.kinds.collection(api_version, kind, namespace), members))
                else:
                    jobs += [self._getter(self.kinds.path(one)) for one in members]
            except UnknownKind:
                continue
        with ThreadPoolExecutor(min(PARALLEL, len(jobs) or 1)) as pool:
            found = list(pool.map(lambda job: list(job()), jobs))
        return {key(one): one for batch in found for one in batch if one}

    def _lister(self, path: str, members: list[dict[str, Any]]) -> Callable[[], Iterable[dict[str, Any] | None]]:
        client, names = self._connected(), {one["metadata"]["name"] for one in members}
        return lambda: [item for item in client.pages(path) if item["metadata"]["name"] in names]

    def _getter(self, path: str) -> Callable[[], Iterable[dict[str, Any] | None]]:
        client = self._connected()
        return lambda: [client.get(path)]

    def _connected(self) -> Client:
        if self.client is None:
            raise AssertionError("this is asked only where there is a cluster")
        return self.client

    def _each(
        self, wave: list[dict[str, Any]], work: Callable[[dict[str, Any]], Change], done: list[Change], objects: list[dict[str, Any]]
    ) -> list[Change]:
        """Work on a wave, several at once; a failure names what was written and what was not."""

        def attempt(one: dict[str, Any]) -> Change | tuple[str, Failure]:
            try:
                return work(one)
            except Failure as error:
                return identity(one), error

        with ThreadPoolExecutor(min(PARALLEL, len(wave))) as pool:
            results = list(pool.map(attempt, wave))
        changes = [result for result in results if isinstance(result, Change)]
        failed = [result for result in results if not isinstance(result, Change)]
        if failed:
            written = [identity(change.desired) for change in done + changes if change.changed]
            finished = {key(change.desired) for change in done + changes}
            refused = [name for name, _error in failed]
            rest = [identity(one) for one in objects if key(one) not in finished and identity(one) not in refused]
            lines = [f"{name}: {error}" for name, error in failed[:20]]
            if len(failed) > 20:
                lines.append(f"and {len(failed) - 20} more")
            message = "; ".join(lines)
            if not self.check:
                message += f". Written: {_some(written)}. Not tried: {_some(rest)}. Run again when the cause is gone."
            raise Failure(message, written=written, refused=refused, not_tried=rest)
        return changes

    def _write(self, one: dict[str, Any], live: dict[str, Any] | None) -> Change:
        if live and self.client and live["metadata"].get("deletionTimestamp"):
            # Applied now it would vanish with the old one.
            if not self.check:
                wait_gone(self.client, self.kinds, [one], self.timeout)
            return Change(one, None, one if self.check else self.client.apply(self.kinds.path(one), one, self.manager), "created")
        if live and self.adapt:
            one = self.adapt(one, live)
        if live and in_order(one, live, self.manager, self.adopt):
            return Change(one, live, live, "unchanged")
        action = "updated" if live else "created"
        if self.client is None:
            return Change(one, live, one, action)
        try:
            after = self.client.apply(self.kinds.path(one), one, self.manager, self.check, self.validation)
        except UnknownKind:
            return Change(one, None, one, action)
        except ApiError as error:
            if error.status == 404 and self.check and live is None:
                # Its namespace or its definition is yet to come, so the server cannot judge it.
                return Change(one, None, one, action)
            raise _explained(error, one) from error
        return Change(one, live, after, "unchanged" if same(live, after, self.adopt) else action)

    def _remove(self, one: dict[str, Any], live: dict[str, Any] | None, propagation: str) -> Change:
        if live is None or self.client is None or live["metadata"].get("deletionTimestamp"):
            return Change(one, live, None, "absent")
        there = self.client.delete(self.kinds.path(one), self.check, propagation)
        return Change(one, live, None, "deleted" if there else "absent")


def _explained(error: ApiError, one: dict[str, Any]) -> Failure:
    message = str(error)
    if error.status == 404 and "namespaces" in message:
        return Failure(f"{message}: create the namespace {one['metadata'].get('namespace')} first, or in the same task")
    if error.status == 404:
        return Failure(f"{message}: the cluster serves no {one['kind']} of {one['apiVersion']}; install its CustomResourceDefinition first")
    if error.status == 403:
        return Failure(f"{message}: the credentials lack this right")
    return Failure(message)


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
