# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""common's tasks/facts.yml, on hosts that are all this machine, except for one that does not answer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FACTS = {"import_role": {"name": "bare.mesh.common", "tasks_from": "facts"}}
KNOWN = "groups['all'] | map('extract', hostvars) | selectattr('ansible_facts.default_ipv4', 'defined')"
GATHER = "Gather the facts of a host outside of the play"


@pytest.fixture
def gather(tmp_path):
    """Gathers twice with some of the hosts, and returns the output. Each host must know the facts of the named ones."""
    (tmp_path / "hosts.yml").write_text(
        yaml.safe_dump(
            {
                "all": {
                    "vars": {
                        "ansible_connection": "local",
                        "ansible_host": "127.0.0.1",
                        "ansible_python_interpreter": sys.executable,
                    },
                    "children": {
                        "control_plane": {"hosts": {"first": {}}},
                        "workers": {
                            "hosts": {
                                "second": {},
                                "third": {},
                                # Nothing listens there.
                                "down": {"ansible_connection": "ssh", "ansible_port": 1},
                            }
                        },
                        "mirrors": {"hosts": {"mirror": {}}},
                    },
                }
            }
        )
    )

    def run(limit, known, **play):
        check = {"assert": {"that": f"{KNOWN} | map(attribute='inventory_hostname') | sort == {sorted(known)}"}}
        again = {"hosts": limit, "gather_facts": False, "tasks": [{"debug": {"msg": "the next play"}}]}
        plays = [{"hosts": limit, "gather_facts": False, **play, "tasks": [FACTS, check, FACTS]}, again]
        (tmp_path / "play.yml").write_text(yaml.safe_dump(plays))
        command = ["ansible-playbook", "-i", tmp_path / "hosts.yml", tmp_path / "play.yml"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("the next play") == len(limit), "the run ended too soon"
        return done.stdout

    return run


def test_one_host_gathers_the_facts_of_hosts_outside_of_the_play(gather):
    output = gather(["second", "third"], ["first", "second", "third"])
    assert set(re.findall(r"other_host\.yml for (\w+)", output)) == {"second"}
    assert output.count("UNREACHABLE!") == 1


def test_hosts_of_an_earlier_or_later_batch_are_known(gather):
    output = gather(["first", "second"], ["first", "second", "third"], serial=1)
    assert set(re.findall(r"other_host\.yml for (\w+)", output)) == {"first"}


def test_hosts_that_do_not_wait_for_each_other_know_all(gather):
    output = gather(["second", "third"], ["first", "second", "third"], strategy="free")
    assert "run_once" not in output


def test_facts_of_the_play_are_enough(gather):
    facts = {"gather_facts": True, "gather_subset": ["!all", "!min", "distribution", "network"]}
    output = gather(["first", "second", "third"], ["first", "second", "third"], **facts)
    assert re.findall(r"ok: \[(\w+)\]", output.split("Gather the facts of the host]")[1].split("TASK")[0]) == []


def test_a_host_outside_of_the_cluster_asks_no_other(gather):
    assert GATHER not in gather(["mirror"], ["mirror"])
