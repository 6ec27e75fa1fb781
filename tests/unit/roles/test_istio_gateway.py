# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
from pathlib import Path

import jinja2
import jmespath
import pytest
import yaml
from ansible_collections.bare.mesh.plugins.filter.gateways import gateways

ROLE = Path(__file__).resolve().parents[3] / "roles/istio_gateway"


def clashing(given, found):
    environment = jinja2.Environment(trim_blocks=True)
    environment.filters["to_json"] = json.dumps
    text = environment.from_string((ROLE / "templates/clashing.yml.j2").read_text()).render(
        __istio_gateway_made=gateways(given, "me"), __istio_gateway_found={"result": found}
    )
    return [f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in yaml.safe_load(text) or []]


def gateway(name, port, namespace="edge"):
    ports = [{"name": "http", "port": 80, "nodePort": port}, {"name": "free", "port": 81}]
    return {"name": name, "namespace": namespace, "service_type": "NodePort", "ports": ports}


def service(name, *numbers, kind="NodePort", namespace="edge"):
    ports = [{"port": 80, "nodePort": number} for number in numbers] + [{"port": 99}]
    return {"kind": "Service", "name": name, "namespace": namespace, "type": kind, "ports": ports}


@pytest.mark.parametrize(
    ("given", "found", "expected"),
    [
        ([gateway("a", 31001)], [service("a", 31001), service("b", 31002)], []),
        ([gateway("a", 31001), gateway("b", 31002)], [service("a", 31002), service("b", 31001)], ["edge/a", "edge/b"]),
        ([gateway("new", 31001)], [service("old", 31001, 31001)], ["edge/old"]),
        ([gateway("a", 31001, "other")], [service("a", 31001)], ["edge/a"]),
        # A balancer that is removed may lose its address, so only one that goes anyway is.
        ([gateway("a", 31001)], [service("gone", 31001, kind="LoadBalancer")], ["edge/gone"]),
        ([gateway("a", 31001), gateway("b", 31002)], [service("b", 31001, kind="LoadBalancer")], []),
        (
            [],
            [service("a", 31001), {"kind": "Secret", "name": "x", "namespace": "edge", "type": None, "ports": None}],
            [],
        ),
    ],
)
def test_services_that_hold_the_node_ports_of_others(given, found, expected):
    assert clashing(given, found) == expected


def test_a_credential_that_the_role_itself_made_is_nobody_elses():
    tasks = yaml.safe_load((ROLE / "tasks/apply.yml").read_text())
    (query,) = [
        one["bare.mesh.k8s_info"]["query"] for one in tasks if one["name"].startswith("Look for the credentials")
    ]
    query = query.replace("{{ __istio_gateway_owner }}", "me")
    own = {"metadata": {"name": "cred", "labels": {"bare.mesh/gateway": "me"}}}
    assert [jmespath.search(query, found) for found in ([own], [{"metadata": {"name": "cred"}}], [])] == [0, 1, 0]
