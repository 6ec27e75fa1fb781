# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The values of Istio's charts for an IstioOperator spec. tests/charts compares what the real charts make of them."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.charts import Unsupported, complete, releases
from ansible_collections.bare.mesh.plugins.module_utils._istio.mesh_settings import operator_spec


def made(settings=None, profile="", revision="", **rest):
    spec = {**operator_spec(settings or {}), **({"revision": revision} if revision else {})}
    return {one.name: one for one in releases(complete(spec, profile), **rest)}


@pytest.mark.parametrize(
    ("profile", "names"),
    [
        ("", ["istio-base", "istiod", "istio-ingressgateway"]),
        ("minimal", ["istio-base", "istiod"]),
        ("demo", ["istio-base", "istiod", "istio-ingressgateway", "istio-egressgateway"]),
        ("empty", []),
        ("ambient", ["istio-base", "istiod", "istio-cni", "ztunnel"]),
    ],
)
def test_releases_of_a_profile_in_their_order(profile, names):
    assert list(made(profile=profile)) == names


def test_the_cni_plugin_is_a_release_in_its_namespace_and_istiod_knows_it():
    found = made({"istio_cni_enabled": True, "istio_cni_excluded_namespaces": ["a"]})
    assert list(found)[2] == "istio-cni" and found["istio-cni"].namespace == "kube-system"
    assert found["istio-cni"].values["cni"] == {"excludeNamespaces": ["a"]}
    assert found["istiod"].values["pilot"]["cni"] == {"enabled": True}


@pytest.mark.feature("ambient")
def test_ztunnel_is_a_release_with_its_values_at_the_root():
    ztunnel = {"logLevel": "debug", "resources": {"requests": {"cpu": "70m"}}}
    kubernetes = {"resources": {"requests": {"memory": "1Gi"}}, "tolerations": [{"key": "z"}]}
    spec = {"values": {"ztunnel": ztunnel}, "components": {"ztunnel": {"k8s": kubernetes}}}
    settings = {"istio_dataplane_mode": "ambient", "istio_operator_spec": spec}
    found = made(settings, profile="ambient", revision="canary")
    assert list(found) == ["istio-base", "istiod-canary", "istio-cni", "ztunnel"]
    assert found["ztunnel"].namespace == "istio-system" and found["ztunnel"].values == {
        "global": {"istioNamespace": "istio-system"},
        "profile": "ambient",
        "revision": "canary",
        "logLevel": "debug",
        "resources": {"requests": {"cpu": "70m", "memory": "1Gi"}},
        "tolerations": [{"key": "z"}],
    }
    assert found["istio-cni"].namespace == "kube-system" and found["istio-cni"].values["profile"] == "ambient"
    assert found["istiod-canary"].values["pilot"] == {"cni": {"enabled": True}}
    assert "ztunnel" not in found["istiod-canary"].values


def test_mesh_settings_and_hub_reach_the_charts():
    spec = complete({**operator_spec({"istio_access_log": "json"}), "hub": "mirror:5000/istio", "tag": "1.2"}, "")
    found = {one.chart: one for one in releases(spec, "mesh")}
    assert found["istiod"].values["meshConfig"] == {"accessLogFile": "/dev/stdout", "accessLogEncoding": "JSON"}
    assert found["istiod"].values["global"] == {"istioNamespace": "mesh", "hub": "mirror:5000/istio", "tag": "1.2"}
    assert {one.namespace for one in found.values()} == {"mesh"}


def test_values_of_the_user_are_above_the_fields_of_the_spec():
    spec = complete({"hub": "below", "values": {"global": {"hub": "above"}}}, "minimal")
    assert releases(spec)[1].values["global"]["hub"] == "above"


def test_gateway_settings():
    ports = [{"name": "http2", "port": 80, "nodePort": 30080}]
    found = made(
        {
            "istio_ingress_service_type": "NodePort",
            "istio_ingress_ports": ports,
            "istio_ingress_annotations": {"a": "b"},
            "istio_ingress_min_replicas": 2,
            "istio_ingress_node_selector": {"c": "d"},
            "istio_ingress_rolling_update": {"maxSurge": 1, "maxUnavailable": 0},
        }
    )["istio-ingressgateway"].values
    assert found["service"] == {
        "type": "NodePort",
        "ports": [{"name": "http2", "port": 80, "nodePort": 30080, "targetPort": 8080, "protocol": "TCP"}],
        "annotations": {"a": "b"},
    }
    assert found["autoscaling"] == {"minReplicas": 2, "maxReplicas": 5} and found["nodeSelector"] == {"c": "d"}
    assert found["strategy"] == {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    # What istioctl names so, and what policies and selectors of users rely on.
    assert found["serviceAccount"] == {"name": "istio-ingressgateway-service-account"}
    assert found["labels"] == {"app": "istio-ingressgateway", "istio": "ingressgateway"}


def test_the_first_revision_is_the_default_one_and_a_second_is_not():
    first = made(profile="minimal", revision="one")
    assert list(first) == ["istio-base", "istiod-one"]
    assert first["istio-base"].values["defaultRevision"] == "one"
    assert first["istiod-one"].values["revisionTags"] == ["default"]
    second = made(profile="minimal", revision="two", default_revision="one")
    assert second["istio-base"].values["defaultRevision"] == "one"
    assert "revisionTags" not in second["istiod-two"].values
    assert made()["istio-base"].values["defaultRevision"] == "default" and "revisionTags" not in made()["istiod"].values


def test_settings_of_components():
    kubernetes = {"hpaSpec": {"minReplicas": 2}, "tolerations": [{"key": "a"}]}
    spec = {"components": {"pilot": {"k8s": kubernetes}}, "values": {"pilot": {"env": {"A": "b"}}}}
    istiod = made({"istio_operator_spec": spec})["istiod"]
    pilot = {"cni": {"enabled": False}, "env": {"A": "b"}, "autoscaleMin": 2, "tolerations": [{"key": "a"}]}
    assert istiod.values["pilot"] == pilot


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"istio_ingress_host_network": True}, "istio_ingress_host_network"),
        ({"components": {"pilot": {"k8s": {"overlays": []}}}}, "istio_operator_spec.components.pilot.k8s.overlays"),
        ({"components": {"pilot": {"namespace": "x"}}}, "istio_operator_spec.components.pilot.namespace"),
        ({"components": {"base": {"k8s": {"env": []}}}}, "istio_operator_spec.components.base.k8s.env"),
        ({"components": {"ztunnel": {"namespace": "x"}}}, "istio_operator_spec.components.ztunnel.namespace"),
        (
            {"components": {"ztunnel": {"enabled": True, "k8s": {"env": []}}}},
            "istio_operator_spec.components.ztunnel.k8s.env",
        ),
        ({"components": {"other": {"enabled": True}}}, "istio_operator_spec.components.other"),
        ({"components": {"cni": {"enabled": True, "hub": "x"}}}, "istio_operator_spec.components.cni.hub"),
        (
            {"components": {"ingressGateways": [{"name": "x", "k8s": {"service": {"clusterIP": "None"}}}]}},
            "istio_operator_spec.components.ingressGateways.x.k8s.service.clusterIP",
        ),
        (
            {"values": {"gateways": {"istio-ingressgateway": {"secretVolumes": []}}}},
            "istio_operator_spec.values.gateways.istio-ingressgateway.secretVolumes",
        ),
        ({"installPackagePath": "/x"}, "istio_operator_spec.installPackagePath"),
    ],
)
def test_what_the_charts_cannot_express_is_refused_by_name(settings, place):
    given = settings if "istio_ingress_host_network" in settings else {"istio_operator_spec": settings}
    with pytest.raises(Unsupported) as refused:
        made(given)
    assert [fault.where for fault in refused.value.args] == [place]


def test_all_faults_at_once_and_unknown_profiles():
    with pytest.raises(Unsupported) as refused:
        made({"istio_ingress_host_network": True, "istio_operator_spec": {"unvalidatedValues": {"a": 1}}})
    assert len(refused.value.args) == 2
    with pytest.raises(Unsupported) as refused:
        made(profile="openshift-ambient")
    assert refused.value.args[0].where == "istio_profile" and "minimal" in refused.value.args[0].fix
