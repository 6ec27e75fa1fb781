# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The callback progress in a run in which another Bookinfo comes up."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from conftest import ROOT
from kubernetes.client import ApiException
from mesh_world import wait_until

NAMESPACE = "progress"
DEPLOY = "playbooks/deploy_bookinfo.yml"
# Seconds. A pod with a sidecar takes more to become ready.
INTERVAL = 0.5
# Waits for longer than the interval, whatever the cluster does. What comes up after it was not there before.
BEFORE = {"bare.mesh.proxy_status": {"kubeconfig": "{{ bare_mesh_kubeconfig }}", "wait": True, "wait_settle": 3}}
VERSIONS = ("productpage-v1", "details-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3")


@pytest.fixture
def clean(api):
    """The namespace does not exist, neither before nor after the test."""

    def remove():
        try:
            api.delete_namespace(NAMESPACE)
        except ApiException as error:
            assert error.status == 404, error
        wait_until(lambda: NAMESPACE not in there(), f"the namespace {NAMESPACE} is still there")

    def there():
        return {space.metadata.name for space in api.list_namespace().items}

    remove()
    yield
    remove()


@pytest.fixture
def playbook(tmp_path):
    file = tmp_path / "stages.yml"
    plays = [
        {"hosts": "localhost", "gather_facts": False, "tags": ["mesh"], "tasks": [BEFORE]},
        {"import_playbook": str(ROOT / DEPLOY), "tags": ["bookinfo"]},
    ]
    file.write_text(yaml.safe_dump(plays))
    return str(file)


@pytest.mark.feature("progress")
def test_stages_and_what_comes_up_in_the_cluster(play, clean, playbook, tmp_path):
    """The output is no terminal, so each stage has a line where it starts and one where it ends."""
    times = tmp_path / "times.json"
    settings = {
        "ANSIBLE_CALLBACKS_ENABLED": "run_log,bare.mesh.progress",
        "BARE_MESH_PROGRESS_INTERVAL": str(INTERVAL),
        "BARE_MESH_PROGRESS_FILE": str(times),
    }
    enabled = ("env", *(f"{name}={value}" for name, value in settings.items()))
    run = play(playbook, "-e", f"bookinfo_namespace={NAMESPACE}", prefix=enabled)
    assert run["code"] == 0, run["errors"]
    said = [line.removeprefix("progress: ") for line in run["output"].splitlines() if line.startswith("progress: ")]

    stages = [line for line in said if not line.startswith("  ")]
    expected = (
        r"\[1/2\] mesh started",
        r"\[1/2\] mesh done in \d+:\d\d",
        r"\[2/2\] bookinfo started",
        r"\[2/2\] bookinfo done in \d+:\d\d",
    )
    assert len(stages) == len(expected), stages
    assert [words for words, line in zip(expected, stages) if not re.fullmatch(words, line)] == []
    assert {stage for known in json.loads(times.read_text()).values() for stage in known} == {"mesh", "bookinfo"}

    came_up = "\n".join(said[said.index(stages[2]) : said.index(stages[3])])
    for version in VERSIONS:
        service, _dash, _number = version.partition("-")
        for line in (
            f"deployment {NAMESPACE}/{version}: 1/1 ready",
            rf"pod {NAMESPACE}/{version}-\S+: Running, 2/2 ready",
            rf"service {NAMESPACE}/{service}: ClusterIP [\d.]+ ports 9080",
        ):
            assert re.search(f"^  {line}$", came_up, re.MULTILINE), (line, came_up)

    # Without the callback, a run says nothing of all this.
    silent = play(playbook, "-e", f"bookinfo_namespace={NAMESPACE}")
    assert silent["code"] == 0 and silent["changed"] == {}, silent["errors"]
    assert not re.search(rf"progress:|(pod|service|deployment) {NAMESPACE}/", silent["output"])
