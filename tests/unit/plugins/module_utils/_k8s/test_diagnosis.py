# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Causes: which of them waiting does not remove, and what is said of the others at the end."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s import waiter
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.diagnosis import explain, permanent_cause, pod_trouble
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

PATH = "/apis/apps/v1/namespaces/shop/deployments/web"


def deployment(**status):
    spec = {"selector": {"matchLabels": {"app": "web"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": spec,
        "status": status,
    }


def pod(reason, message="", kind="containerStatuses"):
    state = {"name": "app", "state": {"waiting": {"reason": reason, "message": message}}}
    return {
        "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web"}},
        "status": {kind: [state]},
    }


def event(name, involved, message, **when):
    return {"metadata": {"name": name}, "involvedObject": {"name": involved}, "reason": "R", "message": message, **when}


@pytest.mark.parametrize(
    ("one", "permanent"),
    [
        (pod("InvalidImageName", "couldn't parse image name"), True),
        (pod("CreateContainerConfigError", 'secret "key" not found'), True),
        (pod("ErrImageNeverPull"), True),
        (pod("ImagePullBackOff", 'Back-off pulling image "r/x:1": ErrImagePull: r/x:1: not found'), True),
        (pod("ErrImagePull", "pull access denied"), True),
        (pod("ErrImagePull", "manifest unknown", "initContainerStatuses"), True),
        (pod("ImagePullBackOff", "dial tcp: i/o timeout"), False),
        (pod("ContainerCreating"), False),
        (pod("CrashLoopBackOff", "config not found"), False),
        ({**pod("InvalidImageName"), "status": {"conditions": [{"type": "Ready", "status": "True"}]}}, False),
    ],
)
def test_pods(cluster, one, permanent):
    cluster.objects["/api/v1/namespaces/shop/pods/web-1"] = one
    cause = permanent_cause(cluster, deployment())
    assert bool(cause) is permanent and bool(permanent_cause(cluster, one)) is permanent
    assert not cause or cause.startswith("pod web-1, container app: ")


@pytest.mark.parametrize(
    ("message", "permanent"),
    [
        ('pods "web-1" is forbidden: exceeded quota: q', True),
        ('admission webhook "policy" denied the request: no', True),
        ('failed calling webhook "rev.namespace.sidecar-injector.istio.io": connection refused', False),
    ],
)
def test_pods_that_are_refused(cluster, message, permanent):
    refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    assert permanent_cause(cluster, deployment(conditions=[refused])) == (message if permanent else "")
    assert permanent_cause(cluster, deployment(conditions=[{**refused, "status": "False"}])) == ""


UNREACHABLE = {
    "type": "ReplicaFailure",
    "status": "True",
    "reason": "FailedCreate",
    "message": 'Internal error occurred: failed calling webhook "injector.istio.io": connection refused',
}


def refuses(cluster, monkeypatch, until, clock):
    """Pods are refused because of a webhook, until a moment. Returns the bodies of the attempts."""
    bodies = []

    def request(method, path, query=None, body=None, content_type=""):
        assert (method, path, query) == ("POST", "/api/v1/namespaces/shop/pods", {"dryRun": "All"})
        assert cluster.patience == 0
        bodies.append(body)
        if clock[0] < until:
            raise ApiError(500, UNREACHABLE["message"])
        return body

    monkeypatch.setattr(cluster, "request", request, raising=False)
    monkeypatch.setattr(cluster, "patience", 60, raising=False)
    return bodies


def waiting_deployment():
    template = {"metadata": {"labels": {"app": "web"}, "creationTimestamp": None}, "spec": {"containers": []}}
    one = deployment(conditions=[UNREACHABLE])
    return {**one, "spec": {**one["spec"], "template": template}}


def test_a_webhook_that_cannot_be_called_is_named_within_a_minute(cluster, clock, monkeypatch):
    cluster.objects[PATH] = waiting_deployment()
    bodies = refuses(cluster, monkeypatch, 1000, clock)
    with pytest.raises(Failure, match=r"Deployment shop/web does not become ready.*failed calling webhook"):
        waiter.wait_ready(cluster, Kinds(cluster), [deployment()], {}, 600)
    assert 50 <= clock[0] < 60 and cluster.patience == 60
    assert bodies[0]["metadata"] == {"generateName": "web-", "labels": {"app": "web"}}
    assert bodies[0]["spec"] == {"containers": []}


def test_a_webhook_that_answers_again_ends_no_wait(cluster, clock, monkeypatch):
    """The words of the ReplicaSet are old by then."""
    cluster.objects[PATH] = waiting_deployment()
    refuses(cluster, monkeypatch, 30, clock)
    with pytest.raises(Failure, match="not ready after 300 s"):
        waiter.wait_ready(cluster, Kinds(cluster), [deployment()], {}, 300)


def test_an_object_outside_of_namespaces(cluster):
    node = {"kind": "Node", "metadata": {"name": "n1"}}
    assert permanent_cause(cluster, node) == explain(cluster, node) == ""


@pytest.fixture
def clock(monkeypatch):
    """A clock that only sleeping moves."""
    now = [0.0]
    monkeypatch.setattr(waiter.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(waiter.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def test_a_wait_ends_early_where_it_is_in_vain(cluster, clock):
    cluster.objects[PATH] = deployment()
    cluster.objects["/api/v1/namespaces/shop/pods/web-1"] = pod("ErrImagePull", "r/x:1: not found")
    with pytest.raises(Failure) as failure:
        waiter.wait_ready(cluster, Kinds(cluster), [deployment()], {}, 600)
    cause = "pod web-1, container app: ErrImagePull r/x:1: not found"
    assert str(failure.value) == f"Deployment shop/web does not become ready, and waiting does not change that: {cause}"
    assert failure.value.data["not_ready"] == ["Deployment shop/web"] and 30 <= clock[0] < 45


def test_a_cause_that_goes_in_time_ends_nothing(cluster, clock):
    """A Secret that another task makes a little later."""
    cluster.objects[PATH] = deployment()
    missing = pod("CreateContainerConfigError", "secret not found")
    get = cluster.get

    def later(path):
        # It is missing for 20 seconds, there for 20, and missing again.
        cluster.objects["/api/v1/namespaces/shop/pods/web-1"] = (
            missing if int(clock[0] // 20) % 2 == 0 else pod("ContainerCreating")
        )
        return get(path) if clock[0] < 100 else deployment(updatedReplicas=1, replicas=1, availableReplicas=1)

    cluster.get = later
    waiter.wait_ready(cluster, Kinds(cluster), [deployment()], {}, 600)
    assert clock[0] >= 100


def test_whoever_may_not_read_pods_waits_until_the_end(cluster, clock, monkeypatch):
    cluster.objects[PATH] = deployment()

    def refuse(path, query=None):
        raise ApiError(403, "no")

    monkeypatch.setattr(cluster, "pages", refuse)
    with pytest.raises(Failure, match="not ready after 60 s"):
        waiter.wait_ready(cluster, Kinds(cluster), [deployment()], {}, 60)


def test_the_events_of_the_object_its_replica_sets_and_its_pods(cluster):
    cluster.objects["/api/v1/namespaces/shop/pods/web-1"] = pod("ContainerCreating")
    replicas = {"metadata": {"name": "web-5d", "namespace": "shop", "labels": {"app": "web"}}}
    cluster.objects["/apis/apps/v1/namespaces/shop/replicasets/web-5d"] = replicas
    for number, (involved, message) in enumerate(
        (("web", "of it"), ("web-5d", "of its set"), ("web-1", "of its pod"), ("other", "x"))
    ):
        cluster.objects[f"/api/v1/namespaces/shop/events/{number}"] = event(str(number), involved, message)
    assert explain(cluster, deployment()) == (
        " [pod web-1: app: ContainerCreating; event R: of it; event R: of its pod; event R: of its set]"
    )


def test_the_last_event_is_told(cluster):
    for name, when in (("a", {"eventTime": "2026-01-02"}), ("b", {"lastTimestamp": "2026-01-01"})):
        cluster.objects[f"/api/v1/namespaces/shop/events/{name}"] = event(name, "web", name, **when)
    assert explain(cluster, {**deployment(), "kind": "Job", "spec": {}}) == " [event R: a]"


def test_a_container_that_ended_badly():
    waiting = {
        "name": "app",
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": 2}},
    }
    done = {"name": "init", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    trouble = pod_trouble({"status": {"initContainerStatuses": [done], "containerStatuses": [waiting]}})
    assert trouble == "app: CrashLoopBackOff back-off, last exit code 2"
    unschedulable = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]
    assert pod_trouble({"status": {"conditions": unschedulable}}) == "Unschedulable 0/3 nodes"
