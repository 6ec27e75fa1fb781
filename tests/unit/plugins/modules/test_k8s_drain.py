# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""k8s_drain against an API server in memory that evicts, and may refuse to."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.modules import k8s_drain

NODE = "/api/v1/nodes/n1"


def pod(name, controller="ReplicaSet", **more):
    owners = [{"kind": controller, "name": "owner", "controller": True}] if controller else []
    metadata = {"name": name, "namespace": "ns", "uid": name, "ownerReferences": owners, **more.pop("metadata", {})}
    return {
        "metadata": metadata,
        "spec": {"nodeName": "n1", **more.pop("spec", {})},
        "status": {"phase": "Running", **more},
    }


@pytest.fixture
def node(cluster, monkeypatch):
    """A ready node with pods; evictions take effect at once, unless something else is asked for."""

    class Node:
        stays = False
        refusals = 0
        evictions = 0

        def add(self, *pods):
            for one in pods:
                cluster.objects[f"/api/v1/namespaces/ns/pods/{one['metadata']['name']}"] = one

        def pages(self, path, query=None):
            assert (path, query) == ("/api/v1/pods", {"fieldSelector": "spec.nodeName=n1"})
            return iter([one for where, one in cluster.objects.items() if "/pods/" in where])

        def request(self, method, path, query=None, body=None, content_type=""):
            if method == "PATCH":
                assert (path, content_type) == (NODE, "application/merge-patch+json")
                cluster.objects[NODE]["spec"]["unschedulable"] = body["spec"]["unschedulable"]
                return {}
            assert method == "POST" and path.endswith("/eviction") and body["kind"] == "Eviction"
            self.evictions += 1
            if self.refusals:
                self.refusals -= 1
                raise ApiError(429, "Cannot evict pod as it would violate the pod's disruption budget.")
            if not self.stays and cluster.objects.pop(path.removesuffix("/eviction"), None) is None:
                raise ApiError(404, "not found")
            return {}

    found = Node()
    cluster.objects[NODE] = {
        "metadata": {"name": "n1"},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    cluster.pages, cluster.request = found.pages, found.request
    monkeypatch.setattr(k8s_drain, "Client", lambda params: cluster)
    clock = iter(range(0, 10**6, 10))
    monkeypatch.setattr(k8s_drain.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(k8s_drain.time, "sleep", lambda seconds: None)
    return found


def left(cluster):
    return sorted(path.rpartition("/")[2] for path in cluster.objects if "/pods/" in path)


def test_a_drain_and_its_prediction(run_module, cluster, node):
    node.add(
        pod("a"), pod("b"), pod("daemon", "DaemonSet"),
        pod("static", metadata={"annotations": {k8s_drain.MIRROR: "x"}}),
        pod("done", controller=None, phase="Succeeded"),
    )  # fmt: skip
    predicted = run_module(k8s_drain, check=True, name="n1")
    assert len(left(cluster)) == 5 and not cluster.objects[NODE]["spec"].get("unschedulable")
    done = run_module(k8s_drain, name="n1")
    assert predicted == done and done["changed"] and done["pods"] == ["ns/a", "ns/b"]
    assert done["diff"] == {"before": "unschedulable: false\npod: ns/a\npod: ns/b\n", "after": "unschedulable: true\n"}
    assert left(cluster) == ["daemon", "done", "static"] and cluster.objects[NODE]["spec"]["unschedulable"] is True
    for check in (True, False):
        assert run_module(k8s_drain, check=check, name="n1")["changed"] is False


@pytest.mark.parametrize("check", [True, False])
def test_pods_that_would_be_lost_are_reported_before_any_change(run_module, cluster, node, check):
    node.add(pod("alone", controller=None), pod("cache", spec={"volumes": [{"name": "v", "emptyDir": {}}]}), pod("a"))
    failed = run_module(k8s_drain, check=check, name="n1")
    assert "nothing was changed" in failed["msg"]
    assert "starts these pods again: ns/alone." in failed["msg"] and "emptyDir volumes: ns/cache." in failed["msg"]
    assert len(left(cluster)) == 3 and not cluster.objects[NODE]["spec"].get("unschedulable")
    allowed = {"force": True, "delete_emptydir_data": True}
    done = run_module(k8s_drain, check=check, name="n1", delete_options=allowed)
    assert done["pods"] == ["ns/a", "ns/alone", "ns/cache"]


def test_a_disruption_budget_is_asked_again(run_module, cluster, node):
    node.add(pod("a"))
    node.refusals = 2
    assert run_module(k8s_drain, name="n1")["changed"] and left(cluster) == [] and node.evictions == 3


def test_a_disruption_budget_that_never_allows_it(run_module, cluster, node):
    node.add(pod("a"))
    node.refusals = 10**6
    failed = run_module(k8s_drain, name="n1", delete_options={"wait_timeout": 25})
    assert "not empty after 25 seconds: ns/a: Cannot evict pod" in failed["msg"] and "disable_eviction" in failed["msg"]
    assert failed["changed"] and failed["pods"] == ["ns/a"] and left(cluster) == ["a"]
    done = run_module(k8s_drain, name="n1", delete_options={"disable_eviction": True})
    assert done["pods"] == ["ns/a"] and left(cluster) == []


def test_a_pod_that_does_not_end(run_module, cluster, node):
    node.add(pod("a"))
    node.stays = True
    failed = run_module(k8s_drain, name="n1", delete_options={"wait_timeout": 25})
    assert failed["msg"].endswith("ns/a did not end") and node.evictions == 1


def test_a_node_that_is_down_cannot_report_the_end(run_module, cluster, node):
    node.add(pod("a"))
    node.stays = True
    cluster.objects[NODE]["status"]["conditions"][0]["status"] = "Unknown"
    assert run_module(k8s_drain, name="n1")["changed"] and node.evictions == 1


def test_a_new_pod_of_the_same_name_is_another_one(run_module, cluster, node):
    node.add(pod("a"))

    def replaced(method, path, query=None, body=None, content_type=""):
        if method == "POST":
            node.add(pod("a", metadata={"uid": "new"}))
        return {}

    cluster.request = replaced
    assert run_module(k8s_drain, name="n1")["pods"] == ["ns/a"]


def test_closing_and_opening(run_module, cluster, node):
    node.add(pod("a", controller=None))
    for state, closed in (("cordon", True), ("uncordon", None)):
        assert run_module(k8s_drain, check=True, name="n1", state=state)["changed"]
        done = run_module(k8s_drain, name="n1", state=state)
        assert done["changed"] and done["pods"] == [] and cluster.objects[NODE]["spec"]["unschedulable"] is closed
        assert not run_module(k8s_drain, name="n1", state=state)["changed"]
    assert left(cluster) == ["a"]


def test_a_node_that_the_cluster_does_not_have(run_module, cluster, node):
    done = run_module(k8s_drain, name="gone")
    assert (done["changed"], done["exists"], done["pods"]) == (False, False, [])


def test_refusals_are_messages(run_module, cluster, node):
    node.add(pod("a"))

    def refuse(*arguments, **more):
        raise ApiError(403, "forbidden: no rights")

    cluster.request = refuse
    assert "no rights" in run_module(k8s_drain, name="n1")["msg"]
