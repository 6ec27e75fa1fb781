# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.routes import routes

REVIEWS = "reviews.bookinfo.svc.cluster.local"


@pytest.fixture
def only(with_one):
    """The row of a route that is alone in a dump."""

    def find(route, **host):
        hosts = [{"name": "web", "routes": [route], **host}]
        entry = {"route_config": {"name": "80", "virtual_hosts": hosts}}
        (found,) = routes(with_one("RoutesConfigDump", "dynamic_route_configs", entry))
        return found

    return find


def test_routes_of_a_sidecar(sidecar):
    found = routes(sidecar)
    assert [one["route_config"] for one in found] == ["", "", "80", "80", "9080", "9080", "inbound|9080||"]
    (reviews,) = [one for one in found if one["virtual_host"] == f"{REVIEWS}:9080"]
    assert reviews["domains"][:3] == [REVIEWS, f"{REVIEWS}.", "reviews"]
    assert reviews["match"] == {"type": "prefix", "value": "/", "case_sensitive": True}
    (target,) = reviews["clusters"]
    assert (target["host"], target["port"], target["subset"], target["percent"]) == (REVIEWS, 9080, "", 100.0)
    assert reviews["retries"]["attempts"] == 2 and reviews["retries"]["retry_on"].startswith("connect-failure,")
    empty = {"rewrite": {}, "redirect": {}, "fault": {}, "mirrors": [], "headers": [], "direct_response": None}
    assert {name: reviews[name] for name in empty} == empty
    assert (reviews["timeout"], reviews["require_tls"], reviews["virtual_service"]) == ("0s", "NONE", "")
    assert [one["virtual_service"] for one in found if one["timeout"] == "1s"] == ["shop/leaves"]


def test_routes_of_a_gateway(gateway):
    found = [one for one in routes(gateway) if one["route_config"] == "http.8080"]
    assert [(one["match"]["type"], one["match"]["value"]) for one in found] == [
        ("path", "/productpage"),
        ("prefix", "/static"),
    ]
    assert {one["virtual_service"] for one in found} == {"bookinfo/bookinfo"}


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"prefix": ""}, ("prefix", "", True)),
        ({"path_separated_prefix": "/api", "case_sensitive": False}, ("path_separated_prefix", "/api", False)),
        ({"safe_regex": {"regex": "/v[12]"}}, ("regex", "/v[12]", True)),
        ({"connect_matcher": {}}, ("", "", True)),
    ],
)
def test_paths(only, match, expected):
    assert tuple(only({"match": match})["match"].values()) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"string_match": {"exact": "jason"}}, ("exact", "jason", False)),
        ({"string_match": {"exact": ""}}, ("exact", "", False)),
        ({"string_match": {"safe_regex": {"regex": "j.*"}}, "invert_match": True}, ("regex", "j.*", True)),
        ({"present_match": True}, ("present", "", False)),
        ({"present_match": False}, ("absent", "", False)),
        ({}, ("", "", False)),
    ],
)
def test_conditions(only, condition, expected):
    given = [{"name": "end-user", **condition}]
    found = only({"match": {"headers": given, "query_parameters": given}})
    assert found["headers"] == found["query_parameters"]
    assert tuple(found["headers"][0].values()) == ("end-user", *expected)


def test_weights_mirrors_and_rewrites(only):
    weighted = [{"name": f"outbound|80|{subset}|web.shop", "weight": part} for subset, part in (("v1", 90), ("v2", 10))]
    half = {"default_value": {"numerator": 500000, "denominator": "MILLION"}}
    action = {
        "weighted_clusters": {"clusters": weighted},
        "request_mirror_policies": [{"cluster": "a"}, {"cluster": "b", "runtime_fraction": half}],
        "regex_rewrite": {"pattern": {"regex": "^/old"}, "substitution": "/new"},
        "host_rewrite_literal": "web.example.org",
        "retry_policy": {"retry_on": "5xx", "per_try_timeout": "2s"},
    }
    found = only({"route": action})
    assert [(one["subset"], one["percent"]) for one in found["clusters"]] == [("v1", 90.0), ("v2", 10.0)]
    assert found["mirrors"] == [{"cluster": "a", "percent": 100.0}, {"cluster": "b", "percent": 50.0}]
    assert found["rewrite"] == {"prefix": "", "regex": "^/old", "substitution": "/new", "host": "web.example.org"}
    assert found["retries"] == {"attempts": 1, "retry_on": "5xx", "per_try_timeout": "2s"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"https_redirect": True, "port_redirect": 8443}, ("https", "", 8443, "", "", 301)),
        (
            {"host_redirect": "b.org", "path_redirect": "/b", "response_code": "FOUND"},
            ("", "b.org", None, "/b", "", 302),
        ),
        ({"scheme_redirect": "http", "prefix_rewrite": "/c"}, ("http", "", None, "", "/c", 301)),
    ],
)
def test_redirects(only, given, expected):
    assert tuple(only({"redirect": given})["redirect"].values()) == expected


def test_faults_and_direct_answers(only):
    fault = {
        "delay": {"fixed_delay": "7s", "percentage": {"numerator": 1000, "denominator": "MILLION"}},
        "abort": {"http_status": 500, "percentage": {"numerator": 25}},
    }
    found = only({"typed_per_filter_config": {"envoy.filters.http.fault": fault}, "direct_response": {"status": 503}})
    assert found["direct_response"] == 503
    assert found["fault"] == {
        "delay": "7s",
        "delay_percent": 0.1,
        "abort_status": 500,
        "abort_grpc_status": None,
        "abort_percent": 25.0,
    }
    assert only({"typed_per_filter_config": {"envoy.filters.http.fault": {}}})["fault"] == {}
    assert only({}, require_tls="ALL")["require_tls"] == "ALL"
