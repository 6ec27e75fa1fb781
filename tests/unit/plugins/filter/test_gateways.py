# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.bare.mesh.plugins.filter.gateways import FilterModule

gateways = FilterModule().filters()["gateways"]


def test_correct_gateways():
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    given = [{"name": "a", "servers": [{"port": port, "hosts": ["*"]}]}, {"name": "b", "min_replicas": 2}]
    made = gateways(given, "me")
    assert made["faults"] == []
    assert {one["metadata"]["name"] for one in made["objects"]} == {"a", "b"}
    assert {one["metadata"]["labels"]["bare.mesh/gateway"] for one in made["objects"]} == {"me"}
    assert [(one["kind"], one["metadata"]["name"]) for one in made["unwanted"]] == [("PodDisruptionBudget", "a")]
    assert [one["kind"] for one in made["config"]] == ["Gateway"]


def test_the_revision_of_the_mesh_is_that_of_its_gateways():
    made = gateways([{"name": "a"}, {"name": "b", "revision": "green"}], "me", (), "blue")
    pods = {one["metadata"]["name"]: one["spec"]["template"] for one in made["objects"] if one["kind"] == "Deployment"}
    assert {name: pod["metadata"]["labels"]["istio.io/rev"] for name, pod in pods.items()} == {
        "a": "blue",
        "b": "green",
    }


def test_wrong_gateways():
    made = gateways([{"name": "a"}, {"name": "a"}], "me")
    assert made == {
        "faults": [
            {
                "where": "istio_gateway_gateways[1]",
                "what": "has the name a of istio_gateway_gateways[0]",
                "fix": "Give each gateway a name of its own",
            }
        ],
        "objects": [],
        "unwanted": [],
        "config": [],
    }


def test_the_default_gateway_has_its_node_ports():
    ports = [{"name": "x", "port": 80, "nodePort": 31380}]
    made = gateways([{"name": "a", "ports": ports}], "me", ports)
    assert [one["what"] for one in made["faults"]] == ["has the nodePort 31380 of istio_ingress_ports"]
