# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.clusters import clusters, endpoints

REVIEWS = "reviews.bookinfo.svc.cluster.local"
UNLIMITED = 4294967295
SOCKETS = "type.googleapis.com/envoy.extensions.transport_sockets"
PLAIN = {"typed_config": {"@type": f"{SOCKETS}.raw_buffer.v3.RawBuffer"}}


def secured(**common):
    context = f"{SOCKETS}.tls.v3.UpstreamTlsContext"
    return {"typed_config": {"@type": context, "common_tls_context": common, "sni": "x"}}


@pytest.fixture
def only(with_one):
    """The row of a cluster that is alone in a dump."""

    def find(**cluster):
        (found,) = clusters(with_one("ClustersConfigDump", "dynamic_active_clusters", {"cluster": cluster}))
        return found

    return find


def test_a_subset(sidecar):
    (found,) = [one for one in clusters(sidecar) if one["subset"] == "v1"]
    assert found == {
        "name": f"outbound|9080|v1|{REVIEWS}",
        "direction": "OUTBOUND",
        "port": 9080,
        "subset": "v1",
        "host": REVIEWS,
        "type": "EDS",
        "lb_policy": "LEAST_REQUEST",
        "connect_timeout": "10s",
        "tls": "AUTO",
        "sni": f"outbound_.9080_.v1_.{REVIEWS}",
        "circuit_breaker": {
            "max_connections": UNLIMITED,
            "max_pending_requests": UNLIMITED,
            "max_requests": UNLIMITED,
            "max_retries": UNLIMITED,
        },
        "outlier_detection": {},
        "destination_rule": "bookinfo/reviews",
    }


def test_others_of_a_sidecar(sidecar):
    found = {one["name"]: one for one in clusters(sidecar)}
    assert list(found) == sorted(found) and len(found) == 6
    inbound = found["inbound|9080||"]
    assert (inbound["direction"], inbound["host"]) == ("INBOUND", "productpage.bookinfo.svc.cluster.local")
    assert (inbound["type"], inbound["tls"]) == ("ORIGINAL_DST", "DISABLE")
    agent = found["agent"]
    assert (agent["direction"], agent["port"], agent["host"], agent["circuit_breaker"]) == ("", None, "", {})


def test_limits_are_those_of_normal_priority(gateway):
    (found,) = [one for one in clusters(gateway) if one["name"] == "xds-grpc"]
    assert found["circuit_breaker"]["max_connections"] == 100000 and found["circuit_breaker"]["max_retries"] is None


@pytest.mark.parametrize(
    ("socket", "mode"),
    [
        ({"transport_socket": secured(alpn_protocols=["istio"])}, "ISTIO_MUTUAL"),
        ({"transport_socket": secured(tls_certificate_sds_secret_configs=[{"name": "file"}])}, "MUTUAL"),
        ({"transport_socket": secured(tls_certificates=[{}])}, "MUTUAL"),
        ({"transport_socket": secured(alpn_protocols=["h2"])}, "SIMPLE"),
        ({"transport_socket_matches": [{"transport_socket": secured()}]}, "SIMPLE"),
        ({"transport_socket_matches": [{"transport_socket": secured()}, {"transport_socket": PLAIN}]}, "AUTO"),
        ({"transport_socket_matches": [{"transport_socket": PLAIN}]}, "DISABLE"),
        ({"transport_socket": PLAIN}, "DISABLE"),
        ({}, "DISABLE"),
    ],
)
def test_tls(only, socket, mode):
    found = only(name="a", **socket)
    assert (found["tls"], found["sni"]) == (mode, "" if mode == "DISABLE" else "x")


def test_outliers_and_other_types(only):
    given = {"consecutive_5xx": 5, "interval": "10s", "max_ejection_percent": 50}
    found = only(name="a", outlier_detection=given, cluster_type={"name": "envoy.clusters.dynamic_forward_proxy"})
    assert found["type"] == "envoy.clusters.dynamic_forward_proxy"
    assert found["outlier_detection"] == {
        "consecutive_5xx": 5,
        "consecutive_gateway_failure": None,
        "max_ejection_percent": 50,
        "interval": "10s",
        "base_ejection_time": "",
    }


def test_endpoints_of_a_sidecar(sidecar):
    found = endpoints(sidecar)
    assert [one["cluster"] for one in found] == sorted(one["cluster"] for one in found)
    (v1,) = [one for one in found if "|v1|" in one["cluster"]]
    assert v1 == {
        "cluster": f"outbound|9080|v1|{REVIEWS}",
        "address": v1["address"],
        "port": 9080,
        "health": "HEALTHY",
        "weight": 1,
        "workload": "reviews-v1",
        "locality": "",
        "priority": 0,
    }
    assert v1["address"].startswith("192.0.2.")
    every = [one for one in found if one["cluster"] == f"outbound|9080||{REVIEWS}"]
    assert sorted(one["workload"] for one in every) == ["reviews-v1", "reviews-v2", "reviews-v3"]
    (pipe,) = [one for one in found if one["cluster"] == "sds-grpc"]
    assert pipe["address"].endswith("/socket") and pipe["port"] is None


def test_localities_and_priorities(with_one):
    groups = [
        {"locality": {"region": "eu", "zone": "eu-1"}, "lb_endpoints": [{"health_status": "DRAINING"}]},
        {"locality": {"region": "us", "sub_zone": "b"}, "priority": 1, "lb_endpoints": [{"load_balancing_weight": 5}]},
    ]
    entry = {"endpoint_config": {"cluster_name": "a", "endpoints": groups}}
    found = endpoints(with_one("EndpointsConfigDump", "dynamic_endpoint_configs", entry))
    assert [(one["locality"], one["priority"], one["health"], one["weight"]) for one in found] == [
        ("eu/eu-1", 0, "DRAINING", 1),
        ("us//b", 1, "UNKNOWN", 5),
    ]
