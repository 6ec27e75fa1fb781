# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.bare.mesh.plugins.filter.mesh_settings import FilterModule

mesh_settings = FilterModule().filters()["mesh_settings"]


def test_correct_settings():
    given = {"istio_access_log": "none", "istio_mtls": "STRICT"}
    made = mesh_settings(given)
    assert made["faults"] == []
    assert made["spec"] == {"meshConfig": {"accessLogFile": ""}}
    assert [one["kind"] for one in made["policies"]] == ["PeerAuthentication"]
    assert made["injected"] == []


def test_the_profile_and_the_waypoints():
    assert (mesh_settings({})["profile"], mesh_settings({})["waypoints"]) == ("default", [])
    waypoint = {"name": "web", "namespace": "shop"}
    made = mesh_settings({"istio_dataplane_mode": "ambient", "istio_waypoints": [waypoint]})
    assert (made["faults"], made["profile"]) == ([], "ambient")
    assert made["waypoints"] == [{**waypoint, "for": "service"}]


def test_namespaces_of_the_command_line():
    assert mesh_settings({"istio_injected_namespaces": "shop, web"})["injected"] == ["shop", "web"]


def test_wrong_settings():
    # Only judged, because no spec can be made of them.
    made = mesh_settings({"istio_tracing": "zipkin"})
    assert made["faults"][0]["where"] == "istio_tracing_collector"
    assert (made["spec"], made["policies"], made["waypoints"]) == ({}, [], [])
    # It names the charts that are downloaded.
    assert made["profile"] == "default"


def test_other_variables_are_refused():
    with pytest.raises(AnsibleFilterError, match="istio_hub is not a setting of the role istio"):
        mesh_settings({"istio_hub": "x"})
