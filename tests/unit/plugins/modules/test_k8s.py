# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s.configuration import kubeconfig_path
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Unreachable
from ansible_collections.bare.mesh.plugins.modules import k8s

PATH = "/api/v1/namespaces/shop/configmaps/settings"


def settings(**data):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "shop"},
        "data": data,
    }


CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "foos.example.com"},
    "spec": {"group": "example.com", "names": {"kind": "Foo", "plural": "foos"}, "scope": "Namespaced"},
}


def actions(result):
    return {one["name"]: one["action"] for one in result["objects"]}


def test_twelve_steps(cluster, run_module):
    """Create, again, modify, again, delete, again, each in check mode first."""
    steps = [
        ({"resources": [settings(a="1")]}, "created"),
        ({"resources": [settings(a="1")]}, "unchanged"),
        ({"resources": [settings(a="2")]}, "updated"),
        ({"resources": [settings(a="2")]}, "unchanged"),
        ({"resources": [settings()], "state": "absent"}, "deleted"),
        ({"resources": [settings()], "state": "absent"}, "absent"),
    ]
    for arguments, action in steps:
        before, writes = cluster.objects.get(PATH), cluster.writes
        predicted = run_module(k8s, check=True, **arguments)
        assert cluster.objects.get(PATH) == before and cluster.writes == writes
        done = run_module(k8s, **arguments)
        assert actions(predicted) == actions(done) == {"settings": action}
        assert predicted["changed"] is done["changed"] is (action in ("created", "updated", "deleted"))
        assert predicted["diff"] == done["diff"]
        assert bool(done["diff"]) is done["changed"]


def test_diff_shows_only_what_differs(cluster, run_module):
    run_module(k8s, resources=[settings(a="1", b="1")])
    (diff,) = run_module(k8s, resources=[settings(a="2", b="1")])["diff"]
    assert (diff["before"], diff["after"]) == ("data:\n  a: '1'\n", "data:\n  a: '2'\n")
    assert diff["before_header"] == "ConfigMap shop/settings"


def test_field_that_left_the_definition_is_removed(cluster, run_module):
    run_module(k8s, resources=[settings(a="1", b="1")])
    assert run_module(k8s, resources=[settings(a="1")])["changed"]
    assert cluster.objects[PATH]["data"] == {"a": "1"}


def test_field_of_somebody_else_stays(cluster, run_module):
    run_module(k8s, resources=[settings(a="1")])
    cluster.edit(PATH, lambda one: one["metadata"].setdefault("annotations", {}).update(note="mine"))
    cluster.edit(PATH, lambda one: one["data"].update(theirs="1"))
    assert not run_module(k8s, resources=[settings(a="1")])["changed"]
    assert run_module(k8s, resources=[settings(a="2")])["changed"]
    assert cluster.objects[PATH]["data"] == {"a": "2", "theirs": "1"}


def test_taking_over_fields_is_a_change(cluster, run_module):
    run_module(k8s, resources=[settings(a="1")], field_manager="kubectl")
    result = run_module(k8s, resources=[settings(a="1")])
    assert actions(result) == {"settings": "updated"}
    assert result["diff"][0]["after"] == "fieldManagers:\n- bare-mesh (Apply)\n- kubectl (Apply)\n"


def test_secrets_are_hidden(cluster, run_module):
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "stringData": {"password": "correct horse"},
    }
    result = run_module(k8s, resources=[secret])
    assert "correct" not in str(result["diff"]) and "password: (hidden, after)" in result["diff"][0]["after"]


@pytest.mark.parametrize(
    "definition",
    [
        settings(a="1"),
        [settings(a="1")],
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {a: '1'}\n",
        {"apiVersion": "v1", "kind": "List", "items": [settings(a="1")]},
    ],
)
def test_definition_in_each_form(cluster, run_module, definition):
    assert actions(run_module(k8s, definition=definition)) == {"settings": "created"}
    assert not run_module(k8s, resource_definition=definition)["changed"]
    assert cluster.objects[PATH]["data"] == {"a": "1"}


def test_one_object_by_kind_and_name(cluster, run_module):
    assert actions(run_module(k8s, kind="Namespace", name="shop")) == {"shop": "created"}
    assert not run_module(k8s, kind="Namespace", name="shop")["changed"]
    web = {"api_version": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop"}
    assert actions(run_module(k8s, **web, state="absent")) == {"web": "absent"}
    assert actions(run_module(k8s, kind="Namespace", name="shop", state="absent")) == {"shop": "deleted"}
    assert "name" in run_module(k8s, kind="Namespace")["msg"]


def test_definitions_that_are_not_valid(cluster, run_module):
    assert "definition is not valid YAML, line 2, column 1" in run_module(k8s, definition="a: [pin-4711")["msg"]
    assert "definition, object 1: must be a mapping" in run_module(k8s, definition="text")["msg"]


def test_secrets_in_a_definition_are_hidden(run_for_real, cluster):
    one = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"pin": "4711"}}
    for definition in (
        one,
        [one],
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {pin: '4711'}\n",
        "Secret: [4711",
    ):
        assert "4711" not in run_for_real(k8s, definition=definition)


def test_dependency_order_and_namespace(cluster, run_module, monkeypatch):
    monkeypatch.setattr(
        "ansible_collections.bare.mesh.plugins.module_utils._k8s.apply.wait_ready", lambda *arguments: None
    )
    thing = {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "one"}}
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "namespace": "nonsense"}}
    run_module(
        k8s, resources=[thing, {"apiVersion": "v1", "kind": "List", "items": [settings(), CRD, home]}], namespace="shop"
    )
    applied = [path for verb, path in cluster.requests if verb == "APPLY"]
    assert set(applied[:2]) == {
        "/api/v1/namespaces/shop",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/foos.example.com",
    }
    assert applied[2:] == [PATH, "/apis/example.com/v1/namespaces/shop/foos/one"]


def test_many_of_a_kind_are_listed_once(cluster, run_module):
    many = [{**settings(a="1"), "metadata": {"name": f"n{number}", "namespace": "shop"}} for number in range(20)]
    run_module(k8s, resources=many)
    cluster.requests.clear()
    assert not run_module(k8s, resources=many)["changed"]
    assert cluster.requests == [("LIST", "/api/v1/namespaces/shop/configmaps")]


def test_refusal_names_what_was_written(cluster, run_module):
    cluster.refuse["/apis/apps/v1/namespaces/shop/deployments/web"] = (422, "spec.selector: Required value")
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
    }
    result = run_module(k8s, resources=[scaler, web, settings(a="1")])
    assert result["failed"] and result["written"] == ["ConfigMap shop/settings"]
    assert "Deployment shop/web: spec.selector: Required value" in result["msg"]
    assert result["not_tried"] == ["HorizontalPodAutoscaler shop/web"]


def web(**meta):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", **meta}}


def namespace(name="shop"):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def test_failure_still_returns_what_was_done(cluster, run_module):
    cluster.refuse["/apis/apps/v1/namespaces/shop/deployments/web"] = (422, "spec.selector: Required value")
    result = run_module(k8s, resources=[web(), settings(a="1")])
    assert result["failed"] and result["changed"] and actions(result) == {"settings": "created"}
    predicted = run_module(k8s, resources=[web(), settings(a="2")], check=True)
    assert predicted["failed"] and predicted["written"] == [] and not predicted.get("changed")


def test_wait_that_fails_returns_what_was_written(cluster, run_module):
    result = run_module(k8s, resources=[{**web(), "spec": {"replicas": 1}}], wait=True, wait_timeout=0)
    assert "not ready after 0 s" in result["msg"] and result["changed"] and actions(result) == {"web": "created"}


def test_outage_ends_the_batch_after_the_first_request_that_was_given_up(cluster, run_module, monkeypatch):
    tried = []

    def away(path, *arguments):
        tried.append(path)
        raise Unreachable("the API server does not answer")

    monkeypatch.setattr(cluster, "apply", away)
    many = [{**settings(a="1"), "metadata": {"name": f"n{number}", "namespace": "shop"}} for number in range(200)]
    result = run_module(k8s, resources=many)
    assert len(tried) <= 16
    assert len(result["refused"]) == len(tried) and len(result["not_tried"]) == 200 - len(tried)


def test_objects_of_a_namespace_that_is_created_again_are_new(cluster, run_module, monkeypatch):
    run_module(k8s, resources=[namespace(), settings(a="1")])
    home = cluster.objects["/api/v1/namespaces/shop"]
    home["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    def vanish(client, kinds, objects, *patience):
        cluster.objects.clear()

    monkeypatch.setattr("ansible_collections.bare.mesh.plugins.module_utils._k8s.apply.wait_gone", vanish)
    both = [namespace(), settings(a="1")]
    assert actions(run_module(k8s, resources=both, check=True)) == {"shop": "created", "settings": "created"}
    assert actions(run_module(k8s, resources=both)) == {"shop": "created", "settings": "created"}
    assert PATH in cluster.objects


def test_objects_of_a_kind_that_is_created_again_are_new(cluster, run_module, monkeypatch):
    monkeypatch.setattr(
        "ansible_collections.bare.mesh.plugins.module_utils._k8s.apply.wait_ready", lambda *arguments: None
    )
    both = [CRD, {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "one", "namespace": "shop"}}]
    run_module(k8s, resources=both)
    (path,) = [path for path in cluster.objects if path.endswith("foos.example.com")]
    cluster.objects[path]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    monkeypatch.setattr(
        "ansible_collections.bare.mesh.plugins.module_utils._k8s.apply.wait_gone",
        lambda *arguments: cluster.objects.clear(),
    )
    expected = {"foos.example.com": "created", "one": "created"}
    assert actions(run_module(k8s, resources=both, check=True)) == expected
    assert actions(run_module(k8s, resources=both)) == expected and len(cluster.objects) == 2


@pytest.mark.parametrize("check", [False, True])
def test_version_that_is_not_served(cluster, run_module, check):
    scaler = {
        "apiVersion": "autoscaling/v9",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
    }
    result = run_module(k8s, resources=[settings(a="1"), scaler], check=check)
    assert "HorizontalPodAutoscaler shop/web: the cluster serves HorizontalPodAutoscaler in " in result["msg"]
    assert "in autoscaling/v2 and autoscaling/v1, not in autoscaling/v9" in result["msg"]
    assert result["failed"] and cluster.writes == 0


def test_absent_finds_the_object_under_the_version_that_is_served(cluster, run_module):
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
    }
    run_module(k8s, resources=[scaler])
    old = {**scaler, "apiVersion": "autoscaling/v9"}
    for check in (True, False):
        assert actions(run_module(k8s, resources=[old], state="absent", check=check)) == {"web": "deleted"}
    assert not cluster.objects


def test_kind_that_an_earlier_task_will_bring(cluster, run_module):
    del cluster.groups["security.istio.io"]
    policy = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "x", "namespace": "shop"},
    }
    assert actions(run_module(k8s, resources=[policy], check=True)) == {"x": "created"}
    assert "install its CustomResourceDefinition" in run_module(k8s, resources=[policy])["msg"]


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (
            (403, 'configmaps "x" is forbidden: exceeded quota: q', "Forbidden"),
            "raise the ResourceQuota of the namespace shop",
        ),
        (
            (403, "unable to create in namespace shop because it is being terminated", "Forbidden"),
            "is being deleted; run again",
        ),
        ((403, "no", "Forbidden", ("NamespaceTerminating",)), "is being deleted; run again"),
        (
            (403, 'configmaps is forbidden: User "me" cannot patch resource "configmaps"', "Forbidden"),
            "the credentials lack this right",
        ),
        ((403, 'pods "x" is forbidden: violates PodSecurity "restricted"', "Forbidden"), "violates PodSecurity"),
    ],
)
def test_refusals_by_cause(cluster, run_module, error, fix):
    cluster.refuse[PATH] = error
    message = run_module(k8s, resources=[settings(a="1")])["msg"]
    assert fix in message
    assert ("lack this right" in message) is ("cannot patch" in message)


def secret(**content):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, **content}


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: {"apiVersion": "v1", "kind": "List", "items": [one]}])
def test_secrets_of_any_length_are_hidden(run_for_real, cluster, wrap):
    contents = (
        {"stringData": {"pin": "4711"}},
        {"data": {"pin": "NDcxMQ=="}},
        {"data": {"pin": 4711}},
        {"data": ["4711", "NDcxMQ=="]},
    )
    for content in contents:
        output = run_for_real(k8s, resources=[wrap(secret(**content))])
        assert "4711" not in output and "NDcxMQ==" not in output, output
        assert "pin" in output or "must be a mapping" in output


def test_secrets_are_hidden_where_ansible_finds_an_argument_wrong(run_for_real, cluster):
    output = run_for_real(
        k8s,
        resources=[secret(stringData={"password": "correct horse"})],
        proxy="http://user:battery-staple@p:1",
        wait_timeout="soon",
    )
    assert "wait_timeout" in output and "correct horse" not in output and "battery-staple" not in output


def test_values_of_secrets_are_hidden_in_messages(run_for_real, cluster):
    cluster.refuse["/api/v1/namespaces/default/secrets/s"] = (422, "cannot take Y29ycmVjdCBob3JzZQ== nor correct horse")
    output = run_for_real(k8s, resources=[secret(stringData={"password": "correct horse"})])
    assert "correct horse" not in output and "Y29ycmVjdCBob3JzZQ==" not in output and "cannot take" in output


def test_arguments_stay_out_of_the_system_log(run_for_real, cluster, monkeypatch):
    logged = []
    monkeypatch.setattr("ansible.module_utils.basic.AnsibleModule.log", lambda self, text, **more: logged.append(text))
    run_for_real(
        k8s, resources=[secret(stringData={"pin": "4711"})], api_key="a-secret-token", proxy="http://me:pass%40word@p:1"
    )
    assert "4711" not in str(logged) and "a-secret-token" not in str(logged)


def test_credentials_of_the_connection_are_hidden(run_for_real, cluster):
    output = run_for_real(k8s, resources=[settings()], api_key="a-secret-token", proxy="http://me:pass%40word@p:1")
    assert "proxy" in output
    for secret_text in ("a-secret-token", "pass%40word", "pass@word"):
        assert secret_text not in output


def test_dates_in_files_are_strings(cluster, run_module, tmp_path):
    file = tmp_path / "shop.yml"
    file.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {day: 2026-01-01}\n"
    )
    run_module(k8s, src=[str(file)])
    assert cluster.objects[PATH]["data"] == {"day": "2026-01-01"}
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\nbinaryData: {a: !!binary aGk=}\n")
    assert "ConfigMap settings has a value that JSON does not support" in run_module(k8s, src=[str(file)])["msg"]


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ([{"kind": "ConfigMap", "metadata": {"name": "x"}}], "resources, object 1: apiVersion missing"),
        ([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}], "metadata.name missing"),
        (
            [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": ["x"]}],
            "Secret s: data must be a mapping",
        ),
        (
            [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": 12345678}}],
            "Secret s: data.k must be a string",
        ),
        ([settings(), settings()], "ConfigMap shop/settings is named more than once"),
    ],
)
def test_bad_input(cluster, run_module, resources, message):
    result = run_module(k8s, resources=resources)
    assert result["failed"] and message in result["msg"]
    assert cluster.writes == 0


def test_namespace_missing(cluster, run_module):
    cluster.refuse[PATH] = (404, 'namespaces "shop" not found')
    assert "create the namespace shop first" in run_module(k8s, resources=[settings()])["msg"]
    assert actions(run_module(k8s, resources=[settings()], check=True)) == {"settings": "created"}


def test_without_cluster(cluster, run_module):
    cluster.unreachable.append(Unreachable("the kubeconfig /none does not exist"))
    assert "does not exist" in run_module(k8s, resources=[settings()])["msg"]
    assert actions(run_module(k8s, resources=[settings()], check=True)) == {"settings": "created"}
    assert not run_module(k8s, resources=[settings()], state="absent", check=True)["changed"]


def test_unknown_kind(cluster, run_module, monkeypatch):
    from ansible_collections.bare.mesh.plugins.module_utils._k8s import discovery

    def unknown(self, api_version, kind):
        raise discovery.UnknownKind(f"the cluster serves no kind {kind}")

    monkeypatch.setattr(discovery.Kinds, "_discover", unknown)
    thing = {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "one"}}
    assert "serves no kind Foo" in run_module(k8s, resources=[thing])["msg"]
    assert actions(run_module(k8s, resources=[thing], check=True)) == {"one": "created"}
    assert run_module(k8s, resources=[thing], state="absent")["objects"] == []


def test_from_file(cluster, run_module, tmp_path):
    file = tmp_path / "shop.yml"
    file.write_text(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {a: '1'}\n---\n"
    )
    assert actions(run_module(k8s, src=[str(file)])) == {"settings": "created"}
    file.write_text("a: [")
    assert "not valid YAML" in run_module(k8s, src=[str(file)])["msg"]
    assert "cannot be read" in run_module(k8s, src=[str(tmp_path / "none")])["msg"]


def test_object_that_is_being_deleted_is_waited_for(cluster, run_module):
    run_module(k8s, resources=[settings(a="1")])
    cluster.objects[PATH]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not run_module(k8s, resources=[settings()], state="absent")["changed"]
    assert actions(run_module(k8s, resources=[settings(a="1")], check=True)) == {"settings": "created"}
    assert "still there" in run_module(k8s, resources=[settings(a="1")], wait_timeout=0)["msg"]


def test_kubeconfig_path(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert kubeconfig_path({"kubeconfig": "~/k"}) == "/home/me/k"
    assert kubeconfig_path({}) == "/home/me/.kube/config"
    assert kubeconfig_path({"api_host": "https://a"}) == ""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert kubeconfig_path({}) == ""
