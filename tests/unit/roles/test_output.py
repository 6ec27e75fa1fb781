# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What site.yml and verify.yml look at is not in their tasks' results, which -v shows: no manifests, no pages."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLES = ("flannel", "istio", "istio_gateway", "bookinfo")
PATHS = [*ROOT.glob("playbooks/*.yml"), *(path for role in ROLES for path in ROOT.glob(f"roles/{role}/tasks/*.yml"))]


def calls(tasks, module):
    """The parameters of all tasks with a module, also of those in plays and blocks."""
    for task in tasks or []:
        yield from [task[module]] if module in task else []
        for part in ("tasks", "block", "rescue", "always"):
            yield from calls(task.get(part), module)


@pytest.mark.parametrize(
    ("module", "option"), [("bare.mesh.k8s_info", "query"), ("bare.mesh.k8s_exec", "expect")], ids=["info", "exec"]
)
def test_only_what_is_judged_is_returned(module, option):
    found = [one for path in PATHS for one in calls(yaml.safe_load(path.read_text()), module)]
    assert found and [one for one in found if option not in one] == []


def test_no_page_is_returned():
    found = [one for path in PATHS for one in calls(yaml.safe_load(path.read_text()), "ansible.builtin.uri")]
    assert found and [one for one in found if one.get("return_content")] == []
