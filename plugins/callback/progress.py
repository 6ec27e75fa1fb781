# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: aggregate
short_description: Shows how far a long run has come, and what is coming up in the cluster
version_added: 0.2.0
description:
  - Shows the stages of a run with the time that each has taken, and the time that it took in the last run that
    succeeded, with the same playbook and inventory.
  - In a terminal this is one line below the output, which is drawn again in place. Otherwise each stage prints a line
    when it starts and one when it ends. All of this goes to the standard error.
  - A stage is what C(--tags) selects, such as C(kubernetes), so all plays with the same tags are one. A play
    without tags is a stage of its own.
  - While a task of this collection waits for the cluster, components, pods and services are listed as they come up,
    with their states and addresses.
  - Whatever goes wrong in this plugin does not concern the run. It then shows nothing more, and C(-vvv) says why.
options:
  file:
    description:
      - Where the durations are remembered. A file that cannot be read counts as empty.
      - Runs with C(--check), C(--limit) or C(--start-at-task) are not remembered.
    type: path
    default: ~/.cache/bare_mesh/progress.json
    env:
      - name: BARE_MESH_PROGRESS_FILE
    ini:
      - section: callback_bare_mesh_progress
        key: file
  interval:
    description:
      - Seconds for which a task that talks to the API server has to run until the cluster is looked at, and from one
        look to the next. With 0 it is never looked at.
      - It is not looked at either if the kubeconfig obtains its credentials from a program.
    type: float
    default: 5
    env:
      - name: BARE_MESH_PROGRESS_INTERVAL
    ini:
      - section: callback_bare_mesh_progress
        key: interval
requirements:
  - enabling it in the configuration, as with C(ANSIBLE_CALLBACKS_ENABLED=bare.mesh.progress)
notes:
  - Do not enable it where SSH asks for passwords or about keys of hosts in the same terminal. The line would hide the
    question.
author:
  - The bare.mesh authors (@bare-mesh)
"""

import atexit
import os
import sys
import threading
import time
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible_collections.bare.mesh.plugins.module_utils._progress.memory import Memory
from ansible_collections.bare.mesh.plugins.module_utils._progress.stages import short, stage_of
from ansible_collections.bare.mesh.plugins.module_utils._progress.terminal import Line, about, clock, in_place, plain
from ansible_collections.bare.mesh.plugins.module_utils._progress.watch import Watch, the_gate
from ansible_collections.bare.mesh.plugins.plugin_utils.guard import guarded

# Seconds from one drawing to the next.
REDRAW = 0.25


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "bare.mesh.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.broken = False
        self.began = time.monotonic()
        self.stages: list[str] = []
        self.spent: dict[str, float] = {}
        self.play: Any = None
        self.stage = self.next_stage = self.task = ""
        self.stage_began = self.began
        self.changed = self.failed = self.stage_changed = self.stage_failed = False
        self.remembers = True
        self.memory: Memory | None = None
        self.line: Line | None = None
        self.interval = 0.0
        self.watches: list[Watch] = []
        self.places: dict[tuple[str, str], tuple[str, str]] = {}
        self.seen: dict[tuple[str, str], Any] = {}
        self.stop = threading.Event()
        self.thread: threading.Thread | None = None

    # What happens in the run

    @guarded
    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._open()
        options = context.CLIARGS
        run = " ".join([os.path.basename(playbook._file_name), *map(str, options.get("inventory") or [])])
        self.memory = Memory(os.path.expanduser(self.get_option("file")), run)
        self.remembers = not any(options.get(name) for name in ("check", "subset", "start_at_task"))
        tags = set(options.get("tags") or ["all"]) | {"always"}
        self.stages, self.spent = [], {}
        for play in playbook.get_plays():
            stage = stage_of(play, self.stages[-1] if self.stages else "")
            if stage not in self.stages and ("all" in tags or tags & set(play.tags)):
                self.stages.append(stage)
        self.changed = self.failed = False
        self.began = time.monotonic()

    @guarded
    def v2_playbook_on_play_start(self, play: Any) -> None:
        self.play = play
        self.next_stage = stage_of(play, self.stage)

    @guarded
    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        # Plays from which --tags selects no task are no stages.
        if self.next_stage != self.stage:
            self._end_stage()
            self._start_stage()
        self.task = short(task)

    @guarded
    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self.task = short(task)

    @guarded
    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        if self.interval and isinstance(task.args, dict) and task.args.get("kubeconfig"):
            kubeconfig, namespace = self._place(host, task)
            if kubeconfig:
                watch = Watch(task._uuid, kubeconfig, namespace, the_gate())
                watch.before = self.seen.get((kubeconfig, namespace))
                self.watches.append(watch)

    @guarded
    def v2_runner_on_ok(self, result: Any) -> None:
        if result.is_changed():
            self.changed = self.stage_changed = True
        self._ended(result)

    @guarded
    def v2_runner_on_skipped(self, result: Any) -> None:
        self._ended(result)

    @guarded
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            self.failed = self.stage_failed = True
        self._ended(result)

    @guarded
    def v2_runner_on_unreachable(self, result: Any) -> None:
        self.failed = self.stage_failed = True
        self._ended(result)

    @guarded
    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._end_stage()
        self.stage = self.next_stage = ""
        self.close()

    # Stages

    def _start_stage(self) -> None:
        self.stage = self.next_stage
        self.stage_began = time.monotonic()
        self.stage_changed = self.stage_failed = False
        if self.stage not in self.stages:
            self.stages.append(self.stage)
        if not self.line:
            expected = self._expected(self.stage)
            self._say(f"{self._place_of_stage()} started{about(expected, ', takes about ')}")
        self._start_thread()

    def _end_stage(self) -> None:
        if not self.stage:
            return
        seconds = time.monotonic() - self.stage_began
        self.spent[self.stage] = self.spent.get(self.stage, 0) + seconds
        if not self.line:
            self._say(f"{self._place_of_stage()} {'failed after' if self.stage_failed else 'done in'} {clock(seconds)}")
        if self.memory and self.remembers and not self.failed:
            self.memory.keep(self.stage, self.stage_changed, self.spent[self.stage])

    def _place_of_stage(self) -> str:
        return f"[{self.stages.index(self.stage) + 1}/{len(self.stages)}] {self.stage}"

    def _expected(self, stage: str) -> float | None:
        return self.memory.expected(stage, self.changed) if self.memory else None

    def status(self) -> str:
        """The line in the terminal."""
        now = time.monotonic()
        elapsed = now - self.stage_began
        expected = {stage: self._expected(stage) for stage in self.stages}
        parts = [f"{self._place_of_stage()} {clock(elapsed)}{about(expected[self.stage])}"]
        later = [expected[stage] for stage in self.stages[self.stages.index(self.stage) + 1 :]]
        known = [one for one in (expected[self.stage], *later) if one is not None]
        whole = None
        if len(known) == len(later) + 1:
            whole = self.stage_began - self.began + max(known[0], elapsed) + sum(known[1:])
        parts.append(f"run {clock(now - self.began)}{about(whole)}")
        summary = next((watch.summary() for watch in self.watches[::-1]), "")
        return " | ".join(part for part in (*parts, summary, self.task) if part)

    # The cluster

    def _place(self, host: Any, task: Any) -> tuple[str, str]:
        """Kubeconfig and namespace of a task. Each pair of expressions is evaluated once a run."""
        given = str(task.args["kubeconfig"]), str(task.args.get("namespace") or "")
        if given not in self.places:
            kubeconfig = namespace = ""
            try:
                variables = self.play.get_variable_manager().get_vars(play=self.play, host=host, task=task)
                templar = Templar(loader=self.play.get_loader(), variables=variables)
                namespace = templar.template(task.args["namespace"]) if given[1] else ""
                kubeconfig = os.path.expanduser(templar.template(task.args["kubeconfig"]))
            except Exception as error:
                # Variables of a loop, for example, which have no value yet.
                self._display.vvv(f"progress: {type(error).__name__}, so the task shows nothing of the cluster")
            self.places[given] = str(kubeconfig), str(namespace)
        return self.places[given]

    def _ended(self, result: Any) -> None:
        task = getattr(result, "task", None) or result._task
        for watch in self.watches[:]:
            if watch.task == task._uuid:
                # What it has waited for is shown once more, if it has waited for long.
                watch.over = True
                if watch.seen is None:
                    self.watches.remove(watch)

    def _look(self, watch: Watch) -> None:
        over = watch.over
        if not over and time.monotonic() < watch.due + self.interval:
            return
        try:
            for line in watch.news():
                self._say(f"  {plain(line)}")
            self.seen[(watch.kubeconfig, watch.namespace)] = watch.seen
        except Exception as error:
            # No cluster, or none that answers: not a word, and no other look for this task.
            self._display.vvv(f"progress: the cluster cannot be looked at: {type(error).__name__}")
            over = True
        watch.due = time.monotonic()
        if over and watch in self.watches:
            self.watches.remove(watch)

    # Output

    def _open(self) -> None:
        self.interval = float(self.get_option("interval"))
        if in_place():
            self.line = Line(self._display, sys.stderr)
        self.stop.clear()
        # Also after an interruption, which ends no stage.
        atexit.unregister(self.close)
        atexit.register(self.close)

    def _say(self, text: str) -> None:
        self._display.display(f"progress: {text}", stderr=True)

    def _start_thread(self) -> None:
        if self.thread is None and (self.line or self.interval):
            self.thread = threading.Thread(target=self._work, name="progress", daemon=True)
            self.thread.start()

    @guarded
    def _work(self) -> None:
        while not self.stop.wait(REDRAW):
            if self.line and self.stage:
                self.line.draw(self.status())
            for watch in self.watches[:]:
                self._look(watch)

    def close(self) -> None:
        """Stop drawing, and leave the terminal as it was. Workers, which are forks, have nothing to stop."""
        self.stop.set()
        thread = self.thread
        if thread and thread is not threading.current_thread():
            thread.join(1)
        self.thread = None
        self.watches = []
        if self.line:
            self.line.close()
            self.line = None

    def give_up(self, error: Exception) -> None:
        try:
            self.close()
            self._display.vvv(f"progress: stopped by {type(error).__name__}: {error}")
        except Exception:
            self.line = None
