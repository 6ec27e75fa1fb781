# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks at the cluster now and then while a task waits for it."""

from __future__ import annotations

import functools
import os
import threading
import time
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._progress.arrivals import Glance

States = dict[str, tuple[str, bool]]
# How many lines one look may print.
LINES = 20


class Gate:
    """Keeps the process from being forked while a request or an import is under way.

    A fork copies locks of libraries in the state that they are in, and whoever holds them is not in the copy.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.kept = False
        os.register_at_fork(before=self._before, after_in_parent=self._after, after_in_child=self._in_child)

    def _before(self) -> None:
        # A request ends sooner, but the resolver of names knows no timeout.
        self.kept = self.lock.acquire(timeout=4)

    def _after(self) -> None:
        if self.kept:
            self.lock.release()

    def _in_child(self) -> None:
        self.lock = threading.RLock()

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *_exception: object) -> None:
        self.lock.release()


@functools.cache
def the_gate() -> Gate:
    """One a process: what is registered for forks stays."""
    return Gate()


class Watch:
    """One task that talks to the API server, and what was last seen in its namespace."""

    def __init__(self, task: str, kubeconfig: str, namespace: str, gate: Gate) -> None:
        self.task, self.kubeconfig, self.namespace, self.gate = task, kubeconfig, namespace, gate
        self.due = time.monotonic()
        self.over = False
        self.glance: Any = None
        self.seen: States | None = None
        # What an earlier task has seen in the same place.
        self.before: States | None = None

    def news(self) -> list[str]:
        """What has changed since the last look. The first shows what is not ready, in one namespace all."""
        if self.glance is None:
            # The library costs half a second, so only who waits for long pays for it.
            with open(self.kubeconfig, encoding="utf-8") as file:
                if any(word in file.read() for word in ("exec:", "auth-provider:")):
                    raise ValueError("credentials of a program")
            with self.gate:
                # A fork in the middle of an import would have half of the library.
                self.glance = Glance(self.kubeconfig, self.namespace, self.gate)
        states = self.glance.states()
        before = self.before if self.seen is None else self.seen
        self.seen = states
        if before is None:
            news = {name: state for name, (state, good) in states.items() if self.namespace or not good}
        else:
            news = {name: state for name, (state, good) in states.items() if before.get(name) != (state, good)}
            news.update({name: "gone" for name in before if name not in states})
        lines = [f"{name}: {state}" for name, state in sorted(news.items())]
        return lines if len(lines) <= LINES else [*lines[:LINES], f"and {len(lines) - LINES} more"]

    def summary(self) -> str:
        pods = [good for name, (_state, good) in (self.seen or {}).items() if name.startswith("pod ")]
        return f"{sum(pods)}/{len(pods)} pods ready" if pods else ""
