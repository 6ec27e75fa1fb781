# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module's result is the same from a fork of the worker as from a process of its own. What decides between them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.action import istio_config, k8s, preflight_check
from ansible_collections.bare.mesh.plugins.plugin_utils import in_worker

ROOT = Path(__file__).parents[4]
ACTIONS = ROOT / "plugins/action"
FORKED = "runs in a fork of Ansible's worker"
# Nothing listens there, so the modules say the same wherever they run.
NOWHERE = {"host": "https://127.0.0.1:9", "api_key": "very-secret-token", "validate_certs": False}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
ROUTE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "x", "namespace": "shop"},
}
TASKS = {
    "fails at the server": {"bare.mesh.k8s": {**NOWHERE, "resources": [NAMESPACE]}},
    "warns in check mode": {"bare.mesh.k8s": {**NOWHERE, "resources": [NAMESPACE]}, "check_mode": True, "diff": True},
    "refuses arguments": {"bare.mesh.k8s": {"state": "odd"}},
    "refuses a resource": {"bare.mesh.istio_config": {**NOWHERE, "resources": [{**ROUTE, "spec": {"hosts": 1}}]}},
    "refuses options": {"bare.mesh.virtual_service": {**NOWHERE, "name": "x", "namespace": "shop", "hosts": ["a b"]}},
    "reads a path that is relative to the playbook": {"bare.mesh.k8s_info": {"kubeconfig": "config", "kind": "Node"}},
    "prints": {
        "bare.mesh.k8s_exec": {**NOWHERE, "namespace": "x", "pod": "x", "command": ["true"]},
        "check_mode": True,
    },
    "hides what is secret": {"bare.mesh.k8s_info": {**NOWHERE, "kind": "very-secret-token"}},
}
# Differs from run to run.
PASSING = ("attempts", "failed_when_result", "exception")


def play(tmp_path, tasks, *options):
    """Run the tasks on the controller, each of which may fail; their results by name, and what was printed."""
    kept = []
    for number, (name, task) in enumerate(tasks.items()):
        kept.append({"name": name, "register": f"got_{number}", "ignore_errors": True, **task})
        copy = {"content": f"{{{{ got_{number} | to_json }}}}", "dest": f"{tmp_path}/{number}.json", "mode": "0600"}
        kept.append({"ansible.builtin.copy": copy})
    book = tmp_path / "play.yml"
    book.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": kept}]))
    # A kubeconfig for another address.
    (tmp_path / "config").write_text((ROOT / "tests/unit/plugins/plugin_utils/config.yml").read_text())
    command = ["ansible-playbook", str(book), "-i", "localhost,", "-vvv", "-e", "ansible_connection=local", *options]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results = {name: json.loads((tmp_path / f"{number}.json").read_text()) for number, name in enumerate(tasks)}
    return results, done.stdout


def result(found):
    return {key: value for key, value in found.items() if key not in PASSING}


def test_the_results_are_the_same(tmp_path):
    here = ["-e", f"ansible_python_interpreter={sys.executable}"]
    forked, said = play(tmp_path, TASKS, *here)
    assert said.count(FORKED) == len(TASKS)
    packed, said = play(tmp_path, {name: {**task, "environment": {"A": "b"}} for name, task in TASKS.items()}, *here)
    assert FORKED not in said
    for name in TASKS:
        assert result(forked[name]) == result(packed[name]), name
    assert forked["warns in check mode"]["changed"] and forked["warns in check mode"]["warnings"]
    assert "127.0.0.1:7" in forked["reads a path that is relative to the playbook"]["msg"]
    assert "very-secret-token" not in json.dumps(forked)


def test_the_arguments_keep_their_kinds(tmp_path):
    """Numbers, booleans and nulls of templates and vaulted values arrive as they do in a packed module."""
    spec = {
        "hosts": ["{{ 'a' }}"],
        "http": [{"timeout": "{{ 1 }}s", "route": [{"weight": "{{ 50 + 50 }}"}], "name": None}],
    }
    tasks = {"kinds": {"bare.mesh.istio_config": {**NOWHERE, "resources": [{**ROUTE, "spec": spec}]}}}
    here = ["-e", f"ansible_python_interpreter={sys.executable}"]
    forked, _said = play(tmp_path, tasks, *here)
    packed, _said = play(tmp_path, {"kinds": {**tasks["kinds"], "environment": {"A": "b"}}}, *here)
    assert result(forked["kinds"]) == result(packed["kinds"])


@pytest.fixture
def action():
    connection = types.SimpleNamespace(transport="local", become=None)
    task = types.SimpleNamespace(async_val=0, environment=[], delegate_to=None)
    templar = types.SimpleNamespace(template=lambda text: text)
    made = k8s.ActionModule.__new__(k8s.ActionModule)
    made._task, made._connection, made._templar = task, connection, templar
    return made


def here(action, interpreter=sys.executable):
    return action._is_here({"ansible_python_interpreter": interpreter})


def test_only_what_runs_here_as_this_user_is_forked(action):
    assert here(action)
    assert here(action, f"{os.path.dirname(sys.executable)}/python3")
    assert not here(action, "/usr/bin/false")
    assert not here(action, "/nowhere/python3")
    assert not here(action, "")
    assert not action._is_here({})


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        ("_connection", "transport", "ssh"),
        ("_connection", "become", object()),
        ("_task", "async_val", 30),
        ("_task", "environment", [{"A": "b"}]),
    ],
)
def test_other_tasks_run_as_always(action, owner, name, value):
    setattr(getattr(action, owner), name, value)
    assert not here(action)


def test_the_files_of_modules_are_kept_on_request(action, monkeypatch):
    monkeypatch.setattr(in_worker.constants, "DEFAULT_KEEP_REMOTE_FILES", True)
    assert not here(action)


def test_a_delegated_task_has_the_interpreter_of_its_host(action):
    action._task.delegate_to = "other"
    assert not here(action)
    delegated = {"other": {"ansible_python_interpreter": sys.executable}}
    assert action._is_here({"ansible_delegated_vars": delegated})


def test_another_environment_with_the_same_python_is_another_python(tmp_path):
    link = tmp_path / "python3"
    link.symlink_to(sys.executable)
    assert not in_worker.is_this_python(str(link))


def test_the_output_and_the_status_are_those_of_the_process():
    def work():
        print("printed")
        print("complained", file=sys.stderr)
        sys.exit(3)

    assert in_worker.in_fork(work) == {"stdout": "printed\n", "stderr": "complained\n", "rc": 3}


def test_a_program_s_output_does_not_mix_with_the_terminal_s():
    done = in_worker.in_fork(lambda: os.system("echo printed; echo complained >&2"))
    assert done == {"stdout": "printed\n", "stderr": "complained\n", "rc": 0}


def test_an_unexpected_error_is_told_in_full():
    done = in_worker.in_fork(lambda: 1 / 0)
    assert done["rc"] == 1 and "ZeroDivisionError" in done["stderr"] and done["stdout"] == ""


def test_much_output_blocks_nothing():
    done = in_worker.in_fork(lambda: print("x" * 10**6))
    assert len(done["stdout"]) == 10**6 + 1


def test_an_interrupted_task_leaves_no_process(tmp_path):
    def work():
        (tmp_path / "pid").write_text(str(os.getpid()))
        signal.pause()

    def interrupt(_signal, _frame):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        with pytest.raises(TimeoutError):
            in_worker.in_fork(work)
    finally:
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


ORPHANED = """
import os, sys, time
from ansible_collections.bare.mesh.plugins.plugin_utils import in_worker

def work():
    with open(sys.argv[1], "w") as file:
        print(os.getpid(), file=file)
    time.sleep(60)

if not os.fork():
    in_worker.in_fork(work)
time.sleep(60)
"""


def test_when_ansible_is_gone_its_module_ends(tmp_path):
    """Killed, or by the end of its terminal: nobody would see what the module still does."""

    def within(seconds, what):
        end = time.monotonic() + seconds
        while not what() and time.monotonic() < end:
            threading.Event().wait(0.05)
        return what()

    def gone():
        try:
            os.kill(int(note.read_text()), 0)
        except ProcessLookupError:
            return True
        return False

    note = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", ORPHANED, str(note)]) as ansible:
        assert within(20, lambda: note.exists() and note.read_text())
        ansible.kill()
    assert within(10, gone)


def test_all_modules_of_the_controller_have_the_action():
    """Those of the group k8s, and the others that need nothing but the controller."""
    group = set(yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]["k8s"])
    links = {path.stem for path in ACTIONS.glob("*.py") if path.is_symlink()}
    assert all(os.readlink(ACTIONS / f"{name}.py") == "k8s.py" for name in links)
    assert links == group - {"k8s", "istio_config"} | {"bundle", "helm_charts", "release_archive", "ssh_forward"}
    # With more than the action of the links.
    for own in (istio_config, preflight_check):
        assert issubclass(own.ActionModule, in_worker.InWorkerAction)
