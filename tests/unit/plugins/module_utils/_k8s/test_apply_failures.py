# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine: what it reports when the API server refuses an object or is away."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s import apply
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

from tests.unit.plugins.module_utils._k8s.objects import MAP_PATH, deployment, one


def refuse(cluster, names):
    for name in names:
        cluster.refuse[f"{MAP_PATH}/{name}"] = (400, f"bad {name}")


@pytest.mark.parametrize(("count", "more"), [(20, ""), (21, "; and 1 more"), (23, "; and 3 more")])
def test_a_message_names_at_most_twenty_failures(cluster, count, more):
    names = [f"n{number:02}" for number in range(count)]
    refuse(cluster, names)
    with pytest.raises(Failure) as error:
        Engine(cluster, "me").present([one("ConfigMap", name) for name in names])
    told = "; ".join(f"ConfigMap shop/{name}: bad {name}" for name in names[:20])
    assert str(error.value) == f"{told}{more}. Written: nothing. Not tried: nothing. Fix the cause and run again."
    assert len(error.value.data["refused"]) == count


@pytest.mark.parametrize(("count", "more"), [(10, ""), (11, " and 1 more")])
def test_a_message_names_at_most_ten_written_objects(cluster, count, more):
    names = [f"n{number:02}" for number in range(count)]
    refuse(cluster, ["z"])
    with pytest.raises(Failure) as error:
        Engine(cluster, "me").present([*(one("ConfigMap", name) for name in [*names, "z"]), deployment()])
    told = ", ".join(f"ConfigMap shop/{name}" for name in names[:10])
    assert f"Written: {told}{more}. Not tried: Deployment shop/web." in str(error.value)
    assert error.value.data["written"] == [f"ConfigMap shop/{name}" for name in names]
    assert error.value.data["changed"] is True and "diff" not in error.value.data
    assert error.value.data["refused"] == ["ConfigMap shop/z"] and error.value.data["not_tried"] == [
        "Deployment shop/web"
    ]


def test_a_failure_in_check_mode_does_not_mention_writes(cluster):
    refuse(cluster, ["b"])
    with pytest.raises(Failure) as error:
        Engine(cluster, "me", check=True).present([one("ConfigMap", "a"), one("ConfigMap", "b")])
    assert str(error.value) == "ConfigMap shop/b: bad b"
    assert error.value.data == {"written": [], "refused": ["ConfigMap shop/b"], "not_tried": []}


def test_not_found_counts_as_created_only_in_check_mode(cluster):
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
def test_refusals_have_a_fix(status, message, reason, causes, fix):
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
