# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s import waiter
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.waiter import CHECKS, wait_gone, wait_ready

from tests.unit.plugins.module_utils._k8s.objects import one as definition


def live(kind, spec=None, **status):
    return {
        "kind": kind,
        "metadata": {"name": "x", "generation": 2},
        "spec": spec or {},
        "status": {"observedGeneration": 2, **status},
    }


def conditions(**states):
    return [{"type": name, "status": state, "message": "because"} for name, state in states.items()]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (live("Deployment", updatedReplicas=1, replicas=1, availableReplicas=1), ""),
        (live("Deployment", observedGeneration=1), "its controller has not seen"),
        (live("Deployment", {"replicas": 0}), ""),
        (live("Deployment", {"replicas": 2}, updatedReplicas=2, replicas=3, availableReplicas=2), "1 old ones left"),
        (
            live(
                "Deployment",
                conditions=[{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "stuck"}],
            ),
            "0 of 1 replicas available, 0 updated, 0 old ones left (stuck)",
        ),
        (live("DaemonSet", desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=2), ""),
        (
            live("DaemonSet", desiredNumberScheduled=2, updatedNumberScheduled=1, numberAvailable=2),
            "2 of 2 pods available, 1 updated",
        ),
        (live("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, desiredNumberScheduled=2, numberAvailable=2), ""),
        (live("DaemonSet", observedGeneration=1), "its controller"),
        (live("StatefulSet", {"replicas": 2}, readyReplicas=2, updatedReplicas=2), ""),
        (
            live(
                "StatefulSet",
                {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
                readyReplicas=2,
                updatedReplicas=1,
            ),
            "",
        ),
        (live("StatefulSet", {"replicas": 2}, readyReplicas=1), "1 of 2 replicas ready"),
        (live("StatefulSet", observedGeneration=1), "its controller"),
        (live("Job", conditions=conditions(Complete="True")), ""),
        (live("Job"), "not complete"),
        (live("CustomResourceDefinition", conditions=conditions(Established="True", NamesAccepted="True")), ""),
        (
            live("CustomResourceDefinition", conditions=conditions(NamesAccepted="False")),
            "names are not accepted: because",
        ),
        (live("CustomResourceDefinition"), "not established"),
        (live("Namespace", phase="Active"), ""),
        (live("Namespace", phase="Terminating"), "phase Terminating"),
        (live("Node", conditions=conditions(Ready="False")), "not Ready: because"),
        (live("Node", conditions=conditions(Ready="True")), ""),
        (live("Pod", phase="Succeeded"), ""),
        (live("Pod", conditions=conditions(Ready="True")), ""),
        (live("Pod"), "not ready"),
    ],
)
def test_checks(one, reason):
    found = next(check for (_group, kind), check in CHECKS.items() if kind == one["kind"])(one)
    assert reason in found and bool(found) is bool(reason)


def test_failed_job():
    with pytest.raises(Failure, match=r"has failed: because"):
        CHECKS["batch", "Job"](live("Job", conditions=conditions(Failed="True")))


def test_kinds_of_other_groups_are_not_checked(cluster):
    job = {"apiVersion": "example.com/v1", "kind": "Job", "metadata": {"name": "x", "namespace": "shop"}}
    wait_ready(cluster, Kinds(cluster), [job], {}, 0)
    with pytest.raises(Failure, match=r"Job shop/x: not there"):
        wait_ready(cluster, Kinds(cluster), [{**job, "apiVersion": "batch/v1"}], {}, 0)


def deployment():
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    }


def test_timeout_names_the_objects_and_the_reasons(cluster):
    path = "/apis/apps/v1/namespaces/shop/deployments/web"
    cluster.objects[path] = {**deployment(), "status": {}}
    pod = {
        "metadata": {"name": "web-1", "labels": {"app": "web"}},
        "status": {
            "containerStatuses": [
                {"name": "web", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
            ]
        },
    }
    cluster.objects["/api/v1/namespaces/shop/pods/web-1"] = pod
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"name": "web-1"},
        "reason": "Failed",
        "message": "pull refused",
    }
    cluster.objects["/api/v1/namespaces/shop/events/e"] = event
    with pytest.raises(Failure) as error:
        wait_ready(cluster, Kinds(None), [deployment()], {}, 0)
    assert str(error.value) == (
        "not ready after 0 s: Deployment shop/web: 0 of 1 replicas available, 0 updated, 0 old ones left [pod web-1:"
        " web: ImagePullBackOff no such image; event Failed: pull refused]"
    )


def test_ready_after_a_while(cluster):
    path = "/apis/apps/v1/namespaces/shop/deployments/web"
    answers = [
        None,
        {**deployment(), "status": {}},
        {**deployment(), "status": {"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}},
    ]
    cluster.get = lambda asked: answers.pop(0) if asked == path else None
    wait_ready(cluster, Kinds(None), [deployment()], {}, 60)
    assert not answers


def test_gone(cluster):
    path = "/apis/apps/v1/namespaces/shop/deployments/web"
    wait_gone(cluster, Kinds(None), [deployment()], 0)
    cluster.objects[path] = {**deployment(), "metadata": {"name": "web", "finalizers": ["example.com/keep"]}}
    with pytest.raises(Failure, match=r"still there after 0 s: Deployment shop/web .finalizers example.com/keep"):
        wait_gone(cluster, Kinds(None), [deployment()], 0)


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves by sleeping, and the seconds of each sleep."""
    slept = []
    monkeypatch.setattr(waiter.time, "sleep", slept.append)
    monkeypatch.setattr(waiter.time, "monotonic", lambda: 1000 + sum(slept))
    return slept


def pauses(timeout):
    """A fifth of a second, then half as long again each time, two seconds at most, for as long as the time lasts."""
    pause, result = 0.2, []
    while sum(result) + pause <= timeout:
        result.append(pause)
        pause = min(pause * 1.5, 2)
    return result


def test_the_timeout_is_used_up_and_not_exceeded(cluster, clock):
    path = "/apis/apps/v1/namespaces/shop/deployments/web"
    cluster.objects[path] = {**deployment(), "status": {}}
    with pytest.raises(Failure, match=r"not ready after 20 s"):
        wait_ready(cluster, Kinds(cluster), [deployment()], {}, 20)
    assert clock == pytest.approx(pauses(20)) and max(clock) == 2
    clock.clear()
    with pytest.raises(Failure, match=r"still there after 20 s"):
        wait_gone(cluster, Kinds(cluster), [deployment()], 20)
    assert clock == pytest.approx(pauses(20))


def test_empty_statuses_are_not_ready():
    assert "0 of 1 replicas ready, 0 updated" in CHECKS["apps", "StatefulSet"](live("StatefulSet"))
    assert CHECKS["apps", "StatefulSet"](live("StatefulSet", readyReplicas=1)) == "1 of 1 replicas ready, 0 updated"
    assert CHECKS["apps", "StatefulSet"](live("StatefulSet", readyReplicas=1, updatedReplicas=1)) == ""
    assert (
        CHECKS["apps", "DaemonSet"](live("DaemonSet", desiredNumberScheduled=1)) == "0 of 1 pods available, 0 updated"
    )
    assert CHECKS["apps", "DaemonSet"](live("DaemonSet")) == ""
    new = {"metadata": {"generation": 1}, "spec": {}, "status": {}}
    assert "has not seen" in CHECKS["apps", "Deployment"](new)
    assert "has not seen" not in CHECKS["apps", "Deployment"]({"metadata": {}, "spec": {}, "status": {}})


def test_the_reason_why_an_object_still_exists(cluster):
    conditions = [
        {"type": "A", "status": "True", "message": "some pods are left"},
        {"type": "B", "status": "False", "message": "not this"},
        {"type": "C", "status": "True"},
    ]
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "finalizers": ["kubernetes"]}}
    cluster.objects["/api/v1/namespaces/shop"] = {**home, "status": {"conditions": conditions}}
    with pytest.raises(Failure, match=r"Namespace shop \(some pods are left; finalizers kubernetes\)"):
        wait_gone(cluster, Kinds(cluster), [home], 0)


@pytest.mark.parametrize("error", [ApiError(403, "no"), Failure("gone")])
def test_details_are_optional(cluster, monkeypatch, error):
    def refuse(path, query=None):
        raise error

    cluster.objects["/apis/apps/v1/namespaces/shop/deployments/web"] = {**deployment(), "status": {}}
    monkeypatch.setattr(cluster, "pages", refuse)
    with pytest.raises(
        Failure,
        match=r"not ready after 0 s: Deployment shop/web: 0 of 1 replicas available, 0 updated, 0 old ones left$",
    ):
        wait_ready(cluster, Kinds(cluster), [deployment()], {}, 0)


def test_a_rollout_without_a_partition_updates_all():
    spec = {"replicas": 2, "updateStrategy": {"rollingUpdate": {}}}
    database = live("StatefulSet", spec, readyReplicas=2, updatedReplicas=1)
    assert CHECKS["apps", "StatefulSet"](database) == "2 of 2 replicas ready, 1 updated"


PAUSED = {"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused"}


@pytest.mark.parametrize(
    ("wanted", "status", "generation", "reason"),
    [
        (PAUSED, {"conditions": [{**PAUSED, "message": "paused"}]}, 1, ""),
        ({**PAUSED, "reason": None}, {"conditions": [{**PAUSED, "reason": "Other"}]}, 1, ""),
        ({**PAUSED, "reason": ""}, {"conditions": [PAUSED]}, 1, ""),
        (PAUSED, {"conditions": [{**PAUSED, "reason": "Other"}]}, 1, "the condition Progressing is Unknown (Other)"),
        (
            PAUSED,
            {"conditions": [{**PAUSED, "status": "True", "message": "why"}]},
            1,
            "Progressing is True (DeploymentPaused: why)",
        ),
        (PAUSED, {"conditions": [{"type": "Progressing", "status": "False"}]}, 1, "the condition Progressing is False"),
        (PAUSED, {"conditions": None}, 1, "it has no condition Progressing"),
        (PAUSED, None, 1, "it has no condition Progressing"),
        (PAUSED, {"conditions": [{**PAUSED, "type": "Available"}]}, 1, "it has no condition Progressing"),
        (PAUSED, {"observedGeneration": 1, "conditions": [PAUSED]}, 2, "its controller has not seen the change yet"),
        (PAUSED, {"observedGeneration": 2, "conditions": [PAUSED]}, 2, ""),
        (
            PAUSED,
            {"observedGeneration": 2, "conditions": [{**PAUSED, "observedGeneration": 1}]},
            2,
            "its controller has not seen",
        ),
        (PAUSED, {"observedGeneration": 1, "conditions": [{**PAUSED, "observedGeneration": 2}]}, 2, ""),
    ],
)
def test_a_condition(wanted, status, generation, reason):
    found = waiter.has_condition(wanted)({"metadata": {"generation": generation}, "status": status})
    assert reason in found and bool(found) is bool(reason)


def test_a_condition_of_an_object_without_status_or_generation():
    assert waiter.has_condition(PAUSED)({"metadata": {}}) == "it has no condition Progressing"
    live = {"metadata": {}, "status": {"observedGeneration": 0, "conditions": [PAUSED]}}
    assert waiter.has_condition(PAUSED)(live) == ""


def test_a_condition_is_waited_for_in_every_object(cluster):
    settings = definition("ConfigMap", "a")
    wait_ready(cluster, Kinds(cluster), [settings], {}, 0)
    with pytest.raises(
        Failure,
        match=r"not ready after 0 s: ConfigMap shop/a: not there; Deployment shop/web: it has no condition Prog",
    ):
        cluster.objects["/apis/apps/v1/namespaces/shop/deployments/web"] = {**deployment(), "status": {}}
        wait_ready(cluster, Kinds(cluster), [settings, deployment()], {}, 0, None, PAUSED)
    there = {**settings, "status": {"conditions": [PAUSED]}}
    wait_ready(cluster, Kinds(cluster), [settings], {("", "ConfigMap", "shop", "a"): there}, 0, None, PAUSED)


def test_wait_sleep_is_the_pause(cluster, clock):
    cluster.objects["/apis/apps/v1/namespaces/shop/deployments/web"] = {**deployment(), "status": {}}
    with pytest.raises(Failure, match=r"not ready after 20 s"):
        wait_ready(cluster, Kinds(cluster), [deployment()], {}, 20, 5)
    assert clock == [5, 5, 5, 5]
    clock.clear()
    with pytest.raises(Failure, match=r"still there after 20 s"):
        wait_gone(cluster, Kinds(cluster), [deployment()], 20, 6.5)
    assert clock == [6.5, 6.5, 6.5]
