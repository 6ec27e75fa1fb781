# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The line in a terminal, the lines elsewhere, what is remembered, and that no fault reaches the run."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible_collections.bare.mesh.plugins.callback import progress
from ansible_collections.bare.mesh.plugins.module_utils._progress import memory, terminal, watch

PLAYBOOK = """
- name: Look first
  hosts: localhost
  gather_facts: false
  tags: [always]
  tasks:
    - name: Look
      ansible.builtin.assert: {that: true}
- name: Work
  hosts: localhost
  gather_facts: false
  tags: [kubernetes]
  tasks:
    - name: Wait
      ansible.builtin.command: {cmd: "sleep {{ seconds }}"}
      changed_when: false
- name: Never reached with tags
  hosts: localhost
  gather_facts: false
  tags: [mesh]
  tasks:
    - name: Fail where asked
      ansible.builtin.assert: {that: not fail | default(false) | bool}
"""


class Screen:
    """A display and its terminal: what was written, in order."""

    def __init__(self):
        self.written = []

    def display(self, text, stderr=False):
        self.written.append(text)

    def vvv(self, text):
        self.written.append(f"vvv {text}")

    def write(self, text):
        self.written.append(text)

    def flush(self):
        pass


def play(name, *tags):
    return SimpleNamespace(tags=list(tags), get_name=lambda: name)


def task(name):
    return SimpleNamespace(get_name=lambda: name, args={}, _uuid=name)


def result(name, changed=False):
    return SimpleNamespace(task=task(name), is_changed=lambda: changed)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    now = SimpleNamespace(seconds=1000.0)
    for module in (progress, watch):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


@pytest.fixture
def make(monkeypatch, tmp_path, clock):
    """A function that begins a run of plays, in a terminal or not, without the thread."""

    def begin(*plays, terminal=False, **arguments):
        monkeypatch.setattr(context, "CLIARGS", {"inventory": ["lab"], "tags": ["all"], **arguments})
        monkeypatch.setattr(progress, "in_place", lambda: terminal)
        monkeypatch.setattr(progress.CallbackModule, "_start_thread", lambda self: None)
        screen = Screen()
        monkeypatch.setattr(progress.sys, "stderr", screen)
        callback = progress.CallbackModule(display=Mute())
        callback._display = screen
        options = {"file": str(tmp_path / "cache/progress.json"), "interval": 5}
        monkeypatch.setattr(callback, "get_option", options.get)
        callback.screen = screen
        callback.v2_playbook_on_start(SimpleNamespace(_file_name="/x/site.yml", get_plays=lambda: list(plays)))
        return callback

    return begin


def trusted(text):
    """As the text of a playbook is, so that it counts as a template."""
    try:
        from ansible.template import trust_as_template
    except ImportError:
        return text
    return trust_as_template(text)


class Mute:
    verbosity = 0


PLAYS = (play("one", "always"), play("two", "always"), play("three", "hosts"), play("four"), play("five", "always"))


def run(callback, clock, seconds=10, changed=False, failed=False):
    for number, one in enumerate(PLAYS):
        callback.v2_playbook_on_play_start(one)
        callback.v2_playbook_on_task_start(task(f"task {number}"), False)
        clock.seconds += seconds
        if failed and number == 2:
            callback.v2_runner_on_failed(result("x"))
        callback.v2_runner_on_ok(result("x", changed))
    callback.v2_playbook_on_stats(None)
    return callback.screen.written


def remembered(tmp_path):
    return json.loads((tmp_path / "cache/progress.json").read_text())


def test_stages_are_what_tags_select():
    names, before = [], ""
    for one in (*PLAYS, play("six", "mesh", "always"), play("bell\a\nname")):
        before = progress.stage_of(one, before)
        names.append(before)
    assert names == ["checks", "checks", "hosts", "four", "four", "mesh", "bell  name"]


def test_without_a_terminal_stages_are_lines(make, clock, tmp_path):
    assert run(make(*PLAYS), clock) == [
        "progress: [1/3] checks started",
        "progress: [1/3] checks done in 0:20",
        "progress: [2/3] hosts started",
        "progress: [2/3] hosts done in 0:10",
        "progress: [3/3] four started",
        "progress: [3/3] four done in 0:20",
    ]
    times = {"checks": {"unchanged": 20}, "hosts": {"unchanged": 10}, "four": {"unchanged": 20}}
    assert remembered(tmp_path) == {"site.yml lab": times}
    assert run(make(*PLAYS), clock)[0] == "progress: [1/3] checks started, takes about 0:20"
    assert os.listdir(tmp_path / "cache") == ["progress.json"]


def test_a_run_that_changes_something_has_times_of_its_own(make, clock, tmp_path):
    run(make(*PLAYS), clock, seconds=1)
    said = run(make(*PLAYS), clock, seconds=60, changed=True)
    assert said[0].endswith("about 0:02") and said[-1].endswith("2:00")
    assert remembered(tmp_path)["site.yml lab"]["hosts"] == {"unchanged": 1, "changed": 60}
    said = run(make(*PLAYS), clock, seconds=60, changed=True)
    assert said[2] == "progress: [2/3] hosts started, takes about 1:00"


def test_what_fails_is_not_remembered(make, clock, tmp_path):
    said = run(make(*PLAYS), clock, failed=True)
    assert "progress: [2/3] hosts failed after 0:10" in said and "progress: [3/3] four done in 0:20" in said
    assert set(remembered(tmp_path)["site.yml lab"]) == {"checks"}


@pytest.mark.parametrize("argument", ["check", "subset", "start_at_task"])
def test_partial_runs_are_not_remembered(make, clock, tmp_path, argument):
    run(make(*PLAYS, **{argument: "node1"}), clock)
    assert not (tmp_path / "cache").exists()


def test_stages_without_a_selected_task_do_not_count(make):
    callback = make(*PLAYS, tags=["hosts"])
    assert callback.stages == ["checks", "hosts"]
    for one in PLAYS:
        callback.v2_playbook_on_play_start(one)
        # What runs always follows the last stage that has run.
        if one is not PLAYS[3]:
            callback.v2_playbook_on_task_start(task("x"), False)
    callback.v2_playbook_on_stats(None)
    ends = ["[1/2] checks started", "[1/2] checks done in 0:00", "[2/2] hosts started", "[2/2] hosts done in 0:00"]
    assert callback.screen.written == [f"progress: {end}" for end in ends]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "1", '{"site.yml lab": 3}', '{"site.yml lab": {"hosts": {"changed": "x"}}}', "\udcff"]
)
def test_a_broken_file_counts_as_empty(make, clock, tmp_path, content):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/progress.json").write_text(content, errors="surrogateescape")
    assert run(make(*PLAYS), clock)[0] == "progress: [1/3] checks started"
    assert set(remembered(tmp_path)["site.yml lab"]) == {"checks", "hosts", "four"}


def test_the_file_does_not_grow_without_end(tmp_path):
    path = str(tmp_path / "progress.json")
    for number in range(memory.REMEMBERED + 5):
        memory.Memory(path, f"run {number}").keep("stage", False, 1)
    kept = list(json.loads((tmp_path / "progress.json").read_text()))
    assert len(kept) == memory.REMEMBERED and kept[-1] == f"run {number}"


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    kept = memory.Memory(str(tmp_path / "progress.json"), "run")
    monkeypatch.setattr(memory.os, "replace", lambda *_names: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        kept.keep("stage", False, 1)
    assert not list(tmp_path.iterdir())


def test_the_line_in_a_terminal_without_a_size(make, monkeypatch):
    monkeypatch.setattr(terminal.shutil, "get_terminal_size", lambda: os.terminal_size((0, 0)))
    callback = make(*PLAYS, terminal=True)
    callback.line.draw("x" * 100)
    assert callback.screen.written == [terminal.CLEAR + "x" * 79]


def test_the_line_in_a_terminal(make, clock, monkeypatch):
    run(make(*PLAYS), clock)
    monkeypatch.setenv("COLUMNS", "40")
    callback = make(*PLAYS, terminal=True)
    callback.v2_playbook_on_play_start(PLAYS[0])
    callback.v2_playbook_on_task_start(task("a.role : Look\tat\x1b[2J it"), False)
    clock.seconds += 25
    text = "[1/3] checks 0:25 of about 0:20 | run 0:25 of about 0:55 | Look at [2J it"
    assert callback.status() == text
    callback.line.draw(callback.status())
    callback.line.draw(callback.status())
    callback._display.display("ok: [node1]")
    callback.line.draw("again")
    callback.v2_playbook_on_stats(None)
    callback._display.display("the end")
    drawn = [terminal.CLEAR + text[:39], terminal.CLEAR, "ok: [node1]", terminal.CLEAR + "again", terminal.CLEAR]
    assert callback.screen.written == [*drawn, "the end"]


def test_workers_do_not_touch_the_line(make, monkeypatch):
    callback = make(*PLAYS, terminal=True)
    callback.line.draw("text")
    monkeypatch.setattr(callback.line, "process", 0)
    callback._display.display("of a worker")
    assert callback.screen.written == [terminal.CLEAR + "text", "of a worker"]


@pytest.mark.parametrize(
    "method", ["_end_stage", "_start_stage", "_ended", "_place", "status", "close"], ids=lambda name: name
)
@pytest.mark.parametrize("terminal", [True, False])
def test_no_fault_reaches_the_run(make, clock, monkeypatch, method, terminal):
    callback = make(*PLAYS, terminal=terminal)
    monkeypatch.setattr(callback, method, lambda *_arguments: 1 / 0)
    if method == "_place":
        callback.v2_runner_on_start(None, SimpleNamespace(args={"kubeconfig": "x"}))
    run(callback, clock)
    monkeypatch.setattr(callback.stop, "wait", lambda _seconds: False)
    callback.stage, callback.line = "checks", callback.line or progress.Line(callback.screen, callback.screen)
    if method == "status":
        callback._work()
    assert callback.broken
    stopped = [
        line for line in callback.screen.written if line.startswith("vvv progress: stopped by ZeroDivisionError")
    ]
    # Without close there is nothing left that could be said.
    assert len(stopped) == (method != "close")


class Variables:
    """The play's variables, and how often they were asked for."""

    asked = 0

    def get_vars(self, **_of):
        self.asked += 1
        return {"config": "/k", "space": "a"}


def test_kubeconfig_and_namespace_of_a_task(make):
    callback, variables = make(*PLAYS), Variables()
    loader = DataLoader()
    callback.play = SimpleNamespace(get_variable_manager=lambda: variables, get_loader=lambda: loader)
    expected = (
        ("{{ config }}", "{{ space }}", "/k", "a"),
        ("{{ config }}", None, "/k", ""),
        ("/k", "{{ item }}", "", ""),
    )
    for kubeconfig, namespace, *place in expected * 2:
        arguments = {"kubeconfig": trusted(kubeconfig), **({"namespace": trusted(namespace)} if namespace else {})}
        assert callback._place(None, SimpleNamespace(args=arguments)) == tuple(place)
    assert variables.asked == 3


class Namespace:
    """Answers of the cluster, one a look. The last remains."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def states(self):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def watching(callback, namespace, *answers):
    one = watch.Watch("x", "/none", namespace, watch.the_gate())
    one.glance = Namespace(*answers)
    callback.watches.append(one)
    return one


@pytest.mark.feature("progress")
def test_what_comes_up_is_listed_once_a_task_takes_long(make, clock):
    callback = make(*PLAYS)
    starting, ready = {"pod a/x": ("Pending", False)}, {"pod a/x": ("Running", True), "service a/s": ("1.2.3.4", True)}
    one = watching(callback, "a", starting, starting, ready)
    callback._look(one)
    assert callback.screen.written == []
    for seconds in (5, 1, 5, 5):
        clock.seconds += seconds
        callback._look(one)
    lines = ["pod a/x: Pending", "pod a/x: Running", "service a/s: 1.2.3.4"]
    assert callback.screen.written == [f"progress:   {line}" for line in lines]
    assert one.summary() == "1/1 pods ready"
    # The task has ended: one more look, at once.
    one.glance.answers = [{}]
    callback._ended(result("x"))
    callback._look(one)
    assert callback.screen.written[3:] == ["progress:   pod a/x: gone", "progress:   service a/s: gone"]
    assert not callback.watches


def test_what_an_earlier_task_has_shown_is_not_repeated(make, clock):
    callback = make(*PLAYS)
    callback.places[("/k", "a")] = ("/k", "a")
    looking = SimpleNamespace(args={"kubeconfig": "/k", "namespace": "a"}, _uuid="x")
    for answer in ({"pod a/x": ("Pending", False)}, {"pod a/x": ("Pending", False), "pod a/y": ("Pending", False)}):
        callback.v2_runner_on_start(None, looking)
        (one,) = callback.watches
        one.glance = Namespace(answer)
        clock.seconds += 6
        callback._look(one)
        callback._ended(result("x"))
        callback._look(one)
    assert callback.screen.written == ["progress:   pod a/x: Pending", "progress:   pod a/y: Pending"]


def test_in_all_namespaces_only_news_are_listed(make):
    old, new = ("Running", True), ("Pending", False)
    one = watching(make(*PLAYS), "", {"pod a/x": old, "pod a/y": new}, {"pod a/x": old, "pod a/y": old})
    assert [one.news(), one.news()] == [["pod a/y: Pending"], ["pod a/y: Running"]]


def test_many_are_counted(make):
    one = watching(make(*PLAYS), "a", {f"pod a/{number:03}": ("Pending", False) for number in range(100)})
    assert len(one.news()) == watch.LINES + 1 and one.news() == []


def test_a_short_task_costs_no_look(make):
    callback = make(*PLAYS)
    watching(callback, "a", AssertionError())
    callback.v2_runner_on_ok(result("another"))
    assert callback.watches
    callback.v2_runner_on_ok(result("x"))
    assert not callback.watches


def test_a_cluster_that_does_not_answer_is_left_alone(make, clock):
    callback = make(*PLAYS)
    one = watching(callback, "a", OSError("secret"))
    clock.seconds += 6
    callback._look(one)
    assert callback.screen.written == ["vvv progress: the cluster cannot be looked at: OSError"]
    assert not callback.watches and not callback.broken


def test_programs_for_credentials_are_not_started(make, tmp_path):
    (tmp_path / "config").write_text("users: [{name: x, user: {exec: {command: login}}}]")
    one = watch.Watch("x", str(tmp_path / "config"), "", watch.the_gate())
    with pytest.raises(ValueError, match="credentials"):
        one.news()


def environment(tmp_path):
    return {
        **os.environ,
        "ANSIBLE_CALLBACKS_ENABLED": "bare.mesh.progress",
        "BARE_MESH_PROGRESS_FILE": str(tmp_path / "times.json"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "TERM": "xterm",
    }


def command(tmp_path, seconds, *more):
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    python = ["-e", f"ansible_python_interpreter={sys.executable}"]
    return [
        "ansible-playbook",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-e",
        f"seconds={seconds}",
        *python,
        *more,
        "play.yml",
    ]


@pytest.mark.feature("progress")
def test_ansible_without_a_terminal(tmp_path):
    line = command(tmp_path, 0, "--tags", "kubernetes")
    done = subprocess.run(line, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("progress: ")]
    assert [line.partition(" in ")[0] for line in lines] == [
        "progress: [1/2] checks started",
        "progress: [1/2] checks done",
        "progress: [2/2] kubernetes started",
        "progress: [2/2] kubernetes done",
    ]
    assert set(json.loads((tmp_path / "times.json").read_text())["play.yml localhost,"]) == {"checks", "kubernetes"}


def in_terminal(tmp_path, *line, interrupt=False):
    """What a command writes to a terminal, and its exit status."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        line,
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            written += os.read(ours, 65536)
        except OSError:
            break
        if interrupt and b"| Wait" in written:
            os.killpg(process.pid, signal.SIGINT)
            interrupt = False
    os.close(ours)
    return written.decode(), process.wait(30)


@pytest.mark.parametrize("way", ["done", "failed", "interrupted"])
def test_ansible_in_a_terminal_is_left_clean(tmp_path, way):
    began = time.monotonic()
    more = ["-e", "fail=true"] if way == "failed" else []
    line = command(tmp_path, 1 if way != "interrupted" else 30, *more)
    written, status = in_terminal(tmp_path, *line, interrupt=way == "interrupted")
    assert {"done": status == 0, "failed": status == 2, "interrupted": status not in (0, 2)}[way], written
    assert "[2/3] kubernetes 0:0" in written and "| Wait" in written
    rest = written.rpartition(terminal.CLEAR)[2]
    assert "[2/3]" not in rest and "[3/3]" not in rest, rest
    assert time.monotonic() - began < 25
