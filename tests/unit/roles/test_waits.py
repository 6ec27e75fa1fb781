# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Roles wait for the rollouts that they cause: a run that ends well leaves what verify calls good."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]


def calls(tasks, module):
    """The parameters of all tasks with a module, also of those in blocks."""
    for task in tasks or []:
        yield from [task[module]] if module in task else []
        for part in ("block", "rescue", "always"):
            yield from calls(task.get(part), module)


@pytest.mark.parametrize(("role", "module"), [("flannel", "k8s"), ("istio", "istio_operator"), ("bookinfo", "k8s")])
def test_workloads_are_waited_for(role, module):
    paths = sorted(ROOT.glob(f"roles/{role}/tasks/*.yml"))
    found = [one for path in paths for one in calls(yaml.safe_load(path.read_text()), f"bare.mesh.{module}")]
    written = [one for one in found if one.get("state", "present") == "present"]
    assert written and [one for one in written if not (one.get("wait") is True and "wait_timeout" in one)] == []
