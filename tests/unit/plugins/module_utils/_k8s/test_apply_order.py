# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine: the order in which it writes and deletes, and what it waits for."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

from tests.unit.plugins.module_utils._k8s.objects import CRD_PATH, MAP_PATH, NAMESPACE, WEB_PATH, crd, deployment, one

ROLLED_OUT = {"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}


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
    assert [change.action for change in Engine(None, "me", wait=True).absent([deployment()])] == [
        "absent"
    ] and not waits


def test_without_wait_nothing_but_definitions_is_waited_for(cluster, waits):
    Engine(cluster, "me").present([deployment()])
    Engine(cluster, "me").absent([deployment()])
    assert not waits


def test_the_wait_does_not_read_unchanged_objects_again(cluster, waits):
    Engine(cluster, "me").present([one("ConfigMap", "old", data={"a": "1"})])
    Engine(cluster, "me", wait=True).present([one("ConfigMap", "old", data={"a": "1"}), deployment()])
    ((_which, _names, _timeout, _writes, known),) = waits
    assert list(known) == [("", "ConfigMap", "shop", "old")]
    assert known["", "ConfigMap", "shop", "old"]["data"] == {"a": "1"}


def test_the_wait_reads_the_status(cluster):
    with pytest.raises(Failure, match=r"not ready after 0 s: Deployment shop/web"):
        Engine(cluster, "me", wait=True, timeout=0).present([deployment()])
    cluster.objects[WEB_PATH]["status"] = ROLLED_OUT
    (change,) = Engine(cluster, "me", wait=True, timeout=0).present([deployment()])
    assert change.action == "unchanged"


@pytest.mark.parametrize(("check", "wait"), [(False, True), (True, True), (False, False)])
def test_deletion_is_waited_for(cluster, waits, check, wait):
    Engine(cluster, "me").present([deployment(), one("ConfigMap", "a")])
    Engine(cluster, "me", check=check, wait=wait, timeout=9).absent(
        [deployment(), one("ConfigMap", "a"), one("ConfigMap", "never")]
    )
    assert [entry[:3] for entry in waits] == ([("gone", ["web", "a"], 9)] if wait and not check else [])


def test_a_missing_object_is_not_waited_for(cluster, waits):
    Engine(cluster, "me", wait=True).absent([deployment()])
    assert not waits


def test_an_object_that_is_being_deleted_is_waited_for_before_it_is_created_again(cluster, waits):
    Engine(cluster, "me").present([deployment()])
    going(cluster, WEB_PATH)
    (change,) = Engine(cluster, "me", timeout=5).present([deployment()])
    assert [entry[:4] for entry in waits] == [("gone", ["web"], 5, 1)]
    assert change.action == "created" and change.before is None
    assert "deletionTimestamp" not in cluster.objects[WEB_PATH]["metadata"]


def test_check_mode_does_not_wait_for_an_object_that_is_being_deleted(cluster, waits):
    Engine(cluster, "me").present([deployment()])
    going(cluster, WEB_PATH)
    before = dict(cluster.objects)
    (change,) = Engine(cluster, "me", check=True).present([deployment()])
    assert change.action == "created" and not waits and cluster.objects == before
    assert ("DRYRUN", WEB_PATH) not in cluster.requests


def test_an_object_that_is_being_deleted_is_not_deleted_again(cluster):
    Engine(cluster, "me").present([deployment()])
    going(cluster, WEB_PATH)
    (change,) = Engine(cluster, "me").absent([deployment()])
    assert change.action == "absent" and change.before and ("DELETE", WEB_PATH) not in cluster.requests


@pytest.mark.parametrize("check", [True, False])
def test_objects_of_a_kind_that_is_created_again_are_new(cluster, waits, check):
    thing = one("Thing", "a", api_version="example.com/v1", spec={"size": 1})
    cluster.groups["example.com"] = ["v1"]
    Engine(cluster, "me").present([crd(), thing])
    going(cluster, CRD_PATH)
    requests = len(cluster.requests)
    changes = Engine(cluster, "me", check=check).present([crd(), thing])
    assert [change.action for change in changes] == ["created", "created"]
    assert ("DRYRUN" not in [verb for verb, _path in cluster.requests[requests:]]) is True


def test_a_namespace_that_is_created_again_does_not_affect_others(cluster, waits):
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
