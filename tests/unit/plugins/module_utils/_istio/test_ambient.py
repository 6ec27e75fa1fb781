# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data plane mode ambient. tests/charts and tests/lab/test_ambient.py show what Istio makes of the spec."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.schema import check
from ansible_collections.bare.mesh.plugins.module_utils._istio.ambient import profile, waypoints
from ansible_collections.bare.mesh.plugins.module_utils._istio.mesh_settings import SETTINGS, mesh_faults, operator_spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas.operator import DEFINITIONS, ROOT

AMBIENT = {"istio_dataplane_mode": "ambient"}
CNI = {
    "components": {"cni": {"enabled": True, "namespace": "kube-system"}},
    "values": {"cni": {"excludeNamespaces": ["kube-system"]}},
}


@pytest.mark.feature("ambient")
def test_the_mode_brings_its_profile_and_the_cni_plugin():
    assert mesh_faults(AMBIENT) == [] and operator_spec(AMBIENT) == CNI
    assert list(check(CNI, ROOT, DEFINITIONS, "spec", aliases=True)) == []
    moved = operator_spec({**AMBIENT, "istio_cni_namespace": "istio-system"})
    assert moved["components"]["cni"]["namespace"] == "istio-system"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "default"),
        ({"istio_profile": "demo"}, "demo"),
        ({"istio_profile": "ambient"}, "ambient"),
        (AMBIENT, "ambient"),
        ({**AMBIENT, "istio_profile": "ambient"}, "ambient"),
        ({**AMBIENT, "istio_profile": "openshift-ambient"}, "openshift-ambient"),
    ],
)
def test_the_profile(settings, expected):
    assert mesh_faults(settings) == []
    assert profile({**SETTINGS, **settings}) == expected


def test_waypoints_are_complete():
    given = [{"name": "web", "namespace": "shop"}, {"name": "all", "namespace": "bank", "for": "all"}]
    assert mesh_faults({**AMBIENT, "istio_waypoints": given}) == []
    assert waypoints({**SETTINGS, "istio_waypoints": given}) == [{**given[0], "for": "service"}, given[1]]
    assert waypoints(SETTINGS) == []


def words(settings):
    return [f"{fault.where} {fault.what}: {fault.fix}" for fault in mesh_faults(settings)]


@pytest.mark.feature("form-refusals")
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"istio_profile": "demo"},
            "istio_profile is demo, which has no ztunnel, and istio_dataplane_mode is ambient: Leave it out, or use",
        ),
        (
            {"istio_auto_injection": False},
            "istio_auto_injection is set, and istio_dataplane_mode is ambient: it is for",
        ),
        ({"istio_egress_bypass_ranges": ["10.0.0.0/8"]}, "istio_egress_bypass_ranges is set, and"),
        ({"istio_egress_intercept_ranges": ["10.0.0.0/8"]}, "istio_egress_intercept_ranges is set, and"),
        ({"istio_proxy_resources": {"limits": {"cpu": 1}}}, "istio_proxy_resources is set, and"),
        ({"istio_sidecar_egress_hosts": ["./*"]}, "istio_sidecar_egress_hosts is set, and"),
        ({"istio_mtls": "DISABLE"}, "istio_mtls is DISABLE, and istio_dataplane_mode is ambient, whose traffic"),
        ({"istio_namespace_mtls": {"a": "DISABLE", "b": "STRICT"}}, "istio_namespace_mtls.a is DISABLE, and"),
        ({"istio_waypoints": ["web"]}, "istio_waypoints[0] is not a waypoint with a name and a namespace: Write {name"),
        ({"istio_waypoints": [{"name": "web"}]}, "istio_waypoints[0] is not a waypoint with a name and a namespace"),
        (
            {"istio_waypoints": [{"name": "web", "namespace": "a", "traffic": "all"}]},
            "istio_waypoints[0] has the unknown field traffic: Use name, namespace, for",
        ),
        (
            {"istio_waypoints": [{"name": "Web", "namespace": "a"}]},
            "istio_waypoints[0].name has the name 'Web', which Kubernetes does not allow",
        ),
        (
            {"istio_waypoints": [{"name": "web", "namespace": "a.b"}]},
            "istio_waypoints[0].namespace has the name 'a.b', which Kubernetes does not allow",
        ),
        (
            {"istio_waypoints": [{"name": "web", "namespace": "a", "for": "pods"}]},
            "istio_waypoints[0].for is 'pods': Use service, workload, all, none",
        ),
        (
            {"istio_waypoints": [{"name": "x", "namespace": "a"}, {"name": "y", "namespace": "a"}]},
            "istio_waypoints[1] is in a, which already uses x: a namespace uses one waypoint: Keep one of them",
        ),
    ],
)
def test_what_cannot_be_in_an_ambient_mesh(settings, expected):
    (found,) = words({**AMBIENT, **settings})
    assert found.startswith(expected)


def test_settings_that_an_ambient_mesh_has_too():
    assert words({**AMBIENT, "istio_mtls": "STRICT", "istio_proxy_concurrency": 2, "istio_ingress_enabled": True}) == []
    # What only sidecars have is no fault where there are some.
    assert words({"istio_mtls": "DISABLE", "istio_sidecar_egress_hosts": ["./*"]}) == []


def test_waypoints_without_ambient():
    assert words({"istio_waypoints": [{"name": "web", "namespace": "shop"}]}) == [
        "istio_waypoints has waypoints, and istio_dataplane_mode is sidecar: Set istio_dataplane_mode to ambient, or "
        "remove them"
    ]


@pytest.mark.feature("form-refusals")
def test_all_faults_at_once():
    wrong = {**AMBIENT, "istio_profile": "minimal", "istio_mtls": "DISABLE", "istio_trace_sampling": 101}
    wrong["istio_auto_injection"] = False
    places = [fault.where for fault in mesh_faults(wrong)]
    assert places == ["istio_profile", "istio_auto_injection", "istio_mtls", "istio_trace_sampling"]
