# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import copy
import json

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump import dump
from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.clusters import clusters, endpoints
from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.listeners import listeners
from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.routes import routes

PARSERS = (listeners, routes, clusters, endpoints)


@pytest.mark.parametrize(
    ("name", "direction", "port", "subset", "host"),
    [
        ("outbound|9080|v1|reviews.shop.svc.cluster.local", "OUTBOUND", 9080, "v1", "reviews.shop.svc.cluster.local"),
        ("outbound|80||example.org", "OUTBOUND", 80, "", "example.org"),
        ("outbound_.443_._.example.org", "OUTBOUND", 443, "", "example.org"),
        ("outbound_.443_.v2_.example.org", "OUTBOUND", 443, "v2", "example.org"),
        ("inbound|9080||", "INBOUND", 9080, "", ""),
        ("inbound-vip|80|http|web.shop.svc.cluster.local", "INBOUND-VIP", 80, "http", "web.shop.svc.cluster.local"),
        ("PassthroughCluster", "", None, "", ""),
        ("xds-grpc", "", None, "", ""),
        ("", "", None, "", ""),
    ],
)
def test_names_of_clusters(name, direction, port, subset, host):
    assert dump.parsed(name) == {"direction": direction, "port": port, "subset": subset, "host": host}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"socket_address": {"address": "192.0.2.1", "port_value": 80}}, ("192.0.2.1", 80)),
        ({"pipe": {"path": "./etc/istio/proxy/XDS"}}, ("./etc/istio/proxy/XDS", None)),
        ({"envoy_internal_address": {"server_listener_name": "connect_originate"}}, ("connect_originate", None)),
        (None, ("", None)),
    ],
)
def test_addresses(given, expected):
    assert dump.address({"address": given}) == expected


def test_the_object_of_istio_it_comes_from():
    path = "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/web"
    value = {"metadata": {"filter_metadata": {"istio": {"config": path}}}}
    assert dump.source(value, "virtual-service") == "shop/web"
    assert dump.source(value, "destination-rule") == dump.source({}, "virtual-service") == ""


def test_shares():
    names = {"a": 1, "b": 2, "c": 0}
    action = {"weighted_clusters": {"clusters": [{"name": name, "weight": weight} for name, weight in names.items()]}}
    assert [(one["name"], one["weight"], one["percent"]) for one in dump.targets(action)] == [
        ("a", 1, 33.33),
        ("b", 2, 66.67),
        ("c", 0, 0.0),
    ]
    assert [one["percent"] for one in dump.targets({"weighted_clusters": {"clusters": [{"name": "a"}]}})] == [0.0]
    assert [one["percent"] for one in dump.targets({"cluster": "a"})] == [100.0]
    assert dump.targets(None) == dump.targets({}) == []


def places(value, path=()):
    """The paths of all that is in a value."""
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


@pytest.mark.parametrize("name", ["sidecar", "gateway"])
def test_nothing_is_expected_to_be_there(name, request):
    whole = request.getfixturevalue(name)
    for path in places(whole):
        for new in (None, {}, [], [None], "x", 7, True):
            for parse in PARSERS:
                assert isinstance(parse(replaced(whole, path, new)), list), (parse, path, new)


@pytest.mark.parametrize("given", [None, {}, [], "", {"configs": None}, {"configs": [{}]}, {"configs": [{"@type": 1}]}])
def test_a_dump_without_what_is_asked_for(given):
    assert [parse(given) for parse in PARSERS] == [[], [], [], []]


def test_no_secret_is_read(sidecar):
    secrets = [one for one in sidecar["configs"] if one["@type"].endswith("SecretsConfigDump")]
    assert "inline_bytes" in json.dumps(secrets)
    printed = json.dumps([parse(sidecar) for parse in PARSERS])
    assert "bmV2ZXItc2hvd24=" not in printed and "W3JlZGFjdGVkXQ==" not in printed
