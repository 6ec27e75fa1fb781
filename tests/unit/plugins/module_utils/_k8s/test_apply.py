# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine: what it waits for, in which order it works, and what it says of a failure."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s import apply, ownership, waiter
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Change, Engine, outcome
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure


def one(kind, name, namespace="shop", api_version="v1", **more):
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **more}


def crd(plural="things", kind="Thing"):
    spec = {"group": "example.com", "scope": "Namespaced", "names": {"plural": plural, "kind": kind}}
    return one("CustomResourceDefinition", f"{plural}.example.com", None, "apiextensions.k8s.io/v1", spec=spec)


def deployment(replicas=1):
    return one("Deployment", "web", api_version="apps/v1", spec={"replicas": replicas})


CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com"
WEB_PATH = "/apis/apps/v1/namespaces/shop/deployments/web"
MAP_PATH = "/api/v1/namespaces/shop/configmaps"
NAMESPACE = one("Namespace", "shop", None)
ROLLED_OUT = {"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}


@pytest.fixture
def waits(cluster, monkeypatch):
    """Each wait: which one, for which objects, how long, after how many writes, and what was known."""
    found = []

    def ready(client, kinds, objects, known, timeout):
        found.append(("ready", [item["metadata"]["name"] for item in objects], timeout, client.writes, known))

    def gone(client, kinds, objects, timeout):
        found.append(("gone", [item["metadata"]["name"] for item in objects], timeout, client.writes, None))
        for item in objects:
            client.objects.pop(kinds.path(item), None)

    monkeypatch.setattr(apply, "wait_ready", ready)
    monkeypatch.setattr(apply, "wait_gone", gone)
    return found


def going(cluster, path):
    cluster.objects[path]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"


def test_definitions_are_waited_for_before_what_they_define(cluster, waits):
    Engine(cluster, "me", timeout=7).present([one("Thing", "a", api_version="example.com/v1"), crd()])
    assert [entry[:4] for entry in waits] == [("ready", ["things.example.com"], 7, 1)]
    assert cluster.writes == 2


def test_definitions_that_are_there_are_not_waited_for(cluster, waits):
    Engine(cluster, "me").present([crd()])
    waits.clear()
    Engine(cluster, "me").present([crd()])
    assert not waits


@pytest.mark.parametrize("check", [True, False])
def test_only_the_real_run_waits(cluster, waits, check):
    Engine(cluster, "me", check=check, wait=True, timeout=9).present([deployment(), crd()])
    expected = [("ready", ["things.example.com"], 9, 1), ("ready", ["web", "things.example.com"], 9, 2)]
    assert [entry[:4] for entry in waits] == ([] if check else expected)


def test_without_a_cluster_nothing_is_waited_for(waits):
    changes = Engine(None, "me", wait=True).present([deployment(), crd()])
    assert [change.action for change in changes] == ["created", "created"] and not waits
    assert [change.action for change in Engine(None, "me", wait=True).absent([deployment()])] == ["absent"] and not waits


def test_without_wait_nothing_but_definitions_is_waited_for(cluster, waits):
    Engine(cluster, "me").present([deployment()])
    Engine(cluster, "me").absent([deployment()])
    assert not waits


def test_what_was_read_is_not_read_again_by_the_wait(cluster, waits):
    Engine(cluster, "me").present([one("ConfigMap", "old", data={"a": "1"})])
    Engine(cluster, "me", wait=True).present([one("ConfigMap", "old", data={"a": "1"}), deployment()])
    ((_which, _names, _timeout, _writes, known),) = waits
    assert list(known) == [("", "ConfigMap", "shop", "old")]
    assert known["", "ConfigMap", "shop", "old"]["data"] == {"a": "1"}


def test_wait_is_a_real_one(cluster):
    with pytest.raises(Failure, match=r"not ready after 0 s: Deployment shop/web"):
        Engine(cluster, "me", wait=True, timeout=0).present([deployment()])
    cluster.objects[WEB_PATH]["status"] = ROLLED_OUT
    (change,) = Engine(cluster, "me", wait=True, timeout=0).present([deployment()])
    assert change.action == "unchanged"


@pytest.mark.parametrize(("check", "wait"), [(False, True), (True, True), (False, False)])
def test_deletion_is_waited_for(cluster, waits, check, wait):
    Engine(cluster, "me").present([deployment(), one("ConfigMap", "a")])
    Engine(cluster, "me", check=check, wait=wait, timeout=9).absent([deployment(), one("ConfigMap", "a"), one("ConfigMap", "never")])
    assert [entry[:3] for entry in waits] == ([("gone", ["web", "a"], 9)] if wait and not check else [])


def test_what_is_not_there_is_not_waited_for(cluster, waits):
    Engine(cluster, "me", wait=True).absent([deployment()])
    assert not waits


def test_an_object_that_is_going_is_waited_for_before_it_is_made_anew(cluster, waits):
    Engine(cluster, "me").present([deployment()])
    going(cluster, WEB_PATH)
    (change,) = Engine(cluster, "me", timeout=5).present([deployment()])
    assert [entry[:4] for entry in waits] == [("gone", ["web"], 5, 1)]
    assert change.action == "created" and change.before is None
    assert "deletionTimestamp" not in cluster.objects[WEB_PATH]["metadata"]


def test_check_mode_does_not_wait_for_what_is_going(cluster, waits):
    Engine(cluster, "me").present([deployment()])
    going(cluster, WEB_PATH)
    before = dict(cluster.objects)
    (change,) = Engine(cluster, "me", check=True).present([deployment()])
    assert change.action == "created" and not waits and cluster.objects == before
    assert ("DRYRUN", WEB_PATH) not in cluster.requests


def test_what_is_going_is_not_deleted_again(cluster):
    Engine(cluster, "me").present([deployment()])
    going(cluster, WEB_PATH)
    (change,) = Engine(cluster, "me").absent([deployment()])
    assert change.action == "absent" and change.before and ("DELETE", WEB_PATH) not in cluster.requests


@pytest.mark.parametrize("check", [True, False])
def test_what_lived_in_a_definition_that_is_made_anew_is_new(cluster, waits, check):
    thing = one("Thing", "a", api_version="example.com/v1", spec={"size": 1})
    cluster.groups["example.com"] = ["v1"]
    Engine(cluster, "me").present([crd(), thing])
    going(cluster, CRD_PATH)
    requests = len(cluster.requests)
    changes = Engine(cluster, "me", check=check).present([crd(), thing])
    assert [change.action for change in changes] == ["created", "created"]
    assert ("DRYRUN" not in [verb for verb, _path in cluster.requests[requests:]]) is True


def test_a_namespace_made_anew_leaves_others_alone(cluster, waits):
    other = one("ConfigMap", "a", "other", data={"a": "1"})
    objects = [NAMESPACE, one("ConfigMap", "a", data={"a": "1"}), other]
    Engine(cluster, "me").present(objects)
    going(cluster, "/api/v1/namespaces/shop")
    changes = Engine(cluster, "me", check=True).present(objects)
    assert [change.action for change in changes] == ["created", "created", "unchanged"]


def test_deletion_is_in_the_reverse_order_of_creation(cluster):
    objects = [deployment(), one("ConfigMap", "a"), NAMESPACE]
    Engine(cluster, "me").present(objects)
    written = [path for verb, path in cluster.requests if verb == "APPLY"]
    assert written == ["/api/v1/namespaces/shop", f"{MAP_PATH}/a", WEB_PATH]
    changes = Engine(cluster, "me").absent(objects)
    assert [path for verb, path in cluster.requests if verb == "DELETE"] == written[::-1]
    assert [change.action for change in changes] == ["deleted"] * 3 and not cluster.objects


def test_check_mode_deletes_nothing_and_asks_for_a_dry_run(cluster):
    Engine(cluster, "me").present([deployment()])
    asked = []
    cluster.delete = lambda path, dry_run=False, propagation="Background": asked.append((path, dry_run, propagation)) or True
    (change,) = Engine(cluster, "me", check=True).absent([deployment()], "Foreground")
    assert asked == [(WEB_PATH, True, "Foreground")]
    assert change.action == "deleted" and change.changed
    Engine(cluster, "me").absent([deployment()])
    assert asked[1:] == [(WEB_PATH, False, "Background")]
    cluster.delete = lambda *arguments: False
    assert Engine(cluster, "me").absent([deployment()])[0].action == "absent"


def test_check_mode_asks_for_dry_runs_alone(cluster):
    Engine(cluster, "me", check=True).present([deployment()])
    assert ("DRYRUN", WEB_PATH) in cluster.requests and ("APPLY", WEB_PATH) not in cluster.requests and not cluster.objects


def test_many_are_listed_few_are_read_one_by_one(cluster):
    Engine(cluster, "me").present([one("ConfigMap", name) for name in "abc"])
    assert ("LIST", MAP_PATH) not in cluster.requests
    cluster.requests.clear()
    engine = Engine(cluster, "me")
    found = engine.read(engine.prepare([one("ConfigMap", name) for name in "abde"]))
    assert cluster.requests == [("LIST", MAP_PATH)]
    assert [name for *_rest, name in found] == ["a", "b"]


def test_names_that_are_given_twice(cluster):
    with pytest.raises(Failure, match=r"ConfigMap shop/a is named more than once. Nothing was written."):
        Engine(cluster, "me").present([one("ConfigMap", "a"), one("ConfigMap", "a")])
    assert not cluster.writes


def test_namespace_by_default(cluster):
    (change,) = Engine(cluster, "me", namespace="here").present([one("ConfigMap", "a", None)])
    assert change.desired["metadata"]["namespace"] == "here"
    (change,) = Engine(cluster, "me").present([one("ConfigMap", "a", None)])
    assert change.desired["metadata"]["namespace"] == "default"


def refuse(cluster, names):
    for name in names:
        cluster.refuse[f"{MAP_PATH}/{name}"] = (400, f"bad {name}")


@pytest.mark.parametrize(("count", "more"), [(20, ""), (21, "; and 1 more"), (23, "; and 3 more")])
def test_of_many_failures_twenty_are_told(cluster, count, more):
    names = [f"n{number:02}" for number in range(count)]
    refuse(cluster, names)
    with pytest.raises(Failure) as error:
        Engine(cluster, "me").present([one("ConfigMap", name) for name in names])
    told = "; ".join(f"ConfigMap shop/{name}: bad {name}" for name in names[:20])
    assert str(error.value) == f"{told}{more}. Written: nothing. Not tried: nothing. Run again when the cause is gone."
    assert len(error.value.data["refused"]) == count


@pytest.mark.parametrize(("count", "more"), [(10, ""), (11, " and 1 more")])
def test_of_what_was_written_ten_are_told(cluster, count, more):
    names = [f"n{number:02}" for number in range(count)]
    refuse(cluster, ["z"])
    with pytest.raises(Failure) as error:
        Engine(cluster, "me").present([*(one("ConfigMap", name) for name in [*names, "z"]), deployment()])
    told = ", ".join(f"ConfigMap shop/{name}" for name in names[:10])
    assert f"Written: {told}{more}. Not tried: Deployment shop/web." in str(error.value)
    assert error.value.data["written"] == [f"ConfigMap shop/{name}" for name in names]
    assert error.value.data["changed"] is True and "diff" not in error.value.data
    assert error.value.data["refused"] == ["ConfigMap shop/z"] and error.value.data["not_tried"] == ["Deployment shop/web"]


def test_a_failure_in_check_mode_speaks_of_no_writes(cluster):
    refuse(cluster, ["b"])
    with pytest.raises(Failure) as error:
        Engine(cluster, "me", check=True).present([one("ConfigMap", "a"), one("ConfigMap", "b")])
    assert str(error.value) == "ConfigMap shop/b: bad b"
    assert error.value.data == {"written": [], "refused": ["ConfigMap shop/b"], "not_tried": []}


def test_not_found_is_a_forecast_in_check_mode_alone(cluster):
    cluster.refuse[f"{MAP_PATH}/a"] = (404, 'namespaces "shop" not found')
    assert Engine(cluster, "me", check=True).present([one("ConfigMap", "a")])[0].action == "created"
    with pytest.raises(Failure, match=r"create the namespace shop first"):
        Engine(cluster, "me").present([one("ConfigMap", "a")])
    cluster.refuse.clear()
    Engine(cluster, "me").present([one("ConfigMap", "a")])
    cluster.refuse[f"{MAP_PATH}/a"] = (404, "gone meanwhile")
    with pytest.raises(Failure, match=r"gone meanwhile"):
        Engine(cluster, "me", check=True).present([one("ConfigMap", "a", data={"a": "1"})])


@pytest.mark.parametrize(
    ("status", "message", "reason", "causes", "fix"),
    [
        (404, 'namespaces "shop" not found', "", (), "create the namespace shop first"),
        (404, "the server could not find it", "", (), "the cluster serves no kind ConfigMap in v1"),
        (403, "forbidden", "", ("NamespaceTerminating",), "the namespace shop is being deleted"),
        (403, "refused because it is being terminated", "", (), "the namespace shop is being deleted"),
        (403, "exceeded quota: q", "", (), "raise the ResourceQuota of the namespace shop"),
        (403, 'User "x" cannot patch', "", (), "the credentials lack this right"),
        (403, 'User "x" is odd', "", (), ""),
        (403, "it cannot be", "", (), ""),
        (400, "exceeded quota", "", (), ""),
        (400, "because it is being terminated", "", (), ""),
        (400, 'User "x" cannot patch', "", (), ""),
    ],
)
def test_refusals_say_what_to_do(status, message, reason, causes, fix):
    error = ApiError(status, message, reason, causes)
    error.given_up = True
    explained = apply._explained(error, one("ConfigMap", "a"))
    assert str(explained).startswith(f"{message}: {fix}") if fix else explained is error
    assert explained.given_up is True


def test_an_outage_ends_the_batch(cluster):
    asked = []

    def apply(path, *_more):
        asked.append(path)
        error = ApiError(503, "away")
        error.given_up = True
        raise error

    cluster.apply = apply
    names = [f"n{number:02}" for number in range(60)]
    with pytest.raises(Failure) as error:
        Engine(cluster, "me").present([one("ConfigMap", name) for name in names])
    assert len(asked) < 60 and len(error.value.data["not_tried"]) == 60 - len(asked)


def test_versions_are_checked_before_anything_is_written(cluster):
    with pytest.raises(Failure, match=r"Job shop/a: the cluster serves no Job in batch/v9, but in batch/v1. Nothing was written."):
        Engine(cluster, "me").present([one("ConfigMap", "a"), one("Job", "a", api_version="batch/v9")])
    with pytest.raises(Failure, match=r"batch/v9, but in batch/v1"):
        Engine(cluster, "me", check=True).present([one("Job", "a", api_version="batch/v9")])
    assert not cluster.writes
    del cluster.groups["security.istio.io"]
    policy = one("AuthorizationPolicy", "a", api_version="security.istio.io/v1")
    with pytest.raises(Failure, match=r"the cluster serves no kind AuthorizationPolicy in security.istio.io/v1.*Nothing was written."):
        Engine(cluster, "me").present([policy])
    assert Engine(cluster, "me", check=True).present([policy])[0].action == "created"


def test_adapt_sees_the_live_object_alone(cluster):
    def adapt(desired, live):
        assert live["data"] == {"a": "1"}
        return {**desired, "data": live["data"]}

    assert Engine(cluster, "me", adapt=adapt).present([one("ConfigMap", "a", data={"a": "1"})])[0].action == "created"
    assert Engine(cluster, "me", adapt=adapt).present([one("ConfigMap", "a", data={"a": "2"})])[0].action == "unchanged"


def test_adopt(cluster):
    Engine(cluster, "other").present([one("ConfigMap", "a", data={"a": "1"})])
    assert Engine(cluster, "me", adopt=False).present([one("ConfigMap", "a", data={"a": "1"})])[0].action == "unchanged"
    assert Engine(cluster, "me").present([one("ConfigMap", "a", data={"a": "1"})])[0].action == "updated"


@pytest.mark.parametrize(
    ("action", "changed"), [("created", True), ("updated", True), ("deleted", True), ("absent", False), ("unchanged", False)]
)
def test_outcome(action, changed):
    definition = one("ConfigMap", "a", data={"a": "1"})
    change = Change(definition, None, definition, action)
    quiet = {"api_version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "a", "action": action}
    assert outcome([change], False) == {"changed": changed, "objects": [quiet]}
    assert len(outcome([change], True)["diff"]) == changed


def owned_by_me(live, fields):
    entry = {"manager": "me", "operation": "Apply", "fieldsV1": fields}
    return {**live, "metadata": {**live["metadata"], "managedFields": [entry]}}


LEAF = {"f:spec": {"f:a": {"f:b": {}}}}
KEYED = {"f:spec": {"f:containers": {'k:{"name":"x"}': {"f:name": {}}}}}
SET = {"f:metadata": {"f:finalizers": {'v:"x"': {}}}}


@pytest.mark.parametrize(
    ("wanted", "live", "fields", "expected"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, LEAF, True),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, LEAF, False),
        ({"a": {"b": 1}}, {}, LEAF, False),
        ({"a": {"b": 1}}, {"a": [1]}, LEAF, False),
        ({"a": {"b": 1}, "c": None}, {"a": {"b": 1}}, LEAF, True),
        ({"a": {"b": 1}, "c": None}, {"a": {"b": 1}, "c": 2}, LEAF, False),
        ({"a": {"b": 1}, "c": 2}, {"a": {"b": 1}, "c": 2}, LEAF, False),
        ({"a": {}}, {"a": {"b": 1}}, LEAF, False),
        ({"containers": [{"name": "x"}]}, {"containers": [{"name": "x"}]}, KEYED, True),
        ({"containers": ["x"]}, {"containers": [{"name": "x"}]}, KEYED, False),
        ({"containers": [{"name": "y"}]}, {"containers": [{"name": "y"}]}, KEYED, False),
        ({"containers": [{"name": "x"}]}, {"containers": None}, KEYED, False),
        ({"containers": []}, {"containers": [{"name": "x"}]}, KEYED, False),
    ],
)
def test_what_is_in_order(wanted, live, fields, expected):
    live = owned_by_me(one("Deployment", "web", api_version="apps/v1", spec=live), fields)
    assert ownership.in_order(one("Deployment", "web", api_version="apps/v1", spec=wanted), live, "me") is expected


@pytest.mark.parametrize(
    ("wanted", "live", "expected"),
    [(["x"], ["x"], True), (["x"], ["y", "x"], True), (["y"], ["y", "x"], False), (["x"], ["y"], False), ([], ["x"], False)],
)
def test_finalizers_are_a_set(wanted, live, expected):
    definition, there = one("ConfigMap", "a"), one("ConfigMap", "a")
    definition["metadata"]["finalizers"], there["metadata"]["finalizers"] = wanted, live
    assert ownership.in_order(definition, owned_by_me(there, SET), "me") is expected


@pytest.mark.parametrize(
    ("api_version", "built_in"),
    [("v1", True), ("apps/v1", True), ("networking.k8s.io/v1", True), ("networking.istio.io/v1", False), ("example.com/v1", False)],
)
def test_kinds_of_kubernetes_itself(api_version, built_in):
    assert ownership._built_in(api_version) is built_in


def test_the_server_s_defaults_count_for_its_own_kinds_alone():
    path, live = ("sources", "serviceAccountToken"), {"path": "token", "expirationSeconds": 3600}
    assert ownership.equal({"path": "token"}, live, path, True) is True
    assert ownership.equal({"path": "token"}, live, path, False) is False
    assert ownership.equal({"path": "token"}, {**live, "expirationSeconds": 3601}, path, True) is False
    assert ownership.equal({"path": "token"}, live, ("sources",), True) is False


@pytest.mark.parametrize(("one_value", "other", "expected"), [(1, 1.0, True), (1, True, False), (1, "1", False), ([1], [1, 2], False)])
def test_equal_values(one_value, other, expected):
    assert ownership.equal(one_value, other) is expected


def test_a_rollout_without_a_partition_updates_all():
    live = one("StatefulSet", "db", spec={"replicas": 2, "updateStrategy": {"rollingUpdate": {}}})
    live["status"] = {"readyReplicas": 2, "updatedReplicas": 1}
    assert waiter.CHECKS["apps", "StatefulSet"](live) == "2 of 2 replicas ready, 1 updated"


def test_the_last_event_is_told(cluster):
    for name, message, when in (("a", "late", {"eventTime": "2026-01-02"}), ("b", "early", {"lastTimestamp": "2026-01-01"})):
        cluster.objects[f"/api/v1/namespaces/shop/events/{name}"] = {"metadata": {"name": name}, "reason": "R", "message": message, **when}
    assert waiter._details(cluster, one("Job", "a")) == " [event R: late]"
