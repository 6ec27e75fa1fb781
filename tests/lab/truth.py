# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare what `--check` predicted with what the real run did, task by task and host by host."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LAST_LINES = 30


def runs(log: Path, playbook: str) -> list[dict[str, Any]]:
    """The logged runs of a playbook, oldest first."""
    recorded = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [run for run in recorded if run["playbook"] == playbook]


def play(log: Path, *arguments: str, inventory: bool = True, prefix: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run ansible-playbook on the lab with the run log. Returns its record with exit code, output and errors.

    errors: what the report of a test shows, because the output as a whole hides the cause. prefix: a command that runs
    its arguments.
    """
    environment = {
        **os.environ,
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests/lab/callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "run_log",
        "BARE_MESH_RUN_LOG": str(log),
        "ANSIBLE_NOCOLOR": "1",
    }
    before = len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0
    done = subprocess.run(
        [*prefix, "ansible-playbook", *(["-i", "inventories/lab"] if inventory else []), *arguments],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    run: dict[str, Any] = json.loads(lines[-1]) if len(lines) > before else {"changed": {}, "failed": {}}
    errors = [f"{host}: {task}" for host, tasks in run["failed"].items() for task in tasks]
    return {
        **run,
        "code": done.returncode,
        "output": done.stdout,
        "errors": "\n".join(errors or done.stdout.splitlines()[-LAST_LINES:]),
    }


def unpredictable() -> set[str]:
    """The names of the tasks that docs/check_mode.md lists as not predictable."""
    page = (ROOT / "docs/check_mode.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))


def disagreements(predicted: dict[str, Any], done: dict[str, Any]) -> list[str]:
    """The tasks that only one of two runs reported as changed, with their hosts."""
    admitted = unpredictable()
    found = []
    for host in sorted({*predicted["changed"], *done["changed"]}):
        said, did = (Counter(run["changed"].get(host, [])) for run in (predicted, done))
        found += [f"{host}: predicted, not done: {task}" for task in (said - did).elements() if task not in admitted]
        found += [f"{host}: done, not predicted: {task}" for task in (did - said).elements() if task not in admitted]
    return found
