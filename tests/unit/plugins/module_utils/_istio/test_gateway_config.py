# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_config import faults_of_gateways, gateway_config

SERVER = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*.example.com"]}


def test_servers():
    assert gateway_config({"name": "team"}) == []
    (gateway,) = gateway_config({"name": "team", "namespace": "team", "servers": [SERVER]})
    assert gateway["kind"] == "Gateway" and gateway["metadata"] == {"name": "team", "namespace": "team"}
    assert gateway["spec"] == {"selector": {"istio": "team"}, "servers": [SERVER]}


def test_calls_that_leave_through_the_gateway():
    made = gateway_config(
        {
            "name": "out",
            "namespace": "edge",
            "type": "egress",
            "egress_hosts": [
                {"host": "a.example.com"},
                {"host": "b.example.com", "protocol": "TLS", "port": 443},
                {"host": "c.example.com", "protocol": "HTTP", "address": "192.0.2.1"},
            ],
        }
    )
    found = {(one["kind"], one["metadata"]["name"]): one["spec"] for one in made}
    assert found["Gateway", "out"]["servers"] == [
        {
            "port": {"number": 443, "name": "egress-443", "protocol": "TLS"},
            "hosts": ["a.example.com", "b.example.com"],
            "tls": {"mode": "PASSTHROUGH"},
        },
        {"port": {"number": 80, "name": "egress-80", "protocol": "HTTP"}, "hosts": ["c.example.com"]},
    ]
    assert found["ServiceEntry", "out-a.example.com"] == {
        "hosts": ["a.example.com"],
        "location": "MESH_EXTERNAL",
        "ports": [{"number": 443, "name": "egress-443", "protocol": "TLS"}],
        "resolution": "DNS",
    }
    assert found["ServiceEntry", "out-c.example.com"]["endpoints"] == [{"address": "192.0.2.1"}]
    route = found["VirtualService", "out-a.example.com"]
    assert route["gateways"] == ["mesh", "out"]
    assert [(hop["match"], hop["route"][0]["destination"]["host"]) for hop in route["tls"]] == [
        ([{"gateways": ["mesh"], "port": 443, "sniHosts": ["a.example.com"]}], "out.edge.svc.cluster.local"),
        ([{"gateways": ["out"], "port": 443, "sniHosts": ["a.example.com"]}], "a.example.com"),
    ]
    assert "sniHosts" not in found["VirtualService", "out-c.example.com"]["http"][0]["match"][0]


@pytest.mark.parametrize(
    ("gateways", "expected"),
    [
        ([{"name": "istio-ingressgateway"}], "istio_gateway_gateways[0].name is the default gateway"),
        ([{"name": "a", "min_replicas": 0}], "istio_gateway_gateways[0].min_replicas is 0"),
        (
            [
                {"name": "a", "ports": [{"name": "x", "port": 80, "nodePort": 31480}]},
                {"name": "b", "ports": [{"name": "x", "port": 80, "nodePort": 31480}]},
            ],
            "istio_gateway_gateways[1] has the nodePort 31480 of istio_gateway_gateways[0]",
        ),
        (
            [{"name": "a", "egress_hosts": [{"host": "x"}]}],
            "istio_gateway_gateways[0].egress_hosts is set, and the gateway is no egress",
        ),
        (
            [{"name": "a", "type": "egress", "egress_hosts": [{"host": "*.x"}]}],
            "istio_gateway_gateways[0].egress_hosts[0].host is '*.x', and a gateway must know",
        ),
        (
            [{"name": "a", "type": "egress", "egress_hosts": [{"host": "x"}, {"host": "x"}]}],
            "istio_gateway_gateways[0].egress_hosts[1].host is a second entry of x",
        ),
        (
            [{"name": name, "type": "egress", "egress_hosts": [{"host": "x.y"}]} for name in ("a", "b")],
            "istio_gateway_gateways[1] has the host x.y of istio_gateway_gateways[0]",
        ),
        (
            [{"name": "a", "type": "egress", "egress_hosts": [{"host": "x", "port": 8443}]}],
            "istio_gateway_gateways[0].egress_hosts[0].port is 8443, and the gateway has no such port",
        ),
        (
            [{"name": "a", "type": "egress", "egress_hosts": [{"host": "x", "address": "y"}]}],
            "istio_gateway_gateways[0].egress_hosts[0].address is 'y', which is no IP address",
        ),
        (
            [{"name": "a", "type": "egress", "egress_hosts": [{"host": "https://x"}]}],
            "istio_gateway_gateways[0].egress_hosts[0].host is 'https://x', which is not a host name",
        ),
        (
            [{"name": "a", "servers": [{"port": 80, "hosts": "*"}]}],
            "istio_gateway_gateways[0].servers[0] has a port or hosts in another form",
        ),
        (
            [{"name": "a", "servers": [{"port": {"number": 81}, "hosts": ["*"]}]}],
            "istio_gateway_gateways[0].servers[0].port.number is 81, and the gateway has no such port",
        ),
        (
            [{"name": "a", "servers": [{"port": {"number": 443, "name": "x", "protocol": "HTTPS"}, "hosts": ["*"]}]}],
            "istio_gateway_gateways[0] makes the Gateway istio-gateways/a: spec.servers[0]",
        ),
        (
            [{"name": "a", "network": "n", "ports": [{"name": "x", "port": 80}]}],
            "istio_gateway_gateways[0].network is set, and the gateway has no port 15443",
        ),
        (
            [{"name": "a", "network": "a b"}],
            "istio_gateway_gateways[0].network is 'a b', which cannot be the value of a label",
        ),
        (
            [{"name": "a", "network": "n", "type": "egress"}],
            "istio_gateway_gateways[0].network is set, and requests go out through the gateway",
        ),
        ([{"name": "A_b"}], "istio_gateway_gateways[0] has the name 'A_b', which Kubernetes does not allow"),
        ([{"name": "a", "namespace": "A"}], "istio_gateway_gateways[0] has the name 'A', which"),
        ([{"name": "a", "annotations": {"b": 1}}], "istio_gateway_gateways[0].annotations.b is 1, which is not text"),
        (
            [{"name": "a", "rolling_update": {"maxSurge": 0, "maxUnavailable": "0%"}}],
            "istio_gateway_gateways[0].rolling_update has 0 for maxSurge and for maxUnavailable",
        ),
        (
            [{"name": "a", "ports": [{"name": "x", "port": 80, "protocol": "HTTP"}]}],
            "istio_gateway_gateways[0].ports[0].protocol is 'HTTP'",
        ),
    ],
)
def test_faults(gateways, expected):
    (fault,) = faults_of_gateways(gateways)
    assert f"{fault.where} {fault.what}".startswith(expected)
    assert fault.fix


def test_a_gateway_into_a_network_passes_the_calls_of_services():
    """Source: samples/multicluster/expose-services.yaml of Istio 1.31."""
    (made,) = gateway_config({"name": "eastwest", "network": "network1"})
    assert made["kind"] == "Gateway" and made["spec"] == {
        "selector": {"istio": "eastwest"},
        "servers": [
            {
                "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
                "tls": {"mode": "AUTO_PASSTHROUGH"},
                "hosts": ["*.local"],
            }
        ],
    }
    assert not faults_of_gateways([{"name": "eastwest", "network": "network1"}])
