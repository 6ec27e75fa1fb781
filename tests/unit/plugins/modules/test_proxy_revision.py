# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""proxy_revision against an API server in memory, whose workloads replace their pods when their template changes."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.workloads import RESTARTED
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.modules import proxy_revision

APPS = "/apis/apps/v1/namespaces/shop"
PODS = "/api/v1/namespaces/shop/pods"
READY = {
    "observedGeneration": 9,
    **dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas", "readyReplicas", "currentReplicas"), 1),
    **dict.fromkeys(("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable"), 1),
    "currentRevision": "1",
    "updateRevision": "1",
}
PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}


class Shop:
    """A namespace whose new pods get the proxy of the revision `injects`, unless their template names another one."""

    def __init__(self, cluster):
        self.cluster, self.injects, self.refused, self.broken = cluster, "new", False, set()
        self._patch = cluster.patch
        cluster.patch, cluster.request = self.patch, self.request

    def workload(self, name, kind="Deployment", revision="old", labels=None, **spec):
        meta = {"name": name, "namespace": "shop", "resourceVersion": "1", "generation": 1, "managedFields": []}
        self.cluster.objects[f"{APPS}/{PLURALS[kind]}/{name}"] = {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": meta,
            "spec": {"replicas": 1, "template": {"metadata": {"labels": labels or {}}, "spec": {}}, **spec},
            "status": copy.deepcopy(READY),
        }
        self.pod(f"{name}-1", revision, *self._controller(name, kind))

    def _controller(self, name, kind):
        if kind != "Deployment":
            return kind, name
        owner = {"kind": "Deployment", "name": name, "controller": True}
        meta = {"name": f"{name}-5d", "namespace": "shop", "ownerReferences": [owner]}
        self.cluster.objects[f"{APPS}/replicasets/{name}-5d"] = {"metadata": meta}
        return "ReplicaSet", f"{name}-5d"

    def pod(self, name, revision, kind="", owner="", phase="Running"):
        meta = {"name": name, "namespace": "shop", "annotations": {"istio.io/rev": revision} if revision else {}}
        if kind:
            meta["ownerReferences"] = [{"kind": kind, "name": owner, "controller": True}]
        self.cluster.objects[f"{PODS}/{name}"] = {"metadata": meta, "status": {"phase": phase}}

    def revision(self, template):
        return template["metadata"].get("labels", {}).get("istio.io/rev", self.injects)

    def patch(self, path, body, manager, dry_run=False, validation="Strict"):
        live = self._patch(path, body, manager, dry_run, validation)
        name = live["metadata"]["name"]
        pod = self.cluster.objects[f"{PODS}/{name}-1"]
        pod["metadata"]["annotations"] = {"istio.io/rev": self.revision(live["spec"]["template"])}
        if name in self.broken:
            self.cluster.objects[path]["status"]["availableReplicas"] = 0
        return live

    def request(self, method, path, query=None, body=None, content_type=""):
        assert (method, path, query) == ("POST", PODS, {"dryRun": "All"})
        if self.refused:
            raise ApiError(403, "exceeded quota")
        revision = self.revision(body)
        return {"metadata": {"annotations": {"istio.io/rev": revision} if revision else {}}}

    def restarted(self):
        found = [one for one in self.cluster.objects.values() if "template" in one.get("spec", {})]
        marks = {one["metadata"]["name"]: one["spec"]["template"]["metadata"].get("annotations", {}) for one in found}
        return sorted(name for name, one in marks.items() if RESTARTED in one)


@pytest.fixture
def shop(cluster, monkeypatch):
    monkeypatch.setattr(proxy_revision, "connect", lambda module, doing: cluster)
    return Shop(cluster)


def names(result):
    return [one["name"] for one in result["workloads"]]


def test_what_has_another_revision_is_restarted(shop, run_module):
    shop.workload("web")
    shop.workload("db", "StatefulSet")
    shop.workload("agent", "DaemonSet")
    shop.workload("done", revision="new")
    shop.workload("plain", revision="")
    shop.pod("job-1", "old", "Job", "job", phase="Succeeded")
    predicted = run_module(proxy_revision, check=True, revision="new")
    assert shop.restarted() == []
    done = run_module(proxy_revision, revision="new", at_once=2)
    assert shop.restarted() == ["agent", "db", "web"]
    assert done["changed"] and predicted == done
    assert done["workloads"][0] == {"kind": "DaemonSet", "namespace": "shop", "name": "agent", "revisions": ["old"]}
    assert done["diff"]["before"].splitlines()[1] == "Deployment shop/web: old"
    assert done["diff"]["after"].splitlines()[1] == "Deployment shop/web: new"
    again = run_module(proxy_revision, revision="new")
    assert not again["changed"] and names(again) == []


def test_only_some_namespaces(shop, run_module):
    shop.workload("web")
    assert names(run_module(proxy_revision, revision="new", namespaces=["other"])) == []
    assert names(run_module(proxy_revision, revision="new", namespaces=["shop"])) == ["web"]


def test_pods_that_end_do_not_count(shop, run_module, cluster):
    shop.workload("web")
    cluster.objects[f"{PODS}/web-1"]["metadata"]["deletionTimestamp"] = "2026-11-26T12:00:00Z"
    assert not run_module(proxy_revision, revision="new")["changed"]


def test_all_faults_before_the_first_restart(shop, run_module):
    shop.workload("web")
    shop.workload("pinned", labels={"istio.io/rev": "old"})
    shop.workload("outside", labels={"istio.io/rev": ""})
    shop.workload("slow", "DaemonSet", updateStrategy={"type": "OnDelete"})
    shop.workload("stopped", paused=True)
    shop.pod("job-1", "old", "Job", "job")
    failed = run_module(proxy_revision, revision="new")
    assert failed["failed"] and shop.restarted() == []
    for part in (
        "nothing was restarted",
        "Job shop/job has a proxy of the revision old",
        "a new pod of Deployment shop/pinned would have the revision old: change the label istio.io/rev",
        "a new pod of Deployment shop/outside would have no proxy",
        "Deployment shop/stopped is paused, so it replaces no pods: resume it",
        "DaemonSet shop/slow replaces its pods only when somebody deletes them",
    ):
        assert part in failed["msg"]
    assert "shop/web" not in failed["msg"]


def test_check_mode_before_labels_and_tags_are_moved(shop, run_module):
    """Another task gives a gateway its revision; namespaces still name the old one, and that is no fault yet."""
    shop.injects = "old"
    shop.workload("web")
    shop.workload("gateway", labels={"istio.io/rev": "old"})
    predicted = run_module(proxy_revision, check=True, revision="new")
    assert predicted["changed"] and names(predicted) == ["web"]
    assert run_module(proxy_revision, revision="new")["failed"]


def test_a_quota_that_refuses_the_dry_run_is_no_fault(shop, run_module):
    shop.workload("web")
    shop.refused = True
    assert run_module(proxy_revision, revision="new")["changed"] and shop.restarted() == ["web"]


def test_a_restart_that_brings_another_revision(shop, run_module):
    shop.workload("web")
    shop.refused, shop.injects = True, "old"
    failed = run_module(proxy_revision, revision="new")
    assert failed["failed"] and failed["changed"] and "still there: Deployment shop/web" in failed["msg"]


def test_a_workload_that_does_not_become_ready_ends_the_run(shop, run_module, cluster):
    for name in ("a", "b", "c"):
        shop.workload(name)
    shop.broken = {"a"}
    failed = run_module(proxy_revision, revision="new", at_once=2, wait_timeout=0)
    assert failed["failed"] and failed["changed"] and shop.restarted() == ["a", "b"]
    assert "Deployment shop/a" in failed["msg"] and "Not restarted yet: Deployment shop/c" in failed["msg"]
    shop.broken = set()
    cluster.objects[f"{APPS}/deployments/a"]["status"]["availableReplicas"] = 1
    assert names(run_module(proxy_revision, revision="new")) == ["c"]


def test_numbers(shop, run_module):
    assert "at_once is 0" in run_module(proxy_revision, revision="new", at_once=0)["msg"]
