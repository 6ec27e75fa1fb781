# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Other field managers beside the modules: controllers, people and kubectl."""

from __future__ import annotations

import json
import shlex

import pytest
from conftest import LAB, SHOP

from tests.istio_kinds import load
from tests.module_process import run_module

WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            # Never started: only what is written matters here.
            "spec": {"containers": [{"name": "web", "image": "none"}], "nodeSelector": {"none": "none"}},
        },
    },
}
ROUTES = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "coexists", "namespace": "shop"},
    "spec": {"hosts": ["coexists"], "http": [{"route": [{"destination": {"host": "one"}}], "timeout": "1s"}]},
}


def run(module, check=False, **arguments):
    result = run_module(load("modules", module), check=check, kubeconfig=str(LAB / "kubeconfig"), **arguments)
    assert "failed" not in result, result
    return result


@pytest.fixture(autouse=True)
def _only_for_this_test():
    run("k8s", resources=[SHOP])
    yield
    run("k8s", resources=[WEB, ROUTES], state="absent", wait=True)


@pytest.fixture
def kubectl(node1):
    """Run kubectl on the control plane. Returns its output."""

    def call(*arguments, given=None):
        command = shlex.join(["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", *arguments])
        return node1.check_output(f"echo {shlex.quote(json.dumps(given))} | {command}" if given else command)

    return call


def test_what_others_have_set_stays_unless_it_is_named(kubectl):
    run("k8s", resources=[WEB])
    kubectl("-n", "shop", "scale", "deployment/web", "--replicas", "3")
    kubectl("-n", "shop", "annotate", "deployment/web", "note=mine")
    for check in (True, False):
        assert not run("k8s", check, resources=[WEB])["changed"]
    assert (
        kubectl("-n", "shop", "get", "deployment/web", "-o", "jsonpath={.spec.replicas} {.metadata.annotations.note}")
        == "3 mine"
    )
    named = {**WEB, "spec": {**WEB["spec"], "replicas": 1}}
    predicted, done = run("k8s", True, resources=[named]), run("k8s", resources=[named])
    assert (
        predicted == done and "replicas: 3" in done["diff"][0]["before"] and "replicas: 1" in done["diff"][0]["after"]
    )
    assert "note" not in str(done["diff"])
    assert (
        kubectl("-n", "shop", "get", "deployment/web", "-o", "jsonpath={.spec.replicas} {.metadata.annotations.note}")
        == "1 mine"
    )


def test_objects_of_kubectl_are_taken_over_and_given_back(kubectl):
    kubectl("apply", "-f", "-", given=ROUTES)
    predicted, done = run("istio_config", True, resources=[ROUTES]), run("istio_config", resources=[ROUTES])
    # Only the ownership of the fields changes, and the diff says so.
    assert predicted == done and done["changed"] and "fieldManagers" in done["diff"][0]["after"]
    assert not run("istio_config", resources=[ROUTES])["changed"]
    assert "unchanged" in kubectl("apply", "-f", "-", given=ROUTES)
    assert not run("istio_config", resources=[ROUTES])["changed"]
    shorter = {**ROUTES, "spec": {**ROUTES["spec"], "http": [{"route": ROUTES["spec"]["http"][0]["route"]}]}}
    kubectl("apply", "-f", "-", given=shorter)
    back = run("istio_config", resources=[ROUTES])
    assert back["changed"] and "timeout: 1s" in back["diff"][0]["after"]
