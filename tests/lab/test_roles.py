# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each role works alone, in a play of the user's: the examples of the roles' READMEs.

On a converged lab they change nothing. A wrong address or system would show as a change.
"""

from __future__ import annotations

import pytest
import yaml
from conftest import ROOT

# The lab's nodes run containerd. test_lifecycle.py runs the example of docker, on a node with docker. site.yml does not
# deploy the bank demo, other gateways, add-ons and a load balancer, and makes no bundle; these roles have tests of
# their own.
ELSEWHERE = ("bank_demo", "bundle", "docker", "istio_addons", "istio_gateway", "load_balancer")
EXAMPLES = {path.stem: path for path in sorted((ROOT / "docs/examples").glob("*.yml")) if path.stem not in ELSEWHERE}
HOST_ROLES = [
    name for name in EXAMPLES if "tasks_from: facts" in (ROOT / "roles" / name / "tasks/main.yml").read_text()
]


@pytest.mark.parametrize("role", EXAMPLES)
def test_the_example_runs_as_it_stands(play, role):
    """Without facts: ansible.cfg gathers none where a play does not ask for them."""
    run = play("--check", str(EXAMPLES[role]))
    assert run["code"] == 0, run["errors"]
    assert run["changed"] == {}, run["errors"]


@pytest.mark.parametrize("role", HOST_ROLES)
def test_a_role_of_the_hosts_runs_with_facts(play, tmp_path, role):
    playbook = tmp_path / f"{role}.yml"
    plays = [{**one, "gather_facts": True} for one in yaml.safe_load(EXAMPLES[role].read_text())]
    playbook.write_text(yaml.safe_dump(plays))
    run = play("--check", str(playbook))
    assert run["code"] == 0, run["errors"]
    assert run["changed"] == {}, run["errors"]


def test_a_role_knows_the_addresses_of_hosts_that_limit_leaves_out(play):
    """The hosts file of one node holds the addresses of all."""
    run = play("--check", "--limit", "node2", str(EXAMPLES["host_prep"]))
    assert run["code"] == 0, run["errors"]
    assert run["changed"] == {}, run["errors"]
