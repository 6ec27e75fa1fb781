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


@pytest.mark.parametrize("check", [True, False])
def test_a_single_object_s_failure_is_one_sentence(cluster, check):
    refuse(cluster, ["a"])
    with pytest.raises(Failure) as error:
        Engine(cluster, "me", check=check).present([one("ConfigMap", "a")])
    assert str(error.value) == "ConfigMap shop/a: bad a"
    assert error.value.data["refused"] == ["ConfigMap shop/a"]


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


def test_check_mode_goes_on_without_a_webhook(cluster):
    """The real run may bring its server back before this task."""
    Engine(cluster, "me").present([one("ConfigMap", "there", data={"a": "1"})])
    for name in ("there", "new"):
        cluster.refuse[f"{MAP_PATH}/{name}"] = (
            500,
            'Internal error: failed calling webhook "w.istio.io": no endpoints',
        )
    wanted = [one("ConfigMap", "there", data={"a": "2"}), one("ConfigMap", "new")]
    engine = Engine(cluster, "me", check=True)
    there, new = engine.present(wanted)
    assert (there.action, new.action) == ("updated", "created")
    assert there.after["data"] == {"a": "2"} and there.after["metadata"]["uid"] == there.before["metadata"]["uid"]
    assert "a webhook does not answer, so it was not asked about ConfigMap shop/" in engine.notes[-1]
    with pytest.raises(Failure, match="failed calling webhook"):
        Engine(cluster, "me").present(wanted)


def test_only_one_object_waits_for_a_webhook(cluster):
    wanted = [one("ConfigMap", f"n{number}") for number in range(50)]
    for definition in wanted:
        cluster.refuse[f"{MAP_PATH}/{definition['metadata']['name']}"] = (500, "failed calling webhook")
    engine = Engine(cluster, "me", check=True)
    assert len(engine.present(wanted)) == 50
    assert engine.notes[-1].endswith(" and 40 more")
    assert len([verb for verb, _path in cluster.requests if verb == "DRYRUN"]) <= apply.PARALLEL


def test_a_webhook_that_cannot_judge_stops_the_first_write(cluster):
    cluster.objects["/api/v1/namespaces/shop"] = one("Namespace", "shop", "")
    cluster.refuse[f"{MAP_PATH}/a"] = (500, "failed calling webhook")
    engine = Engine(cluster, "me", ask_first=True)
    with pytest.raises(Failure, match=r"^nothing was written\. a webhook does not answer"):
        engine.present([one("ConfigMap", "a"), one("ConfigMap", "b")])
    assert cluster.writes == 0


def test_a_namespace_that_is_missing_stops_the_first_write(cluster):
    cluster.objects["/api/v1/namespaces/there"] = one("Namespace", "there", "")
    wanted = [one("ConfigMap", "a", "there"), one("ConfigMap", "b", "nowhere")]
    with pytest.raises(Failure, match=r"^nothing was written\. There is no namespace nowhere: create it first"):
        Engine(cluster, "me", ask_first=True).present(wanted)
    assert cluster.writes == 0
    # In the same task it is created first.
    created = Engine(cluster, "me", ask_first=True).present([*wanted, one("Namespace", "nowhere", "")])
    assert [change.action for change in created] == ["created"] * 3
