# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reports of real runs of ansible-playbook, against an API server of the tests, and that no fault reaches the run."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from functools import partial
from types import SimpleNamespace

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.callback import report
from ansible_collections.bare.mesh.plugins.module_utils._report import document, files, look, mesh

from tests.served_playbook import served

SECRET = "s3cret-value"
WEB = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "1", "uid": "u"},
    "data": {"password": SECRET},
}
HIDDEN = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "hidden", "namespace": "shop"}}
ROUTE = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}}]}]},
}
SERVICE = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}}
POD = {
    "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web", "version": "v1"}},
    "spec": {"nodeName": "node1", "containers": [{"name": "web"}]},
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}
NODE = {"metadata": {"name": "node1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
LISTS = {"routes": [ROUTE], "services": [SERVICE], "pods": [POD], "nodes": [NODE]}


def pause(seconds):
    """The fixtures of these tests let time.sleep do nothing."""
    threading.Event().wait(seconds)


def removed(name, definition, **more):
    arguments = {"kubeconfig": "{{ bare_mesh_kubeconfig }}", "state": "absent", "definition": definition}
    return {"name": name, "bare.mesh.k8s": arguments, **more}


def play(*tasks, hosts="localhost", **more):
    return {"name": "Work", "hosts": hosts, "gather_facts": False, "tags": ["mesh"], "tasks": list(tasks), **more}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Plays that run against a server of these lists. Each run returns its code, its output and the reports."""
    lists = {mesh.LISTS[kind]: items for kind, items in LISTS.items()}
    state = SimpleNamespace(lists=lists, status={}, slow=0.0, reports=tmp_path / "reports", asked=[])
    objects = {f"/api/v1/namespaces/shop/configmaps/{one['metadata']['name']}": one for one in (WEB, HIDDEN)}

    def answer(path, query):
        state.asked.append(f"{path}?{query}")
        if path in mesh.LISTS.values():
            pause(state.slow)
        content = objects.get(path) or {"kind": "List", "metadata": {}, "items": lists.get(path, [])}
        return state.status.get(path, 200), json.dumps({} if path == "/version" else content)

    monkeypatch.setenv("ANSIBLE_CALLBACKS_ENABLED", "bare.mesh.report")
    monkeypatch.setenv("ANSIBLE_LOCALHOST_WARNING", "false")
    monkeypatch.setenv("BARE_MESH_REPORT_DIR", str(state.reports))

    def run(play, *plays, options=()):
        book = tmp_path / "small.book.yml"
        book.write_text(yaml.safe_dump(list(plays)))
        code, said = play(str(book), *options, cwd=tmp_path)
        found = sorted(state.reports.glob("*.md")) if state.reports.is_dir() else []
        return code, said, [one.read_text() for one in found]

    with served(answer, tmp_path) as playing:
        state.run = partial(run, playing)
        yield state


LOOK = {"name": "Look", "bare.mesh.k8s_info": {"kubeconfig": "{{ bare_mesh_kubeconfig }}", "kind": "Node"}}
TOUCH = {
    "name": "Touch | {{ 'it' }}",
    "ansible.builtin.copy": {"content": SECRET, "dest": "{{ playbook_dir }}/file", "mode": "0600"},
}


@pytest.mark.feature("run-report")
def test_what_changed_how_long_it_took_and_the_mesh(world):
    ignored = {"name": "Try", "ansible.builtin.command": "false", "ignore_errors": True}
    code, said, (text,) = world.run(play(LOOK, TOUCH, ignored))
    assert code == 0, said
    (file,) = world.reports.iterdir()
    assert re.fullmatch(r"\d{8}T\d{6}Z-small_book\.md", file.name) and stat.S_IMODE(file.stat().st_mode) == 0o600
    # The run's standard error comes last in what the fixture returns.
    assert said.splitlines()[-1] == f"report: {file}"
    assert text.startswith("# small.book.yml: succeeded\n") and "- Mode: run\n" in text
    assert re.search(r"^- Began: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\n- Duration: \d+\.\d s$", text, re.MULTILINE)
    assert "| localhost | 3 | 2 | 0 | 0 |" in text
    changed = "- Touch \\| it\n- Try (it failed, which was ignored)"
    assert f"## What changed\n\n### mesh\n\nlocalhost:\n\n{changed}\n\n## How long" in text
    assert re.search(r"\| mesh \| \d+\.\d s \|", text) and re.search(r"\| no role \| \d+\.\d s \|", text)
    assert re.search(r"\| Touch \\\| it \|  \| localhost \| \d+\.\d s \|", text)
    assert "What failed" not in text and SECRET not in text
    drawing = text.partition("```mermaid\n")[2].partition("\n```")[0]
    assert drawing.splitlines() == mesh.draw(LISTS)[0].splitlines() and "100%" in drawing
    # One list of each kind.
    assert world.asked[-len(mesh.LISTS) :] == [f"{one}?limit=500" for one in mesh.LISTS.values()]


@pytest.mark.feature("run-report")
def test_check_mode_says_what_would_change(world):
    tasks = (
        removed("Remove the map", WEB),
        removed("Remove in secret", HIDDEN, no_log=True),
        removed("Remove in a secret loop", HIDDEN, no_log=True, loop=[1]),
        removed("Remove in a loop", {**WEB, "metadata": {**WEB["metadata"], "name": "{{ item }}"}}, loop=["web"]),
    )
    code, said, (text,) = world.run(play(*tasks), options=("--check",))
    assert code == 0, said
    assert "- Mode: check\n" in text and "| host | ok | would change |" in text
    listed = text.partition("## What would change")[2].partition("##  How")[0].split("## How long")[0]
    assert [line for line in listed.splitlines() if line.lstrip().startswith("-")] == [
        "- Remove the map",
        "  - would be deleted: ConfigMap shop/web",
        "- Remove in secret",
        "- Remove in a secret loop",
        "- Remove in a loop",
        "  - would be deleted: ConfigMap shop/web",
    ]
    assert SECRET not in text


def test_a_task_with_another_mode_than_the_run(world):
    text = world.run(play({**TOUCH, "check_mode": True}))[2][0]
    assert "- Touch \\| it (would change: check mode)\n" in text
    text = world.run(play({**TOUCH, "check_mode": False}), options=("--check",))[2][-1]
    assert "- Touch \\| it (has changed)\n" in text


def test_names_are_no_markdown():
    plain = ("kube_proxy of host_prep", "50% - a/b.c", "a, b (c)")
    assert [document.escaped(one) for one in plain] == list(plain)
    assert document.escaped("__a_b__ _c_ ~~d~~ &lt; *e* <f>") == (
        "\\_\\_a_b\\_\\_ \\_c\\_ \\~\\~d\\~\\~ \\&lt; \\*e\\* \\<f\\>"
    )


def test_nothing_changed(world):
    assert "## What changed\n\nNothing changed.\n" in world.run(play(LOOK))[2][0]
    assert "## What would change\n\nNothing would change.\n" in world.run(play(LOOK), options=("--check",))[2][-1]


@pytest.mark.feature("run-report")
def test_a_run_that_fails(world):
    lines = ("no ``` way", "<b>", "\x1b[2Jcleared")
    failing = {"name": "Judge", "ansible.builtin.assert": {"that": False, "fail_msg": "\n".join(lines)}}
    code, _said, (text,) = world.run(play(TOUCH, failing))
    assert code == 2 and text.startswith("# small.book.yml: failed\n") and "| localhost | 1 | 1 | 1 | 0 |" in text
    failed = text.partition("## What failed\n\n")[2].partition("\n\n## What changed")[0]
    assert failed.splitlines() == [
        "localhost, failed: Judge, in the stage mesh",
        "",
        "````text",
        *("no ``` way", "<b>", "[2Jcleared"),
        "````",
        "",
        "Before it, 1 tasks had ended on all hosts, of which 1 changed something."
        " The last one on localhost was: Touch \\| it.",
    ]


def test_secrets_of_a_failure_are_masked(world):
    hidden = {"name": "Hide", "ansible.builtin.assert": {"that": False, "fail_msg": SECRET}, "no_log": True}
    hidden_loop = {**hidden, "loop": [1, 2]}
    looped = {
        "name": "Each",
        "ansible.builtin.assert": {"that": "item == 1", "fail_msg": "{{ item }} is wrong"},
        "loop": [1, 2, 3],
    }
    for one in (hidden, hidden_loop):
        text = world.run(play(one))[2][-1]
        assert "no_log" in text.partition("What failed")[2] and SECRET not in text
    assert "\n2 is wrong\n3 is wrong\n" in world.run(play(looped))[2][-1]


def test_what_was_rescued_did_not_fail(world):
    failing = {"name": "Judge", "ansible.builtin.assert": {"that": False}}
    text = world.run(play({"block": [failing], "rescue": [LOOK]}))[2][0]
    assert ": succeeded" in text and "What failed" not in text


def test_an_unreachable_host(world):
    gone = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    code, _said, (text,) = world.run(play({"ansible.builtin.ping": None}), options=("-e", json.dumps(gone)))
    assert (
        code == 4 and "| localhost | 0 | 0 | 0 | 1 |" in text and "localhost, unreachable: ansible.builtin.ping" in text
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no file"),
        ("users: [{name: x, user: {exec: {command: login}}}]", "credentials from a program"),
        ('{"users": [{"name": "x", "user": {"exec": {"command": "login"}}}]}', "credentials from a program"),
        ("users: [{name: x, user: {auth-provider : {name: login}}}]", "credentials from a program"),
        ("{", "cannot be read \\(Failure\\)"),
        ("server: x", "cannot be read"),
    ],
)
def test_a_kubeconfig_that_is_of_no_use(world, tmp_path, text, said):
    other = tmp_path / "other"
    if text is not None:
        other.write_text(text)
    options = ("-e", json.dumps({"bare_mesh_kubeconfig": str(other)}))
    code, _said, (found,) = world.run(play(TOUCH), options=options)
    assert code == 0 and "mermaid" not in found
    assert re.fullmatch(rf"The mesh is not drawn: .*{said}.*\.", found.splitlines()[-1]), found


def test_an_api_server_that_refuses(world):
    world.status = {mesh.LISTS["gateways"]: 404, mesh.LISTS["pods"]: 403}
    text = world.run(play(TOUCH))[2][0]
    assert "answers with status 403 for /api/v1/pods." in text.splitlines()[-1]
    # Without Istio's kinds, what is there is drawn.
    world.status.pop(mesh.LISTS["pods"])
    assert "Node node1" in world.run(play(TOUCH))[2][-1]


def test_a_cluster_that_hangs_does_not_hold_the_run(tmp_path, world, monkeypatch):
    world.slow = 60
    began = time.monotonic()
    text = world.run(play(TOUCH))[2][0]
    assert time.monotonic() - began < 20 and "The mesh is not drawn" in text
    # Nor does one whose requests take less than their own limit each.
    monkeypatch.setattr(look, "_answer", lambda *_of: pause(60))
    with pytest.raises(look.Failure, match=r"has not answered within 0\.1 seconds"):
        look.look({"kubeconfig": str(tmp_path / "config")}, 0.1)


def test_the_cluster_is_that_of_the_task(tmp_path, world):
    """Its context, and its address: the kubeconfig's own would be another cluster."""
    config = yaml.safe_load((tmp_path / "config").read_text())
    server = config["clusters"][0]["cluster"]["server"]
    config["clusters"].append({"name": "gone", "cluster": {"server": "http://127.0.0.1:1"}})
    config["contexts"].append({"name": "gone", "context": {"cluster": "gone", "user": "u"}})
    config["current-context"] = "gone"
    (tmp_path / "two").write_text(yaml.safe_dump(config))
    for more in ({"context": "c"}, {"api_host": server}):
        task = {"bare.mesh.k8s_info": {"kubeconfig": str(tmp_path / "two"), "kind": "Node", **more}}
        assert "Node node1" in world.run(play(task))[2][-1]


def test_a_folder_that_cannot_be_written_is_one_warning(world):
    world.reports.write_text("a file")
    code, said, _none = world.run(play(TOUCH))
    assert code == 0 and said.count("WARNING") == 1 and "No report of this run is written: " in said
    assert "Traceback" not in said


def test_two_books_are_two_reports_and_the_oldest_go(world, monkeypatch):
    monkeypatch.setenv("BARE_MESH_REPORT_KEEP", "2")
    world.reports.mkdir()
    others = ("notes.md", "20250101T000000Z-x.txt", "20250101-x.md")
    for name in (*others, "20250101T000000Z-a.md", "20250102T000000Z-b.md"):
        (world.reports / name).write_text("old")
    world.run(play(TOUCH))
    left = {path.name for path in world.reports.iterdir()}
    assert left > {*others, "20250102T000000Z-b.md"} and len(left) == 5


def test_each_of_two_books_has_its_own_numbers(tmp_path, world):
    """Ansible itself adds them up over all playbooks of a command."""
    (tmp_path / "first.yml").write_text(yaml.safe_dump([play(TOUCH)]))
    _code, said, texts = world.run(play(LOOK), options=(str(tmp_path / "first.yml"),))
    assert "ok=2 " in said
    numbers = {text.partition(":")[0]: re.findall(r"^\| localhost .*", text, re.MULTILINE) for text in texts}
    assert numbers == {
        "# first.yml": ["| localhost | 1 | 1 | 0 | 0 |"],
        "# small.book.yml": ["| localhost | 1 | 0 | 0 | 0 |"],
    }


def test_two_runs_remove_the_same_old_report(tmp_path, monkeypatch):
    began = report.datetime(2026, 1, 2, tzinfo=report.datetime.now().astimezone().tzinfo)
    names = ["20250101T000000Z-gone.md", "20250102T000000Z-old.md"]
    (tmp_path / names[1]).write_text("old")
    listdir = os.listdir
    # What the other run has removed since.
    monkeypatch.setattr(files.os, "listdir", lambda path: [names[0], *listdir(path)])
    path = files.write(str(tmp_path), "site.yml", began, "new", 1)
    assert listdir(tmp_path) == [os.path.basename(path)]


def test_reports_of_the_same_second_do_not_overwrite_each_other(tmp_path):
    began = report.datetime(2026, 1, 2, 3, 4, 5, tzinfo=report.datetime.now().astimezone().tzinfo)
    paths = [files.write(str(tmp_path), "../a b/s ite.yml", began, str(number), 20) for number in range(3)]
    assert len(set(paths)) == 3 and all(re.search(r"Z-s_ite(_\d)?\.md$", path) for path in paths)
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["0", "1", "2"]


def test_without_the_callback_nothing_is_written(world, monkeypatch):
    monkeypatch.delenv("ANSIBLE_CALLBACKS_ENABLED")
    code, said, found = world.run(play(TOUCH))
    assert code == 0 and not found and "report:" not in said and not world.reports.exists()


def test_an_interrupted_run_has_a_report(tmp_path):
    book = tmp_path / "long.yml"
    waiting = {"name": "Wait", "ansible.builtin.command": "sleep 60", "changed_when": False}
    book.write_text(yaml.safe_dump([play(TOUCH, waiting)]))
    line = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
    environment = {**os.environ, "ANSIBLE_CALLBACKS_ENABLED": "bare.mesh.report", "ANSIBLE_NOCOLOR": "1"}
    with subprocess.Popen(
        [*line, str(book)], cwd=tmp_path, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as run:  # fmt: skip
        assert run.stdout
        for said in run.stdout:
            if "TASK [Wait]" in said:
                break
        pause(1)
        os.killpg(run.pid, signal.SIGINT)
        run.communicate(timeout=30)
    (text,) = [path.read_text() for path in (tmp_path / "reports").glob("*.md")]
    assert text.startswith("# long.yml: interrupted\n") and "- Touch \\| it\n" in text
    assert text.endswith("The mesh is not drawn: the run was interrupted.\n")


@pytest.mark.parametrize("part", ["_begin", "_end_stage", "_ended", "_draw", "_write"])
def test_no_fault_reaches_the_run(monkeypatch, part, tmp_path):
    said = []
    callback = report.CallbackModule(display=SimpleNamespace(verbosity=0))
    callback._display = SimpleNamespace(warning=said.append, display=said.append)
    monkeypatch.setattr(report.context, "CLIARGS", {})
    monkeypatch.setattr(callback, "get_option", {"directory": str(tmp_path), "keep": 1}.get)
    monkeypatch.setattr(callback, part, lambda *_arguments: 1 / 0)
    stats = SimpleNamespace(processed={"a": 1}, summarize=lambda _host: {"failures": 0, "unreachable": 0})
    task = SimpleNamespace(_uuid="x", get_name=lambda: "x")
    callback.v2_playbook_on_start(SimpleNamespace(_file_name="site.yml"))
    callback.v2_playbook_on_play_start(SimpleNamespace(tags=["x"]))
    callback.v2_playbook_on_task_start(task, False)
    callback.v2_runner_on_ok(None)
    callback.v2_playbook_on_stats(stats)
    callback.interrupted()
    (warning,) = said
    assert warning.startswith("No report of this run is written: ")


def test_the_modules_whose_objects_are_named():
    assert {"bare.mesh.k8s", "bare.mesh.istio_config", "bare.mesh.virtual_service"} <= report.api_modules()
