# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Other field managers beside the modules: controllers, people and kubectl."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._istio.mesh_settings import SETTINGS, operator_spec
from conftest import LAB, ROOT, SHOP

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


def specs(kubectl):
    """What the objects of the mesh ask for, by their names."""
    kinds = "deploy,svc,cm,sa,hpa,pdb,mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles"
    listed = kubectl("get", kinds, "-A", "-o", "json", "-l", "install.operator.istio.io/owning-resource")
    found = {}
    for one in json.loads(listed)["items"]:
        name = f"{one['kind']} {one['metadata'].get('namespace')} {one['metadata']['name']}"
        kept = {key: value for key, value in one.items() if key not in ("metadata", "status")}
        found[name] = {**kept, "labels": one["metadata"]["labels"], "uid": one["metadata"]["uid"]}
    return found


@pytest.mark.feature("operator", "install-istioctl")
def test_istioctl_install_afterwards_changes_nothing(kubectl, play, tmp_path):
    settings = yaml.safe_load((ROOT / "inventories/lab/group_vars/all/settings.yml").read_text())
    known = {name: value for name, value in settings.items() if name in SETTINGS}
    spec = {"profile": settings["istio_profile"], **operator_spec(known)}
    operator = tmp_path / "operator.yml"
    operator.write_text(
        yaml.safe_dump({"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": spec})
    )
    before = specs(kubectl)
    assert len(before) > 10
    command = [Path.home() / ".local/bin/istioctl", "install", "-y", "-f", operator]
    done = subprocess.run(
        [*command, "--kubeconfig", LAB / "kubeconfig"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert specs(kubectl) == before
    run = play("playbooks/install_mesh.yml")
    assert (run["code"], run["changed"]) == (0, {}), run["errors"]


def test_what_another_hand_has_changed_in_the_mesh_is_found_and_mended(kubectl, play):
    before = specs(kubectl)
    system = ("-n", "istio-system")
    kubectl(*system, "label", "--overwrite", "service/istiod", "app=other")
    kubectl(*system, "patch", "hpa/istiod", "-p", '{"spec": {"maxReplicas": 9}}')
    kubectl(*system, "delete", "hpa/istio-ingressgateway")
    kubectl(*system, "annotate", "service/istiod", "note=mine")
    predicted = play("playbooks/install_mesh.yml", "--check", "--diff")
    assert predicted["changed"] == {"localhost": ["bare.mesh.istio : Install Istio"]}, predicted["errors"]
    words = " ".join(predicted["output"].split())
    for found in ("app: other", "maxReplicas: 9", "HorizontalPodAutoscaler istio-system/istio-ingressgateway"):
        assert found in words
    assert "note" not in words
    assert play("playbooks/install_mesh.yml")["changed"] == predicted["changed"]
    after = specs(kubectl)
    fresh = "HorizontalPodAutoscaler istio-system istio-ingressgateway"
    assert after.pop(fresh)["spec"] == before.pop(fresh)["spec"]
    assert after == before
    assert play("playbooks/install_mesh.yml")["changed"] == {}
    kubectl(*system, "annotate", "service/istiod", "note-")
