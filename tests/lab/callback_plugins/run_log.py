# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Append the changed tasks and the time per role of a run to a file: one JSON object per run."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: run_log
type: aggregate
short_description: Log a run's changed tasks and its time by role
description:
  - Appends one line of JSON a run to the file that the environment variable BARE_MESH_RUN_LOG names.
"""


class CallbackModule(CallbackBase):
    """Record the changed tasks per host, and the seconds per role."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "run_log"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.changed: dict[str, list[str]] = {}
        self.failed: dict[str, list[str]] = {}
        self.tasks: Counter[str] = Counter()
        self.spans: dict[str, list[tuple[float, float]]] = {}
        self.running: dict[tuple[str, str], float] = {}
        self.began = time.monotonic()
        self.play = self.playbook = ""

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self.playbook = os.path.basename(playbook._file_name)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self.play = play.get_name()

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self.running[(host.get_name(), task._uuid)] = time.monotonic()

    def _end(self, result: Any) -> None:
        task, now = result._task, time.monotonic()
        role = task._role.get_name() if task._role else self.play
        self.tasks[role] += 1
        self.spans.setdefault(role, []).append((self.running.pop((result._host.get_name(), task._uuid), now), now))

    def v2_runner_on_ok(self, result: Any) -> None:
        self._end(result)
        if result._result.get("changed"):
            self.changed.setdefault(result._host.get_name(), []).append(result._task.get_name())

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._end(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._end(result)
        # One line in the report of a test. The message of a failed module can be as long as a mesh.
        cause = " ".join(str(result._result.get("msg", "")).split())[:2000]
        self.failed.setdefault(result._host.get_name(), []).append(f"{result._task.get_name()}: {cause}")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self.v2_runner_on_failed(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        run = {
            "playbook": self.playbook,
            "check": bool(context.CLIARGS.get("check")),
            "changed": {host: sorted(tasks) for host, tasks in sorted(self.changed.items())},
            "failed": self.failed,
            "seconds": round(time.monotonic() - self.began, 1),
            "seconds_by_role": {role: round(covered(spans), 1) for role, spans in self.spans.items()},
            "tasks_by_role": dict(self.tasks),
        }
        with open(os.environ["BARE_MESH_RUN_LOG"], "a", encoding="utf-8") as log:
            log.write(json.dumps(run) + "\n")


def covered(spans: list[tuple[float, float]]) -> float:
    """The seconds in which at least one host was working. Hosts and roles run in parallel."""
    total = until = 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
