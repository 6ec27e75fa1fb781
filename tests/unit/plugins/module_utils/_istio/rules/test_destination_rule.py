# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""DestinationRules that Istio 1.29's ValidateDestinationRule or the CRD refuses, and their valid neighbours."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.schema import check
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import destination_rule as rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import destination_rule as schema


def paths(spec):
    structure = list(check(spec, schema.ROOT, schema.DEFINITIONS, "spec"))
    definition = {"metadata": {"name": "x", "namespace": "default"}, "spec": spec}
    return [fault.path for fault in structure or rules.faults(definition)]


def policy(**fields):
    return paths({"host": "a", "trafficPolicy": fields})


def locality(**fields):
    found = policy(loadBalancer={"localityLbSetting": fields})
    return [path.removeprefix("spec.trafficPolicy.loadBalancer.localityLbSetting.") for path in found]


@pytest.mark.parametrize(
    ("host", "valid"), [("10.0.0.1", False), ("::1", False), ("a.1", False), ("1", True), ("a.1.", True), ("1.a", True)]
)
def test_host(host, valid):
    assert paths({"host": host}) == ([] if valid else ["spec.host"])


@pytest.mark.parametrize(
    ("idle", "valid"),
    [("0s", True), ("0.5ms", True), ("10s", True), ("1.5ms", False), ("-1s", False), ("soon", False), ("10", False)],
)
def test_idle_timeout_of_tcp(idle, valid):
    found = policy(connectionPool={"tcp": {"idleTimeout": idle}})
    assert found == ([] if valid else ["spec.trafficPolicy.connectionPool.tcp.idleTimeout"])


@pytest.mark.parametrize(
    ("cookie", "path"),
    [
        ({"name": "a", "ttl": "0s"}, None),
        ({"name": "a", "ttl": "1.5ms"}, None),
        ({"name": "a", "ttl": "soon"}, "ttl"),
        ({"name": "a", "attributes": [{"name": "x"}, {"name": "y"}]}, None),
        ({"name": "a", "attributes": [{"value": "x"}]}, "attributes[0].name"),
        ({"name": "a", "attributes": [{"name": ""}]}, "attributes[0].name"),
        ({"name": "a", "attributes": [{"name": "x"}, {"name": "x"}]}, "attributes[1].name"),
    ],
)
def test_cookie(cookie, path):
    found = policy(loadBalancer={"consistentHash": {"httpCookie": cookie}})
    assert found == ([f"spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.{path}"] if path else [])


@pytest.mark.parametrize("places", ["a|b", "a/b|a/c", "a/b/c|a/b/d", "a/b/*|c", "*", "a*", "a/b/c/d|a/b/c/e"])
def test_localities(places):
    names = places.split("|")
    assert locality(distribute=[{"from": name, "to": {"x": 100}} for name in names]) == []
    assert locality(distribute=[{"from": "x", "to": {name: 100 // len(names) for name in names}}]) == []


@pytest.mark.parametrize(
    "places",
    [
        "*/a",
        "a*b",
        "a/**",
        "",
        "/a",
        "a/",
        "a//b",
        "*|a",
        "a|a",
        "a|a/b",
        "a/b|a",
        "a/*|a/b",
        "a/b|a/b/c",
        "a/b/c|a/b",
        "a/b/*|a/b/c",
        "a/b/c|a/b/c",
    ],
)
def test_localities_that_are_invalid_or_overlap(places):
    names = places.split("|")
    found = locality(distribute=[{"from": name, "to": {"x": 100}} for name in names])
    assert found == [f"distribute[{len(names) - 1}].from"]


def test_localities_of_a_map_overlap_in_any_order():
    assert locality(distribute=[{"from": "x", "to": {"a": 50, "*": 50}}]) == ["distribute[0].to['a']"]
    assert locality(distribute=[{"from": "x", "to": {"*": 50, "a": 50}}]) == ["distribute[0].to['a']"]
    assert locality(distribute=[{"from": "x", "to": {"a": None}}]) == ["distribute[0].to"]


@pytest.mark.parametrize(
    "label", ["topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"]
)
def test_failover_beside_a_topology_label(label):
    regions = [{"from": "a", "to": "b"}]
    assert locality(failover=regions, failoverPriority=["x", label]) == ["failoverPriority[1]"]
    assert locality(failover=regions, failoverPriority=["x"]) == []
    assert locality(failoverPriority=[label]) == []


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"retryBudget": {"percent": 101}}, "retryBudget.percent"),
        ({"retryBudget": None, "portLevelSettings": []}, ""),
        ({"retryBudget": {"percent": -1}}, "retryBudget.percent"),
        ({"retryBudget": {"percent": 100}}, None),
        (
            {"loadBalancer": {"warmup": {"duration": "1s", "minimumPercent": -0.5}}},
            "loadBalancer.warmup.minimumPercent",
        ),
        ({"portLevelSettings": [{"port": {"number": 80}, "tls": {}}] * 4097}, "portLevelSettings"),
        ({"loadBalancer": {"consistentHash": {"httpHeaderName": "a", "minimumRingSize": 2**40}}}, None),
        (
            {"loadBalancer": {"consistentHash": {"httpHeaderName": "a", "minimumRingSize": -1}}},
            "loadBalancer.consistentHash.minimumRingSize",
        ),
        ({"loadBalancer": {"consistentHash": {"httpHeaderName": "a", "maglev": {"tableSize": 1}}}}, None),
        ({"outlierDetection": {"interval": "1.5ms"}}, "outlierDetection.interval"),
        ({"connectionPool": {"tcp": {"connectTimeout": "1000.5us"}}}, "connectionPool.tcp.connectTimeout"),
    ],
)
def test_bounds_and_durations(fields, path):
    assert policy(**fields) == ([] if path is None else [f"spec.trafficPolicy.{path}".rstrip(".")])


@pytest.mark.parametrize(
    ("labels", "path"),
    [
        ({"a": "b" * 63}, None),
        ({"a": "b" * 64}, "['a']"),
        ({str(number): "a" for number in range(4097)}, ""),
        ({"*": "a"}, "['*']"),
    ],
)
def test_workload_selector(labels, path):
    found = paths({"host": "a", "workloadSelector": {"matchLabels": labels}})
    assert found == ([] if path is None else [f"spec.workloadSelector.matchLabels{path}"])


@pytest.mark.parametrize(
    ("labels", "path"),
    [
        ({"a": "b" * 64}, None),
        ({"example.1/a": "b"}, None),
        ({"A.b/c": "d"}, None),
        ({"/a": "b"}, "['/a']"),
        ({"a/": "b"}, "['a/']"),
    ],
)
def test_labels_of_a_subset(labels, path):
    assert paths({"host": "a", "subsets": [{"name": "v1", "labels": labels}]}) == (
        [f"spec.subsets[0].labels{path}"] if path else []
    )


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("configmap://default/a", True),
        ("configmap://a", False),
        ("configmap://default/", False),
        ("configmap://other/a", False),
        ("a", True),
    ],
)
def test_credential_in_a_config_map(name, valid):
    assert policy(tls={"mode": "SIMPLE", "credentialName": name}) == (
        [] if valid else ["spec.trafficPolicy.tls.credentialName"]
    )
