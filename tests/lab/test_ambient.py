# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The mesh in ambient mode: rendered by both methods, and judged object by object by the API server's dry run.

Nothing is installed: there is no image of ztunnel in the lab.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._istio.mesh_settings import operator_spec
from conftest import ISTIO, LAB
from kubernetes import client

from tests.istio_kinds import load
from tests.module_process import run_module

CACHE = Path.home() / ".cache/bare_mesh"
KUBECONFIG = str(LAB / "kubeconfig")
MODE = {"istio_dataplane_mode": "ambient"}
WAYPOINT = {"istio_waypoints": [{"name": "web", "namespace": "shop", "for": "all"}]}
NODE_AGENTS = {"ztunnel": "istio-system", "istio-cni-node": "kube-system"}
DEFINITION = "gateways.gateway.networking.k8s.io"


def settings(**more):
    return ("-e", json.dumps({**MODE, **more}))


def rendered(method):
    """The objects of the mesh."""
    mesh = {"profile": "ambient", "spec": operator_spec(MODE), "state": "rendered"}
    if method == "istioctl":
        istioctl = str(CACHE / "istioctl" / ISTIO / "bin/istioctl")
        return run_module(load("modules", "istio_operator"), istioctl=istioctl, **mesh)
    (helm,) = CACHE.glob("helm/*/helm")
    place = {"helm": str(helm), "charts": str(CACHE / "charts"), "version": ISTIO}
    return run_module(load("modules", "istio_charts"), **place, **mesh)


def versions_of_everything(api):
    """What a write would change, of the objects that a mesh has and of namespaces."""
    apps, rights = client.AppsV1Api(api.api_client), client.RbacAuthorizationV1Api(api.api_client)
    listed = (
        apps.list_daemon_set_for_all_namespaces(),
        rights.list_cluster_role(),
        rights.list_cluster_role_binding(),
        api.list_service_account_for_all_namespaces(),
        api.list_namespace(),
    )
    # The generation of a DaemonSet does not change with the state of its pods.
    return {one.metadata.uid: (one.metadata.name, one.metadata.generation) for part in listed for one in part.items}


@pytest.mark.feature("ambient-accepted")
@pytest.mark.parametrize("method", ["istioctl", "helm"])
def test_the_server_takes_every_object(play, api, method):
    validated = play("playbooks/validate_mesh.yml", *settings(istio_method=method))
    assert validated["code"] == 0, validated["errors"]
    made = rendered(method)
    assert not made.get("failed"), made
    objects = {(one["kind"], one["metadata"]["name"]): one for one in made["rendered"]}
    for name, namespace in NODE_AGENTS.items():
        assert objects["DaemonSet", name]["metadata"]["namespace"] == namespace
    assert objects["ConfigMap", "istio-cni-config"]["data"]["AMBIENT_ENABLED"] == "true"
    (istiod,) = objects["Deployment", "istiod"]["spec"]["template"]["spec"]["containers"]
    assert {"name": "PILOT_ENABLE_AMBIENT", "value": "true"} in istiod["env"]
    assert ("Deployment", "istio-ingressgateway") not in objects

    before = versions_of_everything(api)
    judged = run_module(
        load("modules", "k8s"),
        check=True,
        kubeconfig=KUBECONFIG,
        field_manager="ambient-test",
        resources=made["rendered"],
    )
    assert not judged.get("failed"), judged["msg"]
    actions = {(one["kind"], one["name"]): one["action"] for one in judged["objects"]}
    assert actions.keys() == objects.keys()
    assert {actions["DaemonSet", name] for name in NODE_AGENTS} == {"created"}
    assert versions_of_everything(api) == before

    # The server does judge: it refuses the same DaemonSet with a field of the wrong type.
    wrong = json.loads(json.dumps(objects["DaemonSet", "ztunnel"]))
    wrong["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = "soon"
    refused = run_module(load("modules", "k8s"), check=True, kubeconfig=KUBECONFIG, resources=[wrong])
    assert refused.get("failed") and "terminationGracePeriodSeconds" in refused["msg"]


def test_the_waypoint_is_that_of_istioctl():
    """What the role writes, but for the label by which it knows its own."""
    istioctl = CACHE / "istioctl" / ISTIO / "bin/istioctl"
    command = [istioctl, "waypoint", "generate", "--name", "web", "--namespace", "shop", "--for", "all"]
    theirs = yaml.safe_load(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert theirs["metadata"]["labels"] == {"istio.io/waypoint-for": "all"}
    assert theirs["spec"] == {
        "gatewayClassName": "istio-waypoint",
        "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
    }


@pytest.mark.feature("ambient-accepted")
def test_check_mode_says_what_ambient_would_change(play):
    foretold = play("playbooks/install_mesh.yml", "--check", "--diff", *settings(istio_injected_namespaces=["shop"]))
    assert foretold["code"] == 0, foretold["errors"]
    assert "bare.mesh.istio : Install Istio" in foretold["changed"]["localhost"]
    for said in ("after: DaemonSet istio-system/ztunnel", "istio.io/dataplane-mode: ambient", "profile ambient"):
        assert said in foretold["output"]
    now = play("playbooks/install_mesh.yml")
    assert (now["code"], now["changed"]) == (0, {}), now["errors"]


def test_waypoints_need_the_gateway_api(play, api):
    """Whether the lab has its definitions depends on what else was tested."""
    listed = client.ApiextensionsV1Api(api.api_client).list_custom_resource_definition().items
    there = DEFINITION in [one.metadata.name for one in listed]
    done = play("playbooks/install_mesh.yml", "--check", "--diff", *settings(**WAYPOINT))
    said = " ".join(done["output"].split())
    if there:
        assert done["code"] == 0 and "after: Gateway shop/web" in said, done["errors"]
    else:
        assert done["code"] != 0 and done["changed"] == {}
        assert (
            "istio_waypoints asks for web, and the cluster has no kind Gateway of gateway.networking.k8s.io/v1" in said
        )
        assert "apply --server-side -f https://" in said


def test_settings_of_sidecars_are_refused_together_and_first(play):
    wrong = {"istio_profile": "demo", "istio_auto_injection": False, "istio_mtls": "DISABLE"}
    done = play("playbooks/install_mesh.yml", *settings(**wrong))
    assert done["code"] != 0 and done["changed"] == {}
    for said in ("istio_profile is demo", "istio_auto_injection is set", "istio_mtls is DISABLE"):
        assert said in " ".join(done["output"].split())
