# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""istio_operator on a cluster in memory, with what istioctl would render."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._istio import installer
from ansible_collections.bare.mesh.plugins.module_utils._istio import program as shared_program
from ansible_collections.bare.mesh.plugins.module_utils._istio.istioctl import Istioctl, explain
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable
from ansible_collections.bare.mesh.plugins.modules import istio_operator

RENDERED = list(
    yaml.safe_load_all("""
apiVersion: v1
kind: ServiceAccount
metadata: {name: istio-reader-service-account, namespace: istio-system, labels: {helm.sh/chart: base-1.0.0}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {operator.istio.io/component: Pilot}}
spec: {template: {metadata: {labels: {app: istiod}}}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata:
  name: istio-sidecar-injector
  labels: {app: sidecar-injector, istio.io/rev: default, helm.sh/chart: istiod-1.0.0}
webhooks:
  - name: namespace.sidecar-injector.istio.io
    clientConfig: {service: {name: istiod, namespace: istio-system, path: /inject}}
    reinvocationPolicy: Never
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-system, labels: {helm.sh/chart: istio-ingress-1.0.0}}
spec: {template: {metadata: {labels: {app: gateway}}}}
""")
)
TAG = list(
    yaml.safe_load_all("""
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-revision-tag-default, labels: {app: sidecar-injector, istio.io/tag: default}}
webhooks:
  - name: rev.namespace.sidecar-injector.istio.io
    clientConfig: {service: {name: istiod-default, namespace: istio-system, path: ""}}
---
apiVersion: v1
kind: Service
metadata: {name: istiod-revision-tag-default, namespace: istio-system, labels: {app: istiod, istio.io/tag: default}}
spec: {ports: [{port: 15010}, {port: 443, targetPort: 15017}]}
""")
)
INJECTOR = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector"
VALIDATOR = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/istiod-default-validator"


def yaml_text(objects):
    """The documents as istioctl prints them: JSON is YAML."""
    return "\n---\n".join(map(json.dumps, objects))


@pytest.fixture
def istioctl(monkeypatch):
    """What the program would answer."""
    state = {"program": "/bin/istioctl", "rendered": copy.deepcopy(RENDERED), "asked": []}

    def init(self, _module, program):
        self.program, self.wanted = state["program"], program

    def render(self, operator, client):
        state["asked"].append(operator)
        return yaml_text(state["rendered"])

    monkeypatch.setattr(Istioctl, "__init__", init)
    monkeypatch.setattr(Istioctl, "version", lambda self: "1.31.0")
    monkeypatch.setattr(Istioctl, "render", render)
    monkeypatch.setattr(Istioctl, "revision_tag", lambda self, settings: copy.deepcopy(TAG))
    return state


def run(run_module, **arguments):
    return run_module(istio_operator, wait=False, **arguments)


def changed(result):
    return {one["name"]: one["action"] for one in result["objects"] if one["action"] != "unchanged"}


def test_install_again_and_remove(cluster, run_module, istioctl):
    predicted = run(run_module, check=True)
    assert not cluster.objects
    done = run(run_module)
    assert predicted == done and done["changed"] and done["istioctl_version"] == "1.31.0"
    names = [one["name"] for one in done["objects"]]
    assert names[0] == "istio-system" and names[-1] == "istio-ingressgateway"
    gateway = cluster.objects["/apis/apps/v1/namespaces/istio-system/deployments/istio-ingressgateway"]
    assert gateway["metadata"]["labels"] == {
        "helm.sh/chart": "istio-ingress-1.0.0",
        "operator.istio.io/component": "IngressGateways",
        "operator.istio.io/managed": "Reconcile",
        "operator.istio.io/version": "1.31.0",
        "istio.io/rev": "default",
        "install.operator.istio.io/owning-resource-namespace": "istio-system",
    }
    again = run(run_module)
    assert not again["changed"] and changed(again) == {}
    gone = run(run_module, state="absent")
    assert set(changed(gone).values()) == {"deleted"}
    assert list(cluster.objects) == ["/api/v1/namespaces/istio-system"]
    assert not run(run_module, state="absent")["changed"]


def test_tag_takes_over_from_the_revision_s_webhook(cluster, run_module, istioctl):
    run(run_module)
    assert cluster.objects[INJECTOR]["webhooks"][0]["objectSelector"] == {
        "matchLabels": {"istio.io/deactivated": "never-match"}
    }
    tag = cluster.objects[INJECTOR.replace("istio-sidecar-injector", "istio-revision-tag-default")]
    assert tag["webhooks"][0]["clientConfig"]["service"] == {
        "name": "istiod",
        "namespace": "istio-system",
        "path": "/inject",
    }
    assert tag["metadata"]["labels"][installer.NOT_PRUNED] == "true"
    service = cluster.objects["/api/v1/namespaces/istio-system/services/istiod-revision-tag-default"]
    assert service["spec"]["ports"] == [{"port": 15010, "targetPort": 15010}, {"port": 443, "targetPort": 15017}]
    assert cluster.objects[VALIDATOR]["metadata"]["labels"]["app"] == "istiod"


def test_fields_that_istiod_sets_are_not_differences(cluster, run_module, istioctl):
    run(run_module)

    def by_istiod(one):
        one["webhooks"][0]["failurePolicy"] = "Fail"
        one["webhooks"][0]["clientConfig"]["caBundle"] = "Q0E="

    cluster.edit(VALIDATOR, by_istiod, "pilot-discovery")
    cluster.edit(INJECTOR, lambda one: one["webhooks"][0]["clientConfig"].update(caBundle="Q0E="), "pilot-discovery")
    assert not run(run_module)["changed"]


def test_a_mesh_of_helm_is_refused(cluster, run_module, istioctl):
    run(run_module)
    istiod = cluster.objects["/apis/apps/v1/namespaces/istio-system/deployments/istiod"]
    istiod["metadata"]["labels"]["app"] = "istiod"
    assert not run(run_module, check=True)["changed"]
    istiod["metadata"].setdefault("annotations", {})["meta.helm.sh/release-name"] = "control-plane"
    for check in (True, False):
        refused = run(run_module, check=check)
        assert "belongs to Helm, whose release control-plane has istiod: nothing was changed" in refused["msg"]


def test_drift_is_seen(cluster, run_module, istioctl):
    run(run_module)
    path = "/apis/apps/v1/namespaces/istio-system/deployments/istiod"
    cluster.edit(path, lambda one: one["spec"]["template"]["metadata"]["labels"].update(app="other"))
    assert changed(run(run_module, check=True)) == {"istiod": "updated"}
    assert changed(run(run_module)) == {"istiod": "updated"}
    assert not run(run_module)["changed"]


def test_gateways_wait_for_the_ca(cluster, run_module, istioctl, monkeypatch):
    monkeypatch.setattr(
        "ansible_collections.bare.mesh.plugins.module_utils._k8s.apply.wait_ready", lambda *arguments: None
    )
    order, get = [], cluster.get

    def by_istiod(path):
        if path == INJECTOR and INJECTOR in cluster.objects:
            order.append(sum("ingressgateway" in other for other in cluster.objects))
            if len(order) > 2:
                cluster.objects[INJECTOR]["webhooks"][0]["clientConfig"]["caBundle"] = "Q0E="
        return get(path)

    cluster.get = by_istiod
    monkeypatch.setattr(istio_operator, "CA_PATIENCE", 0.3)
    run_module(istio_operator)
    assert order[:3] == [0, 0, 0]


def test_prune(cluster, run_module, istioctl):
    run(run_module)
    other = copy.deepcopy(cluster.objects["/apis/apps/v1/namespaces/istio-system/deployments/istio-ingressgateway"])
    other["metadata"]["name"] = "of-a-named-operator"
    other["metadata"]["labels"][installer.OWNER] = "another"
    cluster.objects["/apis/apps/v1/namespaces/istio-system/deployments/of-a-named-operator"] = other
    istioctl["rendered"].pop()
    assert changed(run(run_module, check=True)) == {"istio-ingressgateway": "deleted"}
    assert changed(run(run_module)) == {"istio-ingressgateway": "deleted"}
    assert not run(run_module)["changed"]


def test_an_autoscaler_goes_before_the_number_of_pods_is_written(cluster, run_module, istioctl):
    """It would bring its own number back in between."""
    meta = {"name": "istiod", "namespace": "istio-system", "labels": {"helm.sh/chart": "istiod-1.0.0"}}
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": {}}
    istioctl["rendered"].append(scaler)
    run(run_module)
    istioctl["rendered"].remove(scaler)
    (deployment,) = [one for one in istioctl["rendered"] if one["metadata"]["name"] == "istiod"]
    deployment["spec"]["replicas"] = 1
    cluster.requests.clear()
    assert changed(run(run_module)) == {"istiod": "updated"}
    written = [(method, path) for method, path in cluster.requests if method in ("DELETE", "APPLY", "PATCH")]
    assert written[0] == ("DELETE", "/apis/autoscaling/v2/namespaces/istio-system/horizontalpodautoscalers/istiod")
    assert written[1][1].endswith("/deployments/istiod")


def test_two_revisions_share_the_base(cluster, run_module, istioctl):
    run(run_module)
    istiod = cluster.objects["/apis/apps/v1/namespaces/istio-system/deployments/istiod"]
    assert "app" not in istiod["metadata"]["labels"]
    istiod["metadata"]["labels"]["app"] = "istiod"
    istioctl["rendered"] = [one for one in copy.deepcopy(RENDERED) if one["kind"] in ("ServiceAccount", "Deployment")]
    for one in istioctl["rendered"][1:]:
        one["metadata"]["name"] += "-canary"
    assert set(changed(run(run_module, revision="canary"))) == {"istiod-canary", "istio-ingressgateway-canary"}
    assert set(changed(run(run_module, revision="canary", state="absent"))) == {
        "istiod-canary",
        "istio-ingressgateway-canary",
    }
    istiod["metadata"]["labels"].pop("app")
    assert "istio-reader-service-account" in changed(run(run_module, state="absent"))


def test_the_tag_goes_to_another_revision_only_if_asked_for(cluster, run_module, istioctl):
    run(run_module)
    tag = INJECTOR.replace("istio-sidecar-injector", "istio-revision-tag-default")
    istioctl["rendered"] = [copy.deepcopy(RENDERED[2])]
    istioctl["rendered"][0]["metadata"]["name"] += "-canary"
    istioctl["rendered"][0]["webhooks"][0]["clientConfig"]["service"]["name"] = "istiod-canary"
    assert set(changed(run(run_module, revision="canary"))) == {"istio-sidecar-injector-canary"}
    assert cluster.objects[tag]["metadata"]["labels"]["istio.io/rev"] == "default"
    predicted = run(run_module, check=True, revision="canary", default_tag=True)
    done = run(run_module, revision="canary", default_tag=True)
    assert predicted == done
    assert set(changed(done)) == {"istio-revision-tag-default", "istiod-default-validator"}
    for path in (tag, VALIDATOR):
        assert cluster.objects[path]["metadata"]["labels"]["istio.io/rev"] == "canary"
        assert cluster.objects[path]["webhooks"][0]["clientConfig"]["service"]["name"] == "istiod-canary"
    assert not run(run_module, revision="canary", default_tag=True)["changed"]
    # The old revision goes without the tag, which is no longer its own.
    gone = changed(run(run_module, state="absent"))
    assert not set(gone) & {"istio-revision-tag-default", "istiod-default-validator"}
    assert tag in cluster.objects


def test_what_another_task_has_taken_over_is_kept(cluster, run_module, istioctl):
    """In check mode, the gateway is still the old revision's."""
    run(run_module)
    taken = [{"kind": "Deployment", "namespace": "istio-system", "name": "istio-ingressgateway", "action": "updated"}]
    gone = changed(run(run_module, check=True, state="absent", keep=taken))
    assert "istiod" in gone and "istio-ingressgateway" not in gone


def test_the_last_revision_takes_the_base_with_it(cluster, run_module, istioctl):
    """Also if another revision has installed it, whose label it has."""
    run(run_module)
    account = "/api/v1/namespaces/istio-system/serviceaccounts/istio-reader-service-account"
    cluster.objects[account]["metadata"]["labels"]["istio.io/rev"] = "earlier"
    assert "istio-reader-service-account" in changed(run(run_module, state="absent"))
    assert account not in cluster.objects


def test_existing_namespace_is_left_alone(cluster, run_module, istioctl):
    cluster.objects["/api/v1/namespaces/istio-system"] = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "istio-system"},
    }
    assert "istio-system" not in [one["name"] for one in run(run_module)["objects"]]


def test_options_and_file(cluster, run_module, istioctl, tmp_path):
    file = tmp_path / "iop.yml"
    file.write_text(
        "kind: IstioOperator\nmetadata: {name: mine}\n"
        "spec: {profile: demo, meshConfig: {accessLogFile: a, rootNamespace: b}}\n"
    )
    result = run(
        run_module,
        src=str(file),
        spec={"meshConfig": {"accessLogFile": "c"}},
        revision="canary",
        hub="r/x",
        tag="1",
        namespace="mesh",
        profile="minimal",
    )
    assert (result["revision"], result["namespace"]) == ("canary", "mesh")
    assert istioctl["asked"][0]["metadata"] == {"name": "mine"} and istioctl["asked"][0]["spec"] == {
        "profile": "minimal",
        "revision": "canary",
        "hub": "r/x",
        "tag": "1",
        "meshConfig": {"accessLogFile": "c", "rootNamespace": "b"},
        "values": {"global": {"istioNamespace": "mesh"}},
    }
    file.write_text("kind: Other\n")
    assert "exactly one IstioOperator" in run(run_module, src=str(file))["msg"]


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ({"profil": "x"}, "spec.profil: unknown field; did you mean profile?"),
        (
            {"meshConfig": {"accesLogFile": "x"}},
            "spec.meshConfig.accesLogFile: unknown field; did you mean accessLogFile?",
        ),
        ({"components": {"pilot": {"k8s": {"replicaCounts": 2}}}}, "spec.components.pilot.k8s.replicaCounts"),
        ({"components": {"ingressGateways": [{"nam": "x"}]}}, "spec.components.ingressGateways[0].nam"),
        ({"values": {"global": {"proxy": {"log": "x"}}}}, "spec.values.global.proxy.log"),
    ],
)
def test_unknown_fields_are_refused_without_istioctl(cluster, run_module, istioctl, spec, place):
    istioctl["program"] = ""
    for check in (True, False):
        assert place in run(run_module, check=check, spec=spec)["msg"]


def test_without_istioctl_or_cluster(cluster, run_module, istioctl):
    cluster.unreachable.append(Unreachable("nobody"))
    result = run(run_module, check=True)
    assert result["changed"] and "istiod" in changed(result)
    assert run(run_module)["msg"] == "nobody"
    assert not run(run_module, check=True, state="absent")["changed"]
    istioctl["program"] = ""
    plan = run(run_module, check=True, profile="demo")
    assert plan["changed"] and plan["diff"]["after"] == "Istio with the profile demo in the namespace istio-system\n"
    assert run(run_module, check=True, state="rendered")["rendered"] == []


def test_validated_renders_and_returns_no_objects(cluster, run_module, istioctl, monkeypatch):
    rendered = run(run_module, state="rendered")
    del rendered["rendered"]
    validated = run(run_module, state="validated")
    assert validated["istioctl_version"] and {**validated, "invocation": 0} == {**rendered, "invocation": 0}
    assert not cluster.requests

    def refuse(self, iop, client):
        raise Failure("unknown profile")

    monkeypatch.setattr(Istioctl, "render", refuse)
    assert "unknown profile" in run(run_module, state="validated")["msg"]


@pytest.mark.feature("profile-differences")
def test_the_differences_from_another_mesh(cluster, run_module, istioctl, monkeypatch):
    def render(self, operator, client):
        assert client is None
        istioctl["asked"].append(operator)
        objects = copy.deepcopy(RENDERED)
        if operator["spec"]["profile"] == "minimal":
            objects.pop()
            objects[1]["spec"]["template"]["metadata"]["labels"]["app"] = "other"
            objects[0]["metadata"]["labels"]["helm.sh/chart"] = "base-2.0.0"
        return yaml_text(objects)

    monkeypatch.setattr(Istioctl, "render", render)
    settings = {"profile": "demo", "spec": {"meshConfig": {"accessLogFile": "/dev/stdout"}}, "state": "rendered"}
    result = run(run_module, **settings, compare_with={"profile": "minimal"})
    assert not result["changed"] and len(result["rendered"]) == len(RENDERED)
    assert [one["spec"]["profile"] for one in istioctl["asked"]] == ["demo", "minimal"]
    assert all(one["spec"]["meshConfig"] for one in istioctl["asked"])
    found = {f"{one['kind']} {one['name']}": one for one in result["differences"]}
    assert {name: one["action"] for name, one in found.items()} == {
        "Deployment istiod": "updated",
        "Deployment istio-ingressgateway": "created",
    }
    istiod = found["Deployment istiod"]
    assert "app: other" in istiod["before"] and "app: istiod" in istiod["after"]
    assert found["Deployment istio-ingressgateway"]["before"] == ""
    back = run(run_module, **{**settings, "profile": "minimal"}, compare_with={"profile": "demo"})
    assert {one["action"] for one in back["differences"]} == {"updated", "deleted"}
    assert run(run_module, **settings, compare_with={"profile": "demo"})["differences"] == []
    # An empty spec is another spec.
    run(run_module, **settings, compare_with={"spec": {}})
    assert [bool(one["spec"].get("meshConfig")) for one in istioctl["asked"][-2:]] == [True, False]


def test_a_comparison_changes_nothing(cluster, run_module, istioctl):
    result = run(run_module, compare_with={"profile": "demo"})
    assert "compare_with is for state=rendered" in result["msg"] and cluster.writes == 0
    bad = run(run_module, state="rendered", compare_with={"spec": {"meshConfg": {}}})
    assert "meshConfg" in bad["msg"]


def test_rendered(cluster, run_module, istioctl):
    result = run(run_module, state="rendered")
    assert len(result["rendered"]) == len(RENDERED) and not result["changed"] and not cluster.requests


def test_revisions_and_the_tag():
    assert installer.tag_needed({}, tag_exists=True)
    assert installer.tag_needed({"revision": "canary"}, tag_exists=False)
    assert not installer.tag_needed({"revision": "canary"}, tag_exists=True)
    assert not installer.tag_needed({"values": {"global": {"operatorManageWebhooks": True}}}, tag_exists=False)
    settings = installer.tag_settings({"revision": "canary"}, RENDERED[2])
    assert settings["revision"] == "canary" and settings["values.sidecarInjectorWebhook.reinvocationPolicy"] == "Never"
    assert installer.canonical_webhook(RENDERED[:2]) is None


def test_validator_at_a_url():
    made = installer.default_validator({"url": "https://istiod.example.com:15017/inject"}, "istio-system", "")
    assert made["webhooks"][0]["clientConfig"] == {"url": "https://istiod.example.com:15017/validate"}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ('merge inputs: profile "nope" not found: open profiles/nope.yaml', "the profile nope does not exist"),
        ('could not unmarshal: unknown field "foo" in X', "unknown field: spec.a[0].foo; correct"),
        ("invalid hub", "istioctl refuses the IstioOperator spec: invalid hub"),
    ],
)
def test_istioctl_s_refusals_in_words(message, text):
    assert text in explain(message, {"a": [{"foo": 1}]})


class Module:
    """Runs commands as AnsibleModule does."""

    def get_bin_path(self, name):
        return shutil.which(name)

    def run_command(self, words, data, environ_update):
        env = {**os.environ, **environ_update}
        done = subprocess.run(words, input=data, env=env, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr


def test_istioctl_that_does_not_end(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_program, "TIMEOUT", 0.1)
    program = tmp_path / "istioctl"
    program.write_text("#!/bin/sh\nsleep 20\n")
    program.chmod(0o755)
    with pytest.raises(Failure, match="did not end within"):
        Istioctl(Module(), str(program)).version()


def test_running_istioctl(tmp_path):
    program = tmp_path / "istioctl"
    answer = '{"clientVersion": {"version": "1.2.3"}}'
    program.write_text(
        f"#!/bin/sh\nif [ \"$1\" = version ]; then echo '{answer}'; else echo 'Error: bad thing' >&2; exit 1; fi\n"
    )
    program.chmod(0o755)
    real = Istioctl(Module(), str(program))
    assert real.version() == "1.2.3"
    with pytest.raises(Failure, match="bad thing"):
        real.render({"spec": {}}, None)
    with pytest.raises(Failure, match="istioctl is not at /none"):
        Istioctl(Module(), "/none").version()
    program.write_text("#!/bin/sh\necho '{}'\n")
    with pytest.raises(Failure, match="does not print its version"):
        real.version()
