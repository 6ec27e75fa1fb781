# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""istio_config: several kinds as one whole, their order, and what is no longer asked for."""

from __future__ import annotations

import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.bare.mesh.plugins.module_utils._istio import config
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Unreachable
from ansible_collections.bare.mesh.plugins.modules import destination_rule, istio_config

RULES = "/apis/networking.istio.io/v1/namespaces/shop/destinationrules/reviews"
ROUTES = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/reviews"


def rule(*subsets, name="reviews"):
    spec = {"host": "reviews", "subsets": [{"name": one, "labels": {"version": one}} for one in subsets]}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


def routes(subset, name="reviews"):
    spec = {"hosts": [name], "http": [{"route": [{"destination": {"host": "reviews", "subset": subset}}]}]}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


def actions(result):
    return {f"{one['kind']} {one['name']}": one["action"] for one in result["objects"]}


@pytest.fixture
def run(cluster, run_module):
    """Run the module: its prediction in check mode, which writes nothing, must be the result."""

    def run(**arguments):
        writes = cluster.writes
        predicted = run_module(istio_config, check=True, **arguments)
        assert cluster.writes == writes
        cluster.requests.clear()
        done = run_module(istio_config, **arguments)
        assert predicted == done
        return done

    return run


def written(cluster):
    return [(verb, path) for verb, path in cluster.requests if verb in ("APPLY", "DELETE")]


def test_subsets_come_before_the_routes(cluster, run):
    result = run(resources=[routes("v1"), rule("v1")])
    assert actions(result) == {"DestinationRule reviews": "created", "VirtualService reviews": "created"}
    assert written(cluster) == [("APPLY", RULES), ("APPLY", ROUTES)]
    assert not run(resources=[routes("v1"), rule("v1")])["changed"]


def test_subsets_go_after_the_routes(cluster, run):
    run(resources=[routes("v1"), rule("v1", "v2")])
    result = run(resources=[routes("v2"), rule("v2")])
    assert result["changed"] and written(cluster) == [("APPLY", RULES), ("APPLY", ROUTES), ("APPLY", RULES)]
    assert [one["name"] for one in cluster.objects[RULES]["spec"]["subsets"]] == ["v2"]


def test_one_subset_for_another(cluster, run, monkeypatch):
    """At no moment does a route lack its subset."""
    run(resources=[routes("v1"), rule("v1")])
    seen, apply = [], cluster.apply

    def look(path, *arguments, **more):
        after = apply(path, *arguments, **more)
        subsets = [one["name"] for one in cluster.objects[RULES]["spec"]["subsets"]]
        used = cluster.objects[ROUTES]["spec"]["http"][0]["route"][0]["destination"]["subset"]
        seen.append((used, subsets))
        return after

    monkeypatch.setattr(cluster, "apply", look)
    result = run(resources=[routes("v2"), rule("v2")])
    assert all(used in subsets for used, subsets in seen)
    assert ("v1", ["v2", "v1"]) in seen and seen[-1] == ("v2", ["v2"])
    (of_rule,) = [one for one in result["diff"] if "DestinationRule" in one["before_header"]]
    assert "v1" in of_rule["before"] and "v2" in of_rule["after"] and "v1" not in of_rule["after"]
    assert actions(result) == {"VirtualService reviews": "updated", "DestinationRule reviews": "updated"}


def test_the_proxies_get_routes_before_subsets_go(cluster, run, monkeypatch):
    """A pause between the two, and only there."""
    monkeypatch.setattr(config.time, "sleep", lambda seconds: cluster.requests.append(("SLEEP", seconds)))

    def order():
        return [verb for verb, _path in cluster.requests if verb in ("APPLY", "DELETE", "SLEEP")]

    run(resources=[routes("v1"), rule("v1", "v2")], owner="shop", settle=5)
    assert order() == ["APPLY", "APPLY"]
    run(resources=[routes("v2"), rule("v2")], owner="shop", settle=5)
    assert order() == ["APPLY", "APPLY", "SLEEP", "APPLY"] and ("SLEEP", 5) in cluster.requests
    run(resources=[routes("v2"), rule("v2", "v3")], owner="shop")
    run(resources=[routes("v2"), rule("v2")], owner="shop")
    assert order() == ["APPLY"], "no route has changed"
    run(resources=[], owner="shop", prune=True)
    assert order() == ["DELETE", "SLEEP", "DELETE"]
    run(resources=[routes("v2"), rule("v2")])
    run(resources=[routes("v2"), rule("v2")], state="absent")
    assert order() == ["DELETE", "SLEEP", "DELETE"]
    run(resources=[routes("v2")])
    run(resources=[routes("v2")], state="absent")
    assert order() == ["DELETE"]


def test_what_a_task_no_longer_asks_for_goes(cluster, run, run_module):
    run_module(destination_rule, name="other", namespace="shop", host="x")
    run(resources=[rule("v1"), routes("v1"), routes("v1", "old")], owner="shop", prune=True)
    path = ROUTES.replace("reviews", "old")
    result = run(resources=[rule("v1"), routes("v1")], owner="shop", prune=True)
    assert actions(result) == {
        "DestinationRule reviews": "unchanged",
        "VirtualService reviews": "unchanged",
        "VirtualService old": "deleted",
    }
    assert "VirtualService shop/old" in str(result["diff"]) and path not in cluster.objects
    assert not run(resources=[rule("v1"), routes("v1")], owner="shop", prune=True)["changed"]
    assert not run(resources=[], owner="another", prune=True)["changed"]
    gone = run(resources=[], owner="shop", prune=True)
    assert set(actions(gone).values()) == {"deleted"} and written(cluster) == [("DELETE", ROUTES), ("DELETE", RULES)]
    assert [one["metadata"]["name"] for one in cluster.objects.values()] == ["other"]


def test_resources_of_others_are_refused_or_named(cluster, run, run_module, monkeypatch):
    told = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda self, warning, **more: told.append(warning))
    run(resources=[rule("v1")], owner="shop")
    run(resources=[routes("v1")])
    for arguments in ({"owner": "mine"}, {}):
        writes = cluster.writes
        for check in (True, False):
            refused = run_module(istio_config, check=check, resources=[rule("v2"), routes("v2")], **arguments)
            assert "DestinationRule shop/reviews belongs to the owner shop" in refused["msg"]
        assert cluster.writes == writes
    told.clear()
    assert run(resources=[routes("v1")], owner="mine")["changed"]
    assert told == ["existed before without an owner, and prune can now remove it: VirtualService shop/reviews"] * 2
    assert not run(resources=[routes("v1")], owner="mine")["changed"] and len(told) == 2


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_namespace_is_the_task_s(cluster, run, empty):
    """And what is in it is not pruned by the next run."""
    one = {**rule("v1"), "metadata": {"name": "reviews", "namespace": empty}}
    for changed in (True, False):
        result = run(resources=[one], namespace="shop", owner="shop", prune=True)
        assert result["changed"] == changed and len(result["objects"]) == 1 and RULES in cluster.objects


def test_a_label_that_somebody_has_copied(cluster, run):
    run(resources=[routes("v1")], owner="shop")
    copied = {**cluster.objects[ROUTES], "metadata": {**cluster.objects[ROUTES]["metadata"], "name": "copy"}}
    copied["metadata"]["managedFields"] = [{"manager": "kubectl", "operation": "Apply", "fieldsV1": {}}]
    cluster.objects[ROUTES.replace("reviews", "copy")] = copied
    assert not run(resources=[routes("v1")], owner="shop", prune=True)["changed"]


def test_without_prune_nothing_goes(run):
    run(resources=[rule("v1"), routes("v1")], owner="shop")
    assert not run(resources=[rule("v1")], owner="shop")["changed"]


def test_absent(cluster, run):
    run(resources=[rule("v1"), routes("v1")])
    assert set(actions(run(resources=[rule("v1"), routes("v1")], state="absent")).values()) == {"deleted"}
    assert written(cluster) == [("DELETE", ROUTES), ("DELETE", RULES)]
    assert not run(resources=[rule("v1"), routes("v1")], state="absent")["changed"]


def test_all_faults_of_all_kinds_before_any_write(cluster, run_module):
    bad = [
        rule("v1"),
        {**routes("v1"), "spec": {"hosts": []}},
        {**rule("v1", name="second"), "apiVersion": "networking.istio.io/v2"},
        {**rule("v1", name="third"), "spec": [1]},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}},
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": {"name": "x"},
            "spec": {"mtl": {}},
        },
    ]
    result = run_module(istio_config, resources=bad)
    assert result["failed"] and cluster.writes == 0
    for words in (
        "VirtualService shop/reviews: spec: has no routes",
        "DestinationRule shop/second: apiVersion: networking.istio.io/v2 is none of networking.istio.io/v1, ",
        "DestinationRule shop/third: spec: must be a mapping",
        "ConfigMap default/x: kind: ConfigMap (v1): this module is for Istio's kinds; write it with bare.mesh.k8s",
        "PeerAuthentication default/x: spec.mtl: unknown field; did you mean mtls?",
    ):
        assert words in result["msg"]


def test_the_server_is_asked_before_the_first_write(cluster, run_module):
    cluster.objects["/api/v1/namespaces/shop"] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    cluster.refuse[ROUTES] = (400, "the webhook does not like it")
    result = run_module(istio_config, resources=[rule("v1"), routes("v1")], validate="server")
    assert "the API server refuses it, so nothing was written" in result["msg"] and "does not like it" in result["msg"]
    assert cluster.writes == 0 and "Written" not in result["msg"]
    partly = run_module(istio_config, resources=[rule("v1"), routes("v1")])
    assert "Written: DestinationRule shop/reviews" in partly["msg"] and cluster.writes == 1


@pytest.mark.feature("analysis")
def test_pods_that_strict_mutual_tls_shuts_out(cluster, run_module):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "old", "namespace": "shop"}}
    cluster.objects["/api/v1/namespaces/shop/pods/old"] = {**pod, "spec": {"containers": [{"name": "web"}]}}
    strict = {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": "shop"},
        "spec": {"mtls": {"mode": "STRICT"}},
    }
    (found,) = run_module(istio_config, resources=[strict])["findings"]
    assert found["rule"] == "strict-mtls-without-sidecar" and "these have none: old" in found["message"]
    assert run_module(istio_config, resources=[strict], fail_on="warning")["failed"]


def test_files(cluster, run, run_module, tmp_path):
    (tmp_path / "a.yml").write_text(yaml.safe_dump_all([rule("v1"), routes("v1")]))
    files = [str(tmp_path / "a.yml"), {"path": "b.j2", "content": yaml.safe_dump(rule("v1", name="b"))}]
    assert len(run(src=files, namespace="shop")["objects"]) == 3
    assert "b.j2 is not valid YAML" in run_module(istio_config, src=[{"path": "b.j2", "content": "{"}])["msg"]
    assert "cannot be read" in run_module(istio_config, src=[str(tmp_path / "none.yml")])["msg"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"owner": "not a label"}, "owner: 'not a label' is not the value of a label"),
        ({"settle": -1}, "settle is -1: give a number of seconds"),
        ({"owner": "a", "prune": True, "state": "absent"}, "prune is for state=present"),
    ],
)
def test_bad_options(run_module, arguments, message):
    assert message in run_module(istio_config, resources=[], **arguments)["msg"]


def test_numbers_from_templates(cluster, run):
    text = routes("v1")
    text["spec"]["http"][0]["route"][0]["weight"] = "100"
    run(resources=[text])
    assert cluster.objects[ROUTES]["spec"]["http"][0]["route"][0]["weight"] == 100


def test_the_password_of_a_proxy_is_not_printed(cluster, run_for_real):
    printed = run_for_real(istio_config, resources=[rule("v1")], proxy="http://user:correct-horse@p:1")
    assert "correct-horse" not in printed and '"changed": true' in printed


@pytest.fixture
def warned(monkeypatch):
    """The warnings that the module has shown."""
    shown = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda self, warning, **more: shown.append(warning))
    return shown


@pytest.mark.feature("analysis")
def test_what_traffic_suffers_from_is_shown(cluster, run, warned):
    (finding,) = run(resources=[rule("v1"), routes("v2")])["findings"]
    assert finding["rule"] == "unknown-subset" and finding["object"] == "VirtualService shop/reviews"
    assert finding["path"] == "spec.http[0].route[0].destination.subset" and "ist0101" in finding["source"]
    line = f"{finding['object']}: {finding['path']}: {finding['message']}. {finding['fix']}"
    assert warned.count(line) == 2, "in check mode too"
    assert run(resources=[rule("v1"), routes("v1")])["findings"] == []


def test_warnings_that_are_errors(cluster, run_module, warned):
    """All of them in one message, before anything is written."""
    bad = routes("v2")
    bad["spec"]["http"].append({"redirect": {"uri": "/"}})
    for check in (True, False):
        result = run_module(istio_config, check=check, resources=[rule("v1"), bad], fail_on="warning")
        assert result["failed"] and cluster.writes == 0 and not warned
        assert [one["rule"] for one in result["findings"]] == ["unknown-subset", "unreachable-match"]
        assert "so nothing was written" in result["msg"]
        assert all(one["message"] in result["msg"] and one["fix"] in result["msg"] for one in result["findings"])
    assert run_module(istio_config, resources=[rule("v1"), routes("v1")], fail_on="warning")["changed"]


def test_live_routes_keep_their_subset(cluster, run, run_module):
    run(resources=[rule("v1", "v2"), routes("v1")])
    result = run_module(istio_config, resources=[rule("v2")], fail_on="warning")
    assert [one["rule"] for one in result["findings"]] == ["shrinking-subset"]
    assert "VirtualService shop/reviews uses" in result["msg"] and cluster.writes == 2


def test_what_is_removed_does_not_count(run, run_module):
    run(resources=[rule("v1", "v2"), routes("v1")], owner="shop")
    assert run(resources=[rule("v2")], owner="shop", prune=True)["findings"] == []


def test_a_service_of_the_cluster_is_known(cluster, run):
    cluster.objects["/api/v1/namespaces/shop/services/details"] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "details", "namespace": "shop"},
    }
    (finding,) = run(resources=[rule("v1"), routes("v1")])["findings"]
    assert finding["rule"] == "unknown-host" and "'reviews'" in finding["message"]


def test_what_may_not_be_listed_is_not_known(cluster, run, monkeypatch):
    def forbid(path, query=None):
        raise ApiError(403, "forbidden")

    monkeypatch.setattr(cluster, "pages", forbid)
    assert run(resources=[routes("v1")], fail_on="warning")["findings"] == []


def test_without_a_cluster_the_manifests_are_judged(cluster, run_module, warned):
    cluster.unreachable.append(Unreachable("no answer"))
    assert run_module(istio_config, check=True, resources=[routes("v1")])["findings"] == []
    (finding,) = run_module(istio_config, check=True, resources=[rule("v1"), routes("v2")])["findings"]
    assert finding["rule"] == "unknown-subset" and any(finding["message"] in line for line in warned)


def test_a_removal_is_not_judged(cluster, run):
    assert "findings" not in run(resources=[rule("v1"), routes("v2")], state="absent", fail_on="warning")
    assert not [path for verb, path in cluster.requests if verb == "LIST"]
