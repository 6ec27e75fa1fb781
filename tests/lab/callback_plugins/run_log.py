# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Append what a run changed, and where its time went, to a file: one JSON object a run."""

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
    """What changed on which host, and how long each role took."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "run_log"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.changed: dict[str, list[str]] = {}
        self.failed: dict[str, list[str]] = {}
        self.seconds: Counter[str] = Counter()
        self.tasks: Counter[str] = Counter()
        self.started = self.since = time.monotonic()
        self.role = "start"
        self.play = ""
        self.playbook = ""

    def _turn_to(self, role: str) -> None:
        now = time.monotonic()
        self.seconds[self.role] += now - self.since
        self.since, self.role = now, role

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self.playbook = os.path.basename(playbook._file_name)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self.play = play.get_name()
        self._turn_to(self.play)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        role = task._role.get_name() if task._role else self.play
        self._turn_to(role)
        self.tasks[role] += 1

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_ok(self, result: Any) -> None:
        if result._result.get("changed"):
            self.changed.setdefault(result._host.get_name(), []).append(result._task.get_name())

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self.failed.setdefault(result._host.get_name(), []).append(result._task.get_name())

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self.v2_runner_on_failed(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._turn_to("end")
        run = {
            "playbook": self.playbook,
            "check": bool(context.CLIARGS.get("check")),
            "changed": {host: sorted(tasks) for host, tasks in sorted(self.changed.items())},
            "failed": self.failed,
            "seconds": round(time.monotonic() - self.started, 1),
            "seconds_by_role": {role: round(seconds, 1) for role, seconds in self.seconds.items()},
            "tasks_by_role": dict(self.tasks),
        }
        with open(os.environ["BARE_MESH_RUN_LOG"], "a", encoding="utf-8") as log:
            log.write(json.dumps(run) + "\n")
