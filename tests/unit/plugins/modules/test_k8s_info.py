# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Unreachable
from ansible_collections.bare.mesh.plugins.modules import k8s_info


@pytest.fixture
def pods(cluster):
    for name, ready in (("a", "True"), ("b", "False")):
        cluster.objects[f"/api/v1/namespaces/shop/pods/{name}"] = {
            "metadata": {"name": name, "labels": {"app": name}, "managedFields": [{}]},
            "status": {"ready": ready},
        }
    return cluster


def test_query(pods, run_module):
    result = run_module(k8s_info, kind="Pod", namespace="shop", query="[].metadata.name")
    assert result["result"] == ["a", "b"] and not result["changed"]


@pytest.mark.parametrize("more", [{}, {"until": "length(@) == `2`"}, {"until": "[?c]", "wait_timeout": 0}])
def test_manifests_are_returned_only_where_no_value_is_asked_for(pods, run_module, more):
    resources = run_module(k8s_info, kind="Pod", namespace="shop", **more)["resources"]
    assert [one["metadata"] for one in resources] == [{"name": name, "labels": {"app": name}} for name in ("a", "b")]
    assert "resources" not in run_module(k8s_info, kind="Pod", namespace="shop", query="[].metadata.name", **more)


def test_selectors(pods, run_module):
    result = run_module(k8s_info, kind="Pod", label_selectors=["app=b"], query="length(@)")
    assert result["result"] == 1


def test_until(pods, run_module):
    assert run_module(k8s_info, kind="Pod", namespace="shop", until="length(@) == `2`")["met"] is True
    failed = run_module(k8s_info, kind="Pod", namespace="shop", until="[?status.ready=='no']", wait_timeout=0)
    assert failed["failed"] and "after 0 s the 2 objects of kind Pod" in failed["msg"] and len(failed["resources"]) == 2
    assert run_module(k8s_info, check=True, kind="Pod", namespace="shop", until="[?status.ready=='no']")["met"] is False
    late = {"until": "[?status.ready=='no']", "until_required": False, "wait_timeout": 0, "query": "length(@)"}
    assert run_module(k8s_info, kind="Pod", namespace="shop", **late) == {"changed": False, "met": False, "result": 2}


@pytest.mark.parametrize(
    ("expression", "message"), [("[", "query is not a valid JMESPath"), ("length(`1`)", "query cannot be evaluated")]
)
def test_bad_expressions(pods, run_module, expression, message):
    assert message in run_module(k8s_info, kind="Pod", query=expression)["msg"]


def test_nothing_there(cluster, run_module):
    assert run_module(k8s_info, kind="Pod", name="x")["resources"] == []
    cluster.unreachable.append(Unreachable("nobody"))
    assert run_module(k8s_info, check=True, kind="Pod", until="[0]", query="[0].a") == {
        "changed": False,
        "met": False,
        "result": None,
    }
    assert run_module(k8s_info, kind="Pod")["msg"] == "nobody"


@pytest.mark.parametrize("seconds", [0, -1])
def test_seconds_between_two_reads(pods, run_module, seconds):
    failed = run_module(k8s_info, kind="Pod", namespace="shop", until="[?status.ready=='no']", wait_sleep=seconds)
    assert "give a number of seconds above 0" in failed["msg"]
