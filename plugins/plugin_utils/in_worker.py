# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs modules of this collection in a fork of Ansible's worker, where they would run on the controller anyway.

For each task, Ansible packs the module with all that it imports, starts another Python, and compiles everything there.
On the controller that takes about half a second, most of it longer than the module's own work. The fork has all of it
loaded. docs/decisions.md has the measurements. ansible.netcommon runs its modules in the worker too.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import inspect
import json
import os
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any, NoReturn, TextIO

from ansible import constants
from ansible.module_utils import basic
from ansible.module_utils.common import json as common_json
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.bare.mesh.plugins.plugin_utils import ssh_tunnel

# How ansible-core 2.19 and newer write arguments and results; "legacy" is what modules in Python have.
PROFILE = "legacy"


class InWorkerAction(ActionBase):
    """An action whose modules run in a fork where the task's settings allow it, and as always where they do not."""

    def _execute_module(
        self, module_name: Any = None, module_args: Any = None, tmp: Any = None, task_vars: Any = None, **more: Any
    ) -> dict[str, Any]:
        name = module_name or self._task.resolved_action or self._task.action
        arguments = dict(self._task.args if module_args is None else module_args)
        result: dict[str, Any]
        # Without it, the module itself says that the API server does not answer.
        trouble = ssh_tunnel.reach(arguments)
        if not self._is_here(task_vars or {}):
            result = super()._execute_module(name, module_args, tmp, task_vars=task_vars, **more)
        else:
            result = self._execute_here(name, arguments, task_vars)
        if trouble:
            result["warnings"] = [*result.get("warnings", []), trouble]
        return result

    def _execute_here(self, name: str, arguments: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        """The result of the module, which runs in a fork."""
        self._update_module_args(name, arguments, task_vars)
        main = load(name)
        Display().vvv(f"{name} runs in a fork of Ansible's worker")
        # Where a packed module of a local connection runs, too: paths in arguments are relative to the playbook.
        folder = self._loader.get_basedir()
        result = self._parsed(in_fork(lambda: call(main, arguments, folder)))
        # As Ansible does for all modules.
        for stream in {"stdout", "stderr"} & set(result):
            result.setdefault(f"{stream}_lines", (result[stream] or "").splitlines())
        return result

    def _parsed(self, output: dict[str, Any]) -> dict[str, Any]:
        """The result in a module's output, by what each release of ansible-core has for it."""
        # Since 2.19.
        with_profile = "profile" in inspect.signature(self._parse_returned_data).parameters
        found: Any = self._parse_returned_data(output, *([PROFILE] if with_profile else []))
        # Since 2.21 an object.
        result: dict[str, Any] = found if isinstance(found, dict) else found.as_result_dict(for_round_trip=True)
        return result

    def _is_here(self, task_vars: dict[str, Any]) -> bool:
        """Whether the module would run on this machine, as this user, with this Python and this environment."""
        if self._connection.transport != "local" or self._connection.become or self._task.async_val:
            return False
        # Who keeps the files of modules wants to read and run them.
        if any(self._task.environment or []) or constants.DEFAULT_KEEP_REMOTE_FILES:
            return False
        if self._task.delegate_to:
            task_vars = task_vars.get("ansible_delegated_vars", {}).get(self._task.delegate_to, {})
        interpreter = self._templar.template(task_vars.get("ansible_python_interpreter", ""))
        return is_this_python(str(interpreter))


def is_this_python(interpreter: str) -> bool:
    """Whether this is the Python that runs Ansible."""
    try:
        same = os.path.samefile(interpreter, sys.executable)
    except OSError:
        return False
    # A virtual environment has it as python and as python3. All environments link to one program, which finds its
    # packages by the folder of the link.
    return same and os.path.dirname(interpreter) == os.path.dirname(sys.executable)


def load(name: str) -> Callable[[], None]:
    """The main function of a module."""
    collection, _dot, short = name.rpartition(".")
    module = importlib.import_module(f"ansible_collections.{collection}.plugins.modules.{short}")
    main: Callable[[], None] = module.main
    return main


def encode(arguments: dict[str, Any]) -> bytes:
    """The arguments in the form in which Ansible hands them to a module."""
    if hasattr(common_json, "get_module_encoder"):
        encoder = common_json.get_module_encoder(PROFILE, common_json.Direction.CONTROLLER_TO_MODULE)
        return json.dumps({"ANSIBLE_MODULE_ARGS": arguments}, cls=encoder).encode()
    # ansible-core 2.18 and older.
    encoder = common_json.AnsibleJSONEncoder
    return json.dumps({"ANSIBLE_MODULE_ARGS": arguments}, cls=encoder, vault_to_text=True).encode()


def call(main: Callable[[], None], arguments: dict[str, Any], folder: str) -> None:
    """Run a module's main function in a folder with these arguments, as the wrapper of a packed module does."""
    os.chdir(folder)
    settings = {"_ANSIBLE_ARGS": encode(arguments), "_ANSIBLE_PROFILE": PROFILE}
    # ansible-core 2.19 and newer: warnings belong into the result, not at once onto the controller's screen.
    with contextlib.suppress(ImportError):
        vars(importlib.import_module("ansible.module_utils._internal"))["is_controller"] = False
    vars(basic).update(settings)
    main()


def in_fork(work: Callable[[], None]) -> dict[str, Any]:
    """Run it in another process, for modules end theirs: what it prints and its exit status, as of a command."""
    source, sink = os.pipe()
    ansible = os.getppid()
    with tempfile.TemporaryFile() as errors, os.fdopen(source, "rb") as printed:
        pid = os.fork()
        if not pid:
            run_and_end(work, sink, errors.fileno())
        os.close(sink)
        try:
            output = all_of(printed.fileno(), ansible)
        except BaseException:
            # The task's timeout, the user's Ctrl-C, or the end of Ansible.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            raise
        finally:
            _pid, status = os.waitpid(pid, 0)
        errors.seek(0)
        return {
            "stdout": output.decode(errors="surrogateescape"),
            "stderr": errors.read().decode(errors="replace"),
            "rc": os.waitstatus_to_exitcode(status),
        }


def all_of(pipe: int, ansible: int) -> bytes:
    """What comes out of the pipe until its end. Raises SystemExit if the parent, Ansible, is gone before.

    It was killed, or its terminal was closed, of which a worker is not told. Nobody would see what the module does.
    """
    look = select.poll()
    look.register(pipe, select.POLLIN)
    found: list[bytes] = []
    while True:
        if look.poll(1000):
            part = os.read(pipe, 1 << 16)
            if not part:
                return b"".join(found)
            found.append(part)
        elif os.getppid() != ansible:
            raise SystemExit("Ansible is gone")


def run_and_end(work: Callable[[], None], output: int, errors: int) -> NoReturn:
    """Run it with these files as output and errors, and end the process without what the worker does at its end."""
    status = 1
    try:
        os.dup2(output, 1)
        os.dup2(errors, 2)
        os.close(output)
        # The process is short: what garbage collection would find goes with it, and looking takes a tenth of the time.
        gc.disable()
        with text(1) as sys.stdout, text(2) as sys.stderr:
            try:
                work()
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            except BaseException:
                traceback.print_exc()
    finally:
        os._exit(status)


def text(descriptor: int) -> TextIO:
    """A file of text to write to."""
    return open(descriptor, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
