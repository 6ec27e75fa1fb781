# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: report
type: aggregate
short_description: Writes a report of each run with what changed, how long it took, and a drawing of the mesh
version_added: 0.2.0
description:
  - Writes one Markdown file for each run, which needs nothing but itself, and prints its path as the last line, on
    the standard error.
  - It has the state of the run and of each host, what changed or in check mode would change, how long stages, roles
    and the slowest tasks took, why a run failed, and the mesh as a Mermaid flowchart.
  - The flowchart shows gateways, routes with weights and subsets, versions of services with their pods, and nodes. It
    is drawn from the cluster, by reading it for at most five seconds at the end of the run, with the kubeconfig of the
    last task of this collection that named one (and its context and address of the API server), or else of the variable
    C(bare_mesh_kubeconfig). If that is not possible, the report says why.
  - Of results, the report has nothing but states and times, the names of objects that modules of the action group
    C(k8s) changed, unless C(no_log) hides them, and the message of a task that failed, as Ansible shows it.
  - Whatever goes wrong in this plugin does not concern the run. It is one line with a warning.
options:
  directory:
    description:
      - Folder of the reports. It is made if it does not exist.
      - A relative path starts in the folder in which the run was started, or in the configuration file at its own.
    type: path
    default: reports
    env:
      - name: BARE_MESH_REPORT_DIR
    ini:
      - section: callback_bare_mesh_report
        key: directory
  keep:
    description:
      - How many reports are kept in the folder. Older ones are removed, and nothing else in it.
    type: int
    default: 20
    env:
      - name: BARE_MESH_REPORT_KEEP
    ini:
      - section: callback_bare_mesh_report
        key: keep
requirements:
  - enabling it in the configuration, as with C(ANSIBLE_CALLBACKS_ENABLED=bare.mesh.report)
author:
  - The bare.mesh authors (@bare-mesh)
"""

import atexit
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._progress.stages import short, stage_of
from ansible_collections.bare.mesh.plugins.module_utils._report import files, record
from ansible_collections.bare.mesh.plugins.module_utils._report.document import document
from ansible_collections.bare.mesh.plugins.module_utils._report.look import look
from ansible_collections.bare.mesh.plugins.module_utils._report.mesh import draw
from ansible_collections.bare.mesh.plugins.plugin_utils.guard import guarded

COLLECTION = "bare.mesh"


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "bare.mesh.report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.broken = False
        self.process = os.getpid()
        self.modules: frozenset[str] = frozenset()
        # Ansible's numbers for each host after the playbook before.
        self.counted: dict[str, dict[str, int]] = {}
        self._begin("", False)

    def _begin(self, playbook: str, check: bool) -> None:
        self.run: record.Run | None = record.Run(playbook, check, datetime.now().astimezone())
        self.began = self.stage_began = time.monotonic()
        self.stage = self.next_stage = ""
        self.play: Any = None
        self.last: tuple[Any, Any] | None = None
        self.folder = ""
        self.connection: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.started: dict[tuple[str, str], float] = {}
        self.items: dict[tuple[str, str], list[str]] = {}

    # What happens in the run

    @guarded
    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._begin(os.path.basename(playbook._file_name), bool(context.CLIARGS.get("check")))
        self.folder = os.path.dirname(os.path.abspath(playbook._file_name))
        self.modules = api_modules()
        # A run that is interrupted does not come to its end.
        atexit.unregister(self.interrupted)
        atexit.register(self.interrupted)

    @guarded
    def v2_playbook_on_play_start(self, play: Any) -> None:
        self.play = play
        self.next_stage = stage_of(play, self.stage)

    @guarded
    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        # Plays from which --tags selects no task are no stages.
        if self.next_stage != self.stage:
            self._end_stage()
            self.stage, self.stage_began = self.next_stage, time.monotonic()
        self.names[task._uuid] = short(task)

    @guarded
    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self.names[task._uuid] = short(task)

    @guarded
    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self.last = host, task
        self.started[host.get_name(), task._uuid] = time.monotonic()

    @guarded
    def v2_runner_on_ok(self, result: Any) -> None:
        self._ended(result, "ok")

    @guarded
    def v2_runner_on_skipped(self, result: Any) -> None:
        self._ended(result, "skipped")

    @guarded
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._ended(result, "ignored" if ignore_errors else "failed")

    @guarded
    def v2_runner_item_on_failed(self, result: Any) -> None:
        # The result of the loop says only that items failed, and since ansible-core 2.21 not which ones.
        task, host, said = parts_of(result)
        self.items.setdefault((host, task._uuid), []).append(record.message(said))

    @guarded
    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._ended(result, "unreachable")

    @guarded
    def v2_playbook_on_stats(self, stats: Any) -> None:
        if self.run:
            counted = {host: dict(stats.summarize(host)) for host in sorted(stats.processed)}
            # Ansible adds up the numbers of all playbooks of a command.
            own = {host: less(numbers, self.counted.get(host, {})) for host, numbers in counted.items()}
            self.run.hosts = {host: numbers for host, numbers in own.items() if any(numbers.values())}
            self.counted = counted
            lost = any(numbers["failures"] or numbers["unreachable"] for numbers in self.run.hosts.values())
            self.run.state = "failed" if lost else "succeeded"
            self._draw(self.run)
            self._write(self.run)

    @guarded
    def interrupted(self) -> None:
        """Write the report of a run that has not come to its end. Workers, which are forks, write none."""
        if self.run and os.getpid() == self.process:
            self.run.state = "interrupted"
            self.run.notes.append("The mesh is not drawn: the run was interrupted.")
            self._write(self.run)

    # What is kept of it

    def give_up(self, error: Exception) -> None:
        """Say why there is no report."""
        said = f"{type(error).__name__}: {error.strerror or error}" if isinstance(error, OSError) else repr(error)
        self._display.warning(f"No report of this run is written: {' '.join(said.split())}")

    def _end_stage(self) -> None:
        if self.run and self.stage:
            took = time.monotonic() - self.stage_began
            self.run.stages[self.stage] = self.run.stages.get(self.stage, 0) + took

    def _ended(self, result: Any, status: str) -> None:
        task, host, said = parts_of(result)
        key = host, task._uuid
        began = self.started.pop(key, time.monotonic())
        items = self.items.pop(key, [])
        would = task.check_mode if isinstance(task.check_mode, bool) else bool(self.run and self.run.check)
        entry = record.Entry(
            stage=self.stage,
            role=task._role.get_name() if task._role else "",
            task=self.names.get(task._uuid) or short(task),
            host=host,
            status=status,
            seconds=time.monotonic() - began,
            changed=result.is_changed(),
            would=would,
        )
        if status in record.FAILURES:
            entry.message = "\n".join(dict.fromkeys(items)) or record.message(said)
        if task.resolved_action in self.modules and task.no_log is not True:
            entry.objects = record.objects(said, would)
            self.connection = record.connection(said) or self.connection
        if self.run:
            self.run.entries.append(entry)

    # The end

    def _draw(self, run: record.Run) -> None:
        try:
            connection = self.connection or {"kubeconfig": self._of_the_inventory()}
            if not connection["kubeconfig"]:
                raise Failure("no task named a kubeconfig, and bare_mesh_kubeconfig is not set")
            # Relative paths start in the playbook's folder, as for the modules.
            path = os.path.join(self.folder, os.path.expanduser(connection["kubeconfig"]))
            found, notes = look({**connection, "kubeconfig": path})
            run.drawing, more = draw(found)
            run.notes += notes + more
        except Failure as error:
            run.notes.append(f"The mesh is not drawn: {error}.")
        except Exception as error:
            # What other sections say is worth having without a drawing.
            run.notes.append(f"The mesh is not drawn: {type(error).__name__}.")

    def _of_the_inventory(self) -> str:
        if not self.last:
            return ""
        host, task = self.last
        variables = self.play.get_variable_manager().get_vars(play=self.play, host=host, task=task)
        if "bare_mesh_kubeconfig" not in variables:
            return ""
        templar = Templar(loader=self.play.get_loader(), variables=variables)
        return str(templar.template(variables["bare_mesh_kubeconfig"]))

    def _write(self, run: record.Run) -> None:
        self.run = None
        atexit.unregister(self.interrupted)
        if self.stage:
            run.stages[self.stage] = run.stages.get(self.stage, 0) + time.monotonic() - self.stage_began
        run.seconds = time.monotonic() - self.began
        path = files.write(
            self.get_option("directory"), run.playbook, run.began, document(run), int(self.get_option("keep"))
        )
        self._display.display(f"report: {os.path.abspath(path)}", stderr=True)


def parts_of(result: Any) -> tuple[Any, str, dict[str, Any]]:
    """Task, name of the host, and what the task returned. Before ansible-core 2.19 the names have underscores."""
    task = getattr(result, "task", None) or result._task
    host = (getattr(result, "host", None) or result._host).get_name()
    return task, host, getattr(result, "result", None) or result._result


def less(numbers: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: number - before.get(name, 0) for name, number in numbers.items()}


def api_modules() -> frozenset[str]:
    """The modules that talk to the API server: the action group of this collection."""
    text = (Path(__file__).parents[2] / "meta/runtime.yml").read_text(encoding="utf-8")
    return frozenset(f"{COLLECTION}.{name}" for name in yaml.safe_load(text)["action_groups"]["k8s"])
