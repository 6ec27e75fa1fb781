# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tests of the comparison that the check mode tests use."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import truth

PLAYBOOK = """
- name: Two files, one handler
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Write
      ansible.builtin.copy: {content: x, dest: "{{ folder }}/file", mode: "0600"}
      notify: Tell
    - name: Look
      ansible.builtin.stat: {path: "{{ folder }}"}
  handlers:
    - name: Tell
      ansible.builtin.copy: {content: x, dest: "{{ folder }}/told", mode: "0600"}
"""


def run(*changed):
    return {"changed": {host: sorted(tasks) for host, tasks in changed}}


def test_equal_runs_agree():
    assert truth.disagreements(run(("node1", ["a", "b"])), run(("node1", ["b", "a"]))) == []


@pytest.mark.parametrize(
    ("predicted", "done", "found"),
    [
        ([("node1", ["a", "b"])], [("node1", ["a"])], "node1: predicted, not done: b"),
        ([("node1", ["a"])], [("node1", ["a", "b"])], "node1: done, not predicted: b"),
        ([("node1", ["a"])], [("node1", ["a"]), ("node2", ["a"])], "node2: done, not predicted: a"),
        ([("node1", ["a", "a"])], [("node1", ["a"])], "node1: predicted, not done: a"),
    ],
)
def test_any_difference_is_named(predicted, done, found):
    assert truth.disagreements(run(*predicted), run(*done)) == [found]


def test_run_log_knows_tasks_and_handlers(tmp_path):
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    log = tmp_path / "runs"
    environment = {
        **os.environ,
        "ANSIBLE_CALLBACK_PLUGINS": str(truth.ROOT / "tests/lab/callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "run_log",
        "BARE_MESH_RUN_LOG": str(log),
    }
    # Without an inventory, localhost is implicit, and uses Ansible's own interpreter.
    command = ["ansible-playbook", "-e", f"folder={tmp_path}", str(tmp_path / "play.yml")]
    for extra in (["--check"], [], ["--check"], []):
        subprocess.run([*command, *extra], env=environment, check=True, capture_output=True)
    runs = truth.runs(log, "play.yml")
    assert [each["check"] for each in runs] == [True, False, True, False]
    assert runs[0]["changed"] == runs[1]["changed"] == {"localhost": ["Tell", "Write"]}
    assert runs[2]["changed"] == runs[3]["changed"] == {}
    assert json.loads(log.read_text().splitlines()[0])["tasks_by_role"] == {"Two files, one handler": 3}
