# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine: what it reads, and what it writes in check mode and in a real run."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.change import Change, outcome
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds, UnknownKind
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

from tests.unit.plugins.module_utils._k8s.objects import MAP_PATH, WEB_PATH, deployment, one


def test_check_mode_deletes_nothing_and_asks_for_a_dry_run(cluster):
    Engine(cluster, "me").present([deployment()])
    asked = []
    cluster.delete = lambda path, dry_run=False, propagation="Background": (
        asked.append((path, dry_run, propagation)) or True
    )
    (change,) = Engine(cluster, "me", check=True).absent([deployment()], "Foreground")
    assert asked == [(WEB_PATH, True, "Foreground")]
    assert change.action == "deleted" and change.changed
    Engine(cluster, "me").absent([deployment()])
    assert asked[1:] == [(WEB_PATH, False, "Background")]
    cluster.delete = lambda *arguments: False
    assert Engine(cluster, "me").absent([deployment()])[0].action == "absent"


def test_check_mode_sends_only_dry_runs(cluster):
    Engine(cluster, "me", check=True).present([deployment()])
    assert ("DRYRUN", WEB_PATH) in cluster.requests and ("APPLY", WEB_PATH) not in cluster.requests
    assert not cluster.objects


def test_many_are_listed_few_are_read_one_by_one(cluster):
    Engine(cluster, "me").present([one("ConfigMap", name) for name in "abc"])
    assert ("LIST", MAP_PATH) not in cluster.requests
    cluster.requests.clear()
    engine = Engine(cluster, "me")
    found = engine.read(engine.prepare([one("ConfigMap", name) for name in "abde"]))
    assert cluster.requests == [("LIST", MAP_PATH)]
    assert [name for *_rest, name in found] == ["a", "b"]


def test_objects_after_one_of_an_unknown_kind_are_read(cluster, monkeypatch):
    def unknown(self, api_version, kind):
        raise UnknownKind(f"the cluster serves no kind {kind}")

    monkeypatch.setattr(Kinds, "_discover", unknown)
    Engine(cluster, "me").present([one("ConfigMap", "a")])
    changes = Engine(cluster, "me", check=True).present(
        [one("Thing", "x", api_version="example.com/v1"), one("ConfigMap", "a")]
    )
    assert {change.desired["kind"]: change.action for change in changes} == {
        "Thing": "created",
        "ConfigMap": "unchanged",
    }


def test_names_that_are_given_twice(cluster):
    with pytest.raises(Failure, match=r"ConfigMap shop/a is named more than once. Nothing was written."):
        Engine(cluster, "me").present([one("ConfigMap", "a"), one("ConfigMap", "a")])
    assert not cluster.writes


def test_namespace_by_default(cluster):
    (change,) = Engine(cluster, "me", namespace="here").present([one("ConfigMap", "a", None)])
    assert change.desired["metadata"]["namespace"] == "here"
    (change,) = Engine(cluster, "me").present([one("ConfigMap", "a", None)])
    assert change.desired["metadata"]["namespace"] == "default"


def test_versions_are_checked_before_anything_is_written(cluster):
    with pytest.raises(
        Failure, match=r"Job shop/a: the cluster serves Job in batch/v1, not in batch/v9. Nothing was written."
    ):
        Engine(cluster, "me").present([one("ConfigMap", "a"), one("Job", "a", api_version="batch/v9")])
    with pytest.raises(Failure, match=r"batch/v1, not in batch/v9"):
        Engine(cluster, "me", check=True).present([one("Job", "a", api_version="batch/v9")])
    assert not cluster.writes
    del cluster.groups["security.istio.io"]
    policy = one("AuthorizationPolicy", "a", api_version="security.istio.io/v1")
    with pytest.raises(
        Failure, match=r"the cluster serves no kind AuthorizationPolicy in security.istio.io/v1.*Nothing was written."
    ):
        Engine(cluster, "me").present([policy])
    assert Engine(cluster, "me", check=True).present([policy])[0].action == "created"


def test_adapt_is_called_only_for_live_objects(cluster):
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
    ("action", "changed"),
    [("created", True), ("updated", True), ("deleted", True), ("absent", False), ("unchanged", False)],
)
def test_outcome(action, changed):
    definition = one("ConfigMap", "a", data={"a": "1"})
    change = Change(definition, None, definition, action)
    quiet = {"api_version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "a", "action": action}
    assert outcome([change], False) == {"changed": changed, "objects": [quiet]}
    assert len(outcome([change], True)["diff"]) == changed
