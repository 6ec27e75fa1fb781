# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scenarios that are too long for every run: `make test-lifecycle`. Latest results: docs/lifecycle.md."""

from __future__ import annotations

import shutil
import time

import pytest
from conftest import ADDRESSES, ROOT, lab, node
from test_interrupted import completes, kill_when
from truth import disagreements

pytestmark = pytest.mark.lifecycle


# site.yml takes 75 s on bare nodes if the computer is idle. After that there is nothing to kill.
@pytest.mark.parametrize("seconds", range(7, 71, 7))
def test_killed_at_any_time(play, seconds):
    lab("reset", *ADDRESSES)
    until = time.monotonic() + seconds
    kill_when(lambda: time.monotonic() > until)
    completes(play)


@pytest.fixture
def docker_on_node3(tmp_path):
    """Arguments for an inventory in which node3 runs docker."""
    shutil.copytree(ROOT / "inventories/lab", tmp_path / "inventory")
    (tmp_path / "inventory/host_vars").mkdir()
    (tmp_path / "inventory/host_vars/node3.yml").write_text("bare_mesh_container_runtime: docker\n")
    return ["-i", str(tmp_path / "inventory"), "-e", f"__lab_dir={ROOT}/.lab"]


def runtime_of_node3(api):
    return api.read_node("node3").status.node_info.container_runtime_version.split(":")[0]


def test_a_node_changes_its_container_runtime(play, api, docker_on_node3):
    remove = ["playbooks/remove_node.yml", "-e", "kubeadm_node=node3", "-e", "kubeadm_drain_force=true"]
    run = play("site.yml")
    assert run["code"] == 0, run["errors"]
    run = play("site.yml", *docker_on_node3, inventory=False)
    assert run["code"] != 0 and run["changed"] == {} and "node3 [cluster]: runs on containerd" in run["output"]
    for arguments, inventory, runtime in ((docker_on_node3, False, "docker"), ([], True, "containerd")):
        run = play(*remove, *arguments, inventory=inventory)
        assert run["code"] == 0, run["errors"]
        predicted = play("site.yml", "--check", *arguments, inventory=inventory)
        run = play("site.yml", *arguments, inventory=inventory)
        assert run["code"] == 0, run["errors"]
        assert disagreements(predicted, run) == [] and set(run["changed"]) <= {"node3", "localhost"}
        assert runtime_of_node3(api) == runtime
        again = play("site.yml", *arguments, inventory=inventory)
        assert (again["code"], again["changed"]) == (0, {}), again["errors"]
        if runtime == "docker":
            example = play("--check", "--limit", "node3", "docs/examples/docker.yml", *arguments, inventory=False)
            assert (example["code"], example["changed"]) == (0, {}), example["errors"]


def test_the_whole_site_on_docker(play, api):
    """On nodes that had containerd before."""
    run = play("playbooks/reset.yml")
    assert run["code"] == 0, run["errors"]
    docker = ["-e", "bare_mesh_container_runtime=docker"]
    for arguments in (["site.yml"], ["playbooks/verify.yml"]):
        run = play(*arguments, *docker)
        assert run["code"] == 0, run["errors"]
    assert play("site.yml", *docker)["changed"] == {}
    assert runtime_of_node3(api) == "docker"
    run = play("playbooks/reset.yml", *docker)
    assert run["code"] == 0, run["errors"]
    assert play("playbooks/reset.yml", *docker)["changed"] == {}
    assert node("node3").check_output("docker ps --all --quiet") == ""
