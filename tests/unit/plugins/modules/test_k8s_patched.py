# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module k8s with state: patched."""

from __future__ import annotations

from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Unreachable
from ansible_collections.bare.mesh.plugins.modules import k8s

from tests.unit.plugins.module_utils._k8s.objects import MAP_PATH, actions, settings, web

PATH = f"{MAP_PATH}/settings"


def test_patched_changes_what_is_there_and_leaves_the_rest(cluster, call):
    call(k8s, resources=[settings(a="1", b="1")])
    arguments = {"resources": [settings(a="2"), web()], "state": "patched"}
    for check in (True, False):
        writes = cluster.writes
        result = call(k8s, check=check, **arguments)
        assert result["changed"] is True and actions(result) == {"settings": "updated", "web": "absent"}
        assert "Not patched, because they do not exist: Deployment shop/web'" in str(result["warnings"])
        (diff,) = result["diff"]
        assert (diff["before"], diff["after"]) == ("data:\n  a: '1'\n", "data:\n  a: '2'\n")
        assert cluster.writes == writes + (not check)
    assert cluster.objects[PATH]["data"] == {"a": "2", "b": "1"} and len(cluster.objects) == 1
    for check in (True, False):
        result = call(k8s, check=check, resources=[settings(a="2")], state="patched")
        assert result["changed"] is False and actions(result) == {"settings": "unchanged"} and "warnings" not in result
    assert cluster.writes == 2


def test_patched_leaves_what_is_being_deleted(cluster, run_module):
    run_module(k8s, resources=[settings(a="1")])
    cluster.objects[PATH]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert actions(run_module(k8s, resources=[settings(a="2")], state="patched")) == {"settings": "absent"}
    assert cluster.writes == 1


def test_patch_that_is_refused(cluster, run_module):
    run_module(k8s, resources=[settings(a="1")])
    cluster.refuse[PATH] = (403, 'User "me" cannot patch resource "configmaps"', "Forbidden")
    assert "the credentials lack this right" in run_module(k8s, resources=[settings(a="2")], state="patched")["msg"]
    cluster.refuse[PATH] = (404, "gone since it was read")
    result = run_module(k8s, resources=[settings(a="2")], state="patched")
    assert actions(result) == {"settings": "absent"} and not result["changed"]


def test_patched_needs_a_kind_that_is_served(cluster, run_module):
    del cluster.groups["security.istio.io"]
    policy = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "x", "namespace": "shop"},
    }
    assert "install its CustomResourceDefinition" in run_module(k8s, resources=[policy], state="patched")["msg"]
    assert actions(run_module(k8s, resources=[policy], state="patched", check=True)) == {"x": "absent"}


def test_patched_without_cluster(cluster, call):
    cluster.unreachable.append(Unreachable("the kubeconfig /none does not exist"))
    result = call(k8s, resources=[settings()], state="patched", check=True)
    assert result["changed"] is False and actions(result) == {"settings": "absent"}
    assert "there is nothing to patch" in str(result["warnings"])
    assert "does not exist" in call(k8s, resources=[settings()], state="patched")["msg"]
