# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""remote_secret with the lab's one cluster as both ends: istiod reads it a second time, by another name."""

from __future__ import annotations

import base64
import json
import time

import pytest
import yaml
from conftest import ADDRESSES, LAB
from mesh_world import wait_until

from tests.istio_kinds import load
from tests.module_process import run_module

NAME = "other"
SECRET = f"istio-remote-secret-{NAME}"
KUBECONFIG = str(LAB / "kubeconfig")
MEANT = {
    "kubeconfig": KUBECONFIG,
    "remote_kubeconfig": KUBECONFIG,
    "cluster_name": NAME,
    "server": f"https://{ADDRESSES['node1']}:6443",
    "token_seconds": 600,
}


def call(check=False, **options):
    done = run_module(load("modules", "remote_secret"), check=check, **{**MEANT, **options})
    assert "failed" not in done, done
    return done


@pytest.fixture(scope="module", autouse=True)
def _nothing_stays():
    yield
    call(state="absent")


def istiods(api):
    found = api.list_namespaced_pod("istio-system", label_selector="app=istiod", field_selector="status.phase=Running")
    return [pod.metadata.name for pod in found.items if not pod.metadata.deletion_timestamp]


def states(api):
    """What each istiod says of the connection; None where it knows of none."""
    command = ["pilot-discovery", "request", "GET", "/debug/clusterz"]
    found = []
    for pod in istiods(api):
        where = {"namespace": "istio-system", "pod": pod, "container": "discovery"}
        done = run_module(load("modules", "k8s_exec"), kubeconfig=KUBECONFIG, command=command, **where)
        assert done.get("rc") == 0, done
        known = {one["id"]: one for one in json.loads(done["stdout"])}
        assert len(known) == 1 + (NAME in known), known
        found.append(known[NAME]["syncStatus"] if NAME in known else None)
    return found


def updates(api):
    """How often each istiod has replaced the connection."""
    logs = [api.read_namespaced_pod_log(pod, "istio-system", container="discovery") for pod in istiods(api)]
    return [sum("Update cluster" in line and SECRET in line for line in log.splitlines()) for log in logs]


def token(api):
    secret = api.read_namespaced_secret(SECRET, "istio-system")
    return yaml.safe_load(base64.b64decode(secret.data[NAME]))["users"][0]["user"]["token"]


@pytest.mark.feature("remote-secrets")
def test_istiod_reads_the_cluster_by_tokens_that_are_rotated(api):
    predicted, done = call(check=True), call()
    assert predicted["changed"] and done["changed"]
    assert predicted["rotated"] == done["rotated"] == "there is no such Secret"
    wait_until(lambda: set(states(api)) == {"synced"}, "istiod has not read the cluster")
    again = call()
    assert not again["changed"] and again["expires"] == done["expires"]

    first, before = token(api), updates(api)
    # The token is replaced if it ends within 595 seconds, which is so five seconds after it was made.
    time.sleep(6)
    predicted, rotated = call(check=True, renew_before=595), call(renew_before=595)
    for one in (predicted, rotated):
        assert one["changed"] and one["rotated"].startswith("its token ends in 59"), one
    assert rotated["expires"] > done["expires"] and token(api) != first
    wait_until(lambda: all(now > then for now, then in zip(updates(api), before)), "istiod has no new connection")
    wait_until(lambda: set(states(api)) == {"synced"}, "istiod has not read the cluster by the new token")
    # The API server takes the new token, or this would replace it.
    assert not call()["changed"]

    removed = call(state="absent", remote_kubeconfig=None)
    assert removed["changed"] and removed["expires"] == rotated["expires"]
    wait_until(lambda: set(states(api)) == {None}, "istiod has not forgotten the cluster")
    assert not call(state="absent")["changed"]
