# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules of ServiceEntry that depend on the metadata; the others are in tests/kinds/service_entry.yml."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.service_entry import faults

WILDCARD = {"hosts": ["*.example.com"], "resolution": "DYNAMIC_DNS"}


def paths(spec, **labels):
    return [fault.path for fault in faults({"metadata": {"name": "x", "namespace": "shop", **labels}, "spec": spec})]


@pytest.mark.parametrize(
    ("waypoint", "location", "wrong"),
    [
        ("shop", "MESH_INTERNAL", ["spec.location"]),
        ("shop", "MESH_EXTERNAL", []),
        ("shop", None, []),
        ("None", "MESH_INTERNAL", []),
        ("", "MESH_INTERNAL", []),
    ],
)
def test_a_waypoint_looks_up_external_hosts_only(waypoint, location, wrong):
    labels = {"istio.io/use-waypoint": waypoint}
    assert paths({**WILDCARD, "location": location}, labels=labels) == wrong
    assert paths({"hosts": ["a"], "location": location}, labels=labels) == []


def test_the_dot_is_the_namespace():
    assert paths({"hosts": ["a"], "exportTo": [".", "shop"]}) == ["spec.exportTo[1]"]
    assert paths({"hosts": ["a"], "exportTo": [".", "default"]}) == []
