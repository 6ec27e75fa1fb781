# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""VirtualServices that Istio 1.29's ValidateVirtualService or the CRD refuses, and their neighbours that are valid."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.schema import check
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import virtual_service as rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import virtual_service as schema

TO = [{"destination": {"host": "a"}}]
SNI = "outbound_.80_._.a.example.com"


def paths(**spec):
    structure = list(check(spec, schema.ROOT, schema.DEFINITIONS, "spec"))
    found = structure or rules.faults({"metadata": {"name": "x", "namespace": "default"}, "spec": spec})
    return [fault.path for fault in found]


@pytest.mark.parametrize(("host", "valid"), [("a.1", False), ("10.0.0.1", True), ("::1", True), ("1", True)])
def test_host(host, valid):
    assert paths(hosts=[host], http=[{"route": TO}]) == ([] if valid else ["spec.hosts[0]"])


@pytest.mark.parametrize("host", ["10.0.0.1", "::1", "a.1", "*"])
def test_destination(host):
    assert paths(hosts=["a"], http=[{"route": [{"destination": {"host": host}}]}]) == [
        "spec.http[0].route[0].destination.host"
    ]


@pytest.mark.parametrize("gateways", [["gw"], ["gw", "ns/b"]])
def test_generated_hosts_of_tls_routes_at_gateways(gateways):
    assert paths(hosts=[SNI], gateways=gateways, tls=[{"match": [{"sniHosts": [SNI]}], "route": TO}]) == []


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"hosts": [SNI], "gateways": ["gw"], "http": [{"route": TO}]}, ["spec.hosts[0]"]),
        ({"hosts": [SNI], "http": [{"route": TO}]}, ["spec.hosts[0]"]),
        (
            {"hosts": [SNI], "gateways": ["gw", "mesh"], "tls": [{"match": [{"sniHosts": [SNI]}], "route": TO}]},
            ["spec.hosts[0]", "spec.tls[0].match[0].sniHosts[0]"],
        ),
        (
            {"hosts": ["b.example.com"], "gateways": ["gw"], "tls": [{"match": [{"sniHosts": [SNI]}], "route": TO}]},
            ["spec.tls[0].match[0].sniHosts[0]"],
        ),
        (
            {
                "hosts": ["b.example.com"],
                "gateways": ["gw"],
                "tls": [{"match": [{"sniHosts": ["outbound_x"]}], "route": TO}],
            },
            ["spec.tls[0].match[0].sniHosts[0]"],
        ),
    ],
)
def test_generated_hosts_elsewhere(spec, found):
    assert paths(**spec) == found


def test_subnets():
    valid = ["10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "fe80::1%eth0"]
    subnets = [*valid, "10.0.0.0/255.0.0.0", "10.0.0.0/08", "10.0.0.0/", "x"]
    assert paths(hosts=["a"], tcp=[{"match": [{"destinationSubnets": subnets}], "route": TO}]) == [
        f"spec.tcp[0].match[0].destinationSubnets[{n}]" for n in range(4, 8)
    ]


def test_gateways_after_one_without_a_namespace():
    assert paths(hosts=["a"], gateways=["ns/gw", "?"], http=[{"route": TO}]) == ["spec.gateways[1]"]
    assert paths(hosts=["a"], gateways=["gw", "?"], http=[{"route": TO}]) == []
