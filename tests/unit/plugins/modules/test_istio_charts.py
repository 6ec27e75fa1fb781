# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""istio_charts on a cluster in memory. A played helm writes there what helm 4.2 writes: objects by server-side apply,
and a Secret with the release. tests/charts runs the real helm."""

from __future__ import annotations

import base64
import contextlib
import copy
import gzip
import json
import stat
from datetime import datetime, timezone

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._istio import helm as helm_program
from ansible_collections.bare.mesh.plugins.module_utils._istio import releases
from ansible_collections.bare.mesh.plugins.module_utils._istio.helm import NAMESPACE, REVISION, Helm, decoded, marked
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable
from ansible_collections.bare.mesh.plugins.modules import istio_charts

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
DEPLOYMENT = "/apis/apps/v1/namespaces/istio-system/deployments"


def charts(name, values, upgrade):
    """What the charts would render, shortened to one or two objects each."""
    meta = {"namespace": "istio-system", "labels": {"app": name}}
    if name == "istio-base":
        labels = {"app": "istiod", "helm.sh/chart": "base-1.31.0", "istio.io/rev": "default"}
        hook = {"name": "validation.istio.io", "clientConfig": {"service": {"name": "istiod"}}}
        if not upgrade:
            hook["failurePolicy"] = "Ignore"
        keep = {"annotations": {"helm.sh/resource-policy": "keep"}}
        return [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "kept", **meta, **keep}},
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": "istiod-default-validator", "labels": labels},
                "webhooks": [hook],
            },
        ]
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-config", **meta}}
    config["data"] = {"values": json.dumps(values, sort_keys=True)}
    container = {"name": "istio-proxy", "image": "auto"}
    pod = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, **meta}}
    return [config, {**deployment, "spec": {"template": pod}}]


def secret(name, namespace, chart, version, status, values, objects, labels):
    release = {
        "name": name,
        "version": version,
        "info": {"status": status},
        "chart": {"metadata": {"name": chart}},
        "config": values,
        "manifest": yaml.safe_dump_all(objects, explicit_start=True),
    }
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    own = {"owner": "helm", "name": name, "status": status, "version": str(version), **labels}
    meta = {"name": f"sh.helm.release.v1.{name}.v{version}", "namespace": namespace, "labels": own}
    meta["creationTimestamp"] = "2026-01-01T00:00:00Z"
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"release": packed}}


@pytest.fixture
def played(monkeypatch, cluster, tmp_path):
    """helm, and what it was asked to do."""
    for name in ("base", "istiod", "cni", "ztunnel", "gateway"):
        (tmp_path / f"{name}-1.31.0.tgz").touch()
    state = {"program": "/bin/helm", "asked": [], "charts": str(tmp_path), "fail": ""}

    def init(self, _module, program):
        self.program, self.wanted = state["program"], program

    def template(self, release, archive, kubernetes, upgrade):
        return copy.deepcopy(charts(release.name, release.values, upgrade))

    def path_of(one):
        return releases_engine().kinds.path(one)

    def releases_engine():
        return releases.Engine(cluster, "helm")

    def secrets(name):
        return [path for path in cluster.objects if path.rpartition("/")[2].startswith(f"sh.helm.release.v1.{name}.v")]

    def upgrade(self, release, archive, config, labels):
        old = [decoded(cluster.objects[path]) for path in secrets(release.name)]
        version = max([one.version for one in old], default=0) + 1
        state["asked"].append(f"upgrade {release.name} {version}")
        objects = template(self, release, archive, "", version > 1)
        status = "failed" if state["fail"] == release.name else "deployed"
        for path in secrets(release.name):
            cluster.objects[path]["metadata"]["labels"]["status"] = "superseded"
        one = secret(release.name, release.namespace, release.chart, version, status, release.values, objects, labels)
        cluster.objects[f"/api/v1/namespaces/{release.namespace}/secrets/{one['metadata']['name']}"] = one
        if status == "failed":
            raise Failure(f"the release {release.name} failed")
        engine = releases_engine()
        for each in engine.prepare([marked(each, release.name, release.namespace) for each in objects]):
            cluster.apply(path_of(each), each, "helm")
        wanted = {path_of(each) for each in engine.prepare(objects)}
        for gone in [each for one in old if one.version == version - 1 for each in one.removable()]:
            if path_of(gone) not in wanted:
                cluster.delete(path_of(gone))

    def uninstall(self, name, namespace, config, wait):
        state["asked"].append(f"uninstall {name}")
        for path in secrets(name):
            for one in decoded(cluster.objects.pop(path)).removable():
                cluster.objects.pop(path_of(one), None)

    monkeypatch.setattr(releases, "kubeconfig", lambda client: contextlib.nullcontext("/config"))
    monkeypatch.setattr(Helm, "__init__", init)
    monkeypatch.setattr(Helm, "check", lambda self: "v4.2.0")
    for name, method in (("template", template), ("upgrade", upgrade), ("uninstall", uninstall)):
        monkeypatch.setattr(Helm, name, method)
    return state


@pytest.fixture
def run(run_module, played):
    def call(check=False, **arguments):
        given = {"version": "1.31.0", "charts": played["charts"], "wait": False, **arguments}
        played["asked"].clear()
        return run_module(istio_charts, check=check, **given)

    return call


def actions(result):
    return {one["name"]: one["action"] for one in result["releases"]}


def changed(result):
    return {one["name"]: one["action"] for one in result["objects"] if one["action"] not in ("unchanged", "absent")}


def test_install_again_and_remove(cluster, run, played):
    predicted = run(check=True)
    assert not cluster.objects and played["asked"] == []
    done = run()
    assert predicted == done and done["changed"]
    assert actions(done) == dict.fromkeys(["istio-base", "istiod", "istio-ingressgateway"], "installed")
    assert played["asked"] == ["upgrade istio-base 1", "upgrade istiod 1", "upgrade istio-ingressgateway 1"]
    again = run()
    assert not again["changed"] and set(actions(again).values()) == {"unchanged"} and played["asked"] == []
    assert run(check=True, state="absent")["changed"] and played["asked"] == []
    gone = run(state="absent")
    assert played["asked"] == ["uninstall istio-ingressgateway", "uninstall istiod", "uninstall istio-base"]
    assert "deleted" in changed(gone).values() and "kept" not in changed(gone)
    assert not run(state="absent")["changed"]
    assert [path.rpartition("/")[2] for path in cluster.objects] == ["istio-system", "kept"]


def test_a_change_of_values_upgrades_only_what_it_concerns(run, played):
    run()
    more = {"spec": {"meshConfig": {"accessLogFile": "/dev/stdout"}}}
    predicted = run(check=True, **more)
    assert actions(predicted) == {"istio-base": "unchanged", "istiod": "upgraded", "istio-ingressgateway": "unchanged"}
    done = run(**more)
    assert predicted == done and changed(done) == {"istiod-config": "updated"}
    assert played["asked"] == ["upgrade istiod 2"] and not run(**more)["changed"]


def test_a_change_in_the_cluster_is_an_upgrade(cluster, run, played):
    run()

    def by_somebody(one):
        one["spec"]["template"]["spec"]["containers"][0]["image"] = "other"

    cluster.edit(f"{DEPLOYMENT}/istiod", by_somebody)
    assert changed(run(check=True)) == {"istiod": "updated"}
    assert changed(run()) == {"istiod": "updated"} and played["asked"] == ["upgrade istiod 2"]
    del cluster.objects[f"{DEPLOYMENT}/istiod"]
    assert changed(run()) == {"istiod": "created"} and not run()["changed"]


def test_fields_that_istiod_sets_are_not_differences(cluster, run):
    run()

    def by_istiod(one):
        one["webhooks"][0]["failurePolicy"] = "Fail"
        one["webhooks"][0]["clientConfig"]["caBundle"] = "Q0E="

    cluster.edit(f"{WEBHOOKS}/validatingwebhookconfigurations/istiod-default-validator", by_istiod, "pilot-discovery")
    assert not run()["changed"]


def test_a_release_that_failed_is_upgraded_again(run, played):
    played["fail"] = "istiod"
    assert run()["failed"]
    played["fail"] = ""
    assert actions(run()) == {"istio-base": "unchanged", "istiod": "upgraded", "istio-ingressgateway": "installed"}
    assert not run()["changed"]


def left_pending(cluster, labels, written="2026-01-01T00:00:00Z"):
    """As a killed helm leaves istiod's release."""
    one = secret("istiod", "istio-system", "istiod", 2, "pending-upgrade", {}, [], labels)
    one["metadata"]["creationTimestamp"] = written
    path = f"/api/v1/namespaces/istio-system/secrets/{one['metadata']['name']}"
    cluster.objects[path] = one
    return path


def test_a_pending_release_of_somebody_else_is_left_alone(cluster, run, played):
    left_pending(cluster, {})
    result = run()
    assert "istiod is pending-upgrade" in result["msg"] and "sh.helm.release.v1.istiod.v2" in result["msg"]
    assert played["asked"] == []


def test_a_killed_helm_is_no_obstacle(cluster, run, played, monkeypatch):
    said = []
    monkeypatch.setattr(istio_charts.AnsibleModule, "warn", lambda self, text: said.append(text))
    run()
    path = left_pending(cluster, {NAMESPACE: "istio-system", REVISION: "default"})
    predicted = run(check=True)
    assert not predicted["changed"] and path in cluster.objects
    assert run() == predicted and path not in cluster.objects and played["asked"] == []
    assert said == ["revision 2 of the release istiod was left pending-upgrade: it is written anew"] * 2


def test_a_helm_that_may_still_be_running_is_waited_for(cluster, run, played, monkeypatch):
    run()
    now = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    path = left_pending(cluster, {NAMESPACE: "istio-system", REVISION: "default"}, now)
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        # The other helm ends.
        cluster.objects[path] = secret("istiod", "istio-system", "istiod", 2, "superseded", {}, [], {})

    monkeypatch.setattr(releases.time, "sleep", sleep)
    assert not run()["changed"] and waited == [2]


def test_a_release_that_is_no_longer_asked_for_is_uninstalled(cluster, run, played):
    run(spec={"components": {"cni": {"enabled": True, "namespace": "kube-system"}}})
    predicted = run(check=True, profile="minimal")
    done = run(profile="minimal")
    assert predicted == done
    # istiod no longer reckons with the plugin.
    assert played["asked"] == ["upgrade istiod 2", "uninstall istio-ingressgateway", "uninstall istio-cni"]
    assert changed(done)["istio-ingressgateway"] == "deleted" and not run(profile="minimal")["changed"]


def test_a_mesh_of_istioctl_is_taken_over(cluster, run, played):
    labels = {
        "operator.istio.io/component": "IngressGateways",
        "operator.istio.io/managed": "Reconcile",
        "install.operator.istio.io/owning-resource-namespace": "istio-system",
        "istio.io/rev": "default",
    }
    container = {"name": "istio-proxy", "image": "proxyv2", "env": [{"name": "OLD", "value": "1"}]}
    gateway = charts("istio-ingressgateway", {}, False)[1]
    gateway["metadata"]["labels"] = dict(labels)
    gateway["spec"]["template"]["spec"]["containers"] = [container]
    path = f"{DEPLOYMENT}/istio-ingressgateway"
    cluster.apply(path, gateway, "istio-operator")
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"}
    role["metadata"] = {"name": "istio-ingressgateway-sds", "namespace": "istio-system", "labels": labels}
    role_path = "/apis/rbac.authorization.k8s.io/v1/namespaces/istio-system/roles/istio-ingressgateway-sds"
    cluster.apply(role_path, role, "istio-operator")
    tag = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    mine = {"istio.io/rev": "default", "istio.io/tag": "default"}
    mine["install.operator.istio.io/owning-resource-not-pruned"] = "true"
    tag["metadata"] = {"name": "istio-revision-tag-default", "labels": mine}
    cluster.apply(f"{WEBHOOKS}/mutatingwebhookconfigurations/istio-revision-tag-default", tag, "istio-operator")
    predicted = run(check=True)
    done = run()
    assert changed(predicted) == changed(done)
    assert changed(done)["istio-ingressgateway"] == "updated"
    assert changed(done)["istio-ingressgateway-sds"] == "deleted" and role_path not in cluster.objects
    assert changed(done)["istio-revision-tag-default"] == "deleted"
    # Not a mixture of both: what only istioctl had is gone.
    live = cluster.objects[path]
    assert live["spec"]["template"]["spec"]["containers"] == [{"name": "istio-proxy", "image": "auto"}]
    assert "operator.istio.io/managed" not in live["metadata"]["labels"]
    assert {one["manager"] for one in live["metadata"]["managedFields"] if one["operation"] == "Apply"} == {"helm"}
    assert not run()["changed"]


def test_a_release_of_somebody_else_is_adopted_once(cluster, run, played):
    run()
    for path, one in cluster.objects.items():
        if "/secrets/" in path:
            one["metadata"]["labels"] = {
                name: value for name, value in one["metadata"]["labels"].items() if not name.startswith("bare.mesh/")
            }
    assert set(actions(run()).values()) == {"upgraded"}
    assert not run()["changed"]


def test_two_revisions_share_base(run, played):
    run(revision="one", profile="minimal")
    run(revision="two", profile="minimal")
    assert played["asked"] == ["upgrade istiod-two 1"]
    assert not run(revision="one", profile="minimal")["changed"]
    run(revision="two", state="absent")
    assert played["asked"] == ["uninstall istiod-two"]
    run(revision="one", state="absent")
    assert played["asked"] == ["uninstall istiod-one", "uninstall istio-base"]


@pytest.mark.feature("ambient")
def test_from_sidecars_to_ambient_and_back(cluster, run, played):
    run(profile="minimal")
    predicted = run(check=True, profile="ambient")
    done = run(profile="ambient")
    assert changed(predicted) == changed(done) and actions(predicted) == actions(done)
    assert played["asked"] == ["upgrade istiod 2", "upgrade istio-cni 1", "upgrade ztunnel 1"]
    assert not run(profile="ambient")["changed"]
    predicted = run(check=True, profile="minimal")
    done = run(profile="minimal")
    assert changed(predicted) == changed(done) and actions(predicted) == actions(done)
    # What needs the CNI plugin goes before it.
    assert played["asked"][-2:] == ["uninstall ztunnel", "uninstall istio-cni"]


def test_faults_before_anything_else(cluster, run, played):
    played["program"] = ""
    result = run(spec={"components": {"ztunnel": {"namespace": "x"}}, "unvalidatedValues": {"a": 1}})
    assert "istio_operator_spec.components.ztunnel.namespace" in result["msg"] and "unvalidatedValues" in result["msg"]
    assert "unknown" in run(spec={"meshConfig": {"nothing": 1}})["msg"] and not cluster.requests
    assert "istio_profile is remote" in run(profile="remote")["msg"]


def test_without_helm_charts_or_cluster(cluster, run, played, tmp_path):
    whole = run(check=True, charts=str(tmp_path / "none"))
    assert whole["changed"] and whole["objects"] == [] and "release istiod of istiod" in whole["diff"]["after"]
    assert "base-1.31.0.tgz" in run(charts=str(tmp_path / "none"))["msg"]
    played["program"] = ""
    assert run(check=True)["changed"] and run(check=True, state="rendered")["rendered"] == []
    played["program"] = "/bin/helm"
    cluster.unreachable = [Unreachable("no answer")]
    found = run(check=True)
    assert found["changed"] and set(changed(found).values()) == {"created"}
    assert "no answer" in run()["msg"]


def test_rendered_and_validated(run):
    assert len(run(state="rendered", profile="minimal")["rendered"]) == 4
    assert "rendered" not in run(state="validated", profile="minimal")


class Module:
    """What Helm needs of a module, with a program that writes down how it was called."""

    def __init__(self, path, code=0):
        self.path, self.code, self.calls = path, code, []

    def get_bin_path(self, name):
        return None

    def run_command(self, command, data, environ_update):
        self.calls.append((command, data, environ_update))
        return self.code, "v3.22.0\n", "Error: it failed"


def test_values_are_not_in_the_process_list(tmp_path):
    program = tmp_path / "helm"
    program.touch()
    program.chmod(stat.S_IRWXU)
    module = Module(str(program))
    helm = Helm(module, str(program))
    release = releases.Release("istiod", "istiod", "istio-system", {"global": {"password": "hidden"}})
    helm.upgrade(release, "/a.tgz", "/config", {"a": "b"})
    command, data, environment = module.calls[0]
    assert "hidden" not in " ".join(command) and "hidden" in data and environment["KUBECONFIG"] == "/config"
    assert "--take-ownership" in command and "--server-side=true" in command and "--install" in command
    with pytest.raises(Failure, match=r"Helm v3\.22\.0: install Helm 4"):
        helm.check()
    module.code = 1
    with pytest.raises(Failure, match="the release istiod in istio-system: it failed"):
        helm.upgrade(release, "/a.tgz", "/config", {})
    with pytest.raises(Failure, match="helm is not at"):
        Helm(module, "/nowhere/helm").run([])


def test_a_secret_that_is_no_release():
    one = secret("x", "y", "base", 1, "deployed", {}, [], {})
    assert decoded(one).name == "x" and helm_program.HISTORY
    one["data"]["release"] = "bm90aGluZw=="
    with pytest.raises(Failure, match=r"Secret y/sh\.helm\.release\.v1\.x\.v1 holds no Helm"):
        decoded(one)
