# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.collector import read_collector


@pytest.mark.parametrize(
    ("kind", "address", "provider"),
    [
        ("zipkin", "zipkin", {"zipkin": {"service": "zipkin.mesh.svc.cluster.local", "port": 9411}}),
        ("zipkin", "zipkin.observe:80", {"zipkin": {"service": "zipkin.observe.svc.cluster.local", "port": 80}}),
        ("zipkin", "zipkin.observe.svc", {"zipkin": {"service": "zipkin.observe.svc.cluster.local", "port": 9411}}),
        (
            "otlp",
            "c.observe.svc.example.org",
            {"opentelemetry": {"service": "c.observe.svc.example.org", "port": 4317}},
        ),
        (
            "otlp",
            "http://c.observe:4318/v1/traces",
            {
                "opentelemetry": {
                    "service": "c.observe.svc.cluster.local",
                    "port": 4318,
                    "http": {"path": "/v1/traces", "timeout": "5s"},
                }
            },
        ),
    ],
)
def test_a_service_of_the_cluster(kind, address, provider):
    collector = read_collector(kind, address)
    assert collector.provider("mesh") == provider
    assert collector.service_entry() is None


@pytest.mark.parametrize(
    ("kind", "address", "service", "entry"),
    [
        (
            "zipkin",
            "http://tracing.example.com/api/v2/spans",
            {"service": "tracing.example.com", "port": 80, "path": "/api/v2/spans"},
            {"hosts": ["tracing.example.com"], "resolution": "DNS"},
        ),
        (
            "zipkin",
            "198.51.100.7:9411",
            {"service": "tracing-collector.bare-mesh.internal", "port": 9411},
            {
                "hosts": ["tracing-collector.bare-mesh.internal"],
                "resolution": "STATIC",
                "endpoints": [{"address": "198.51.100.7"}],
            },
        ),
    ],
)
def test_a_host_outside_of_the_cluster(kind, address, service, entry):
    collector = read_collector(kind, address)
    assert collector.provider("mesh") == {"zipkin": service}
    ports = [{"number": service["port"], "name": "tracing", "protocol": "HTTP"}]
    assert collector.service_entry() == {"location": "MESH_EXTERNAL", "ports": ports, **entry}


@pytest.mark.parametrize(
    "address", ["https://a.example.com", "a:b", "a:0", "http://", "u:p@a.example.com", "http://a.b.c?x=1"]
)
def test_what_is_no_address(address):
    with pytest.raises(ValueError) as caught:
        read_collector("zipkin", address)
    assert len(caught.value.args) == 2
