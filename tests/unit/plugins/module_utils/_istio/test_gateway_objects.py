# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_objects import complete, gateway_objects


def objects(gateway, index=0):
    return {one["kind"]: one for one in gateway_objects(gateway, "me")[index]}


def test_a_gateway_that_says_nothing_but_its_name():
    made = objects({"name": "team", "annotations": None})
    assert list(made) == ["ServiceAccount", "Role", "RoleBinding", "Deployment", "Service", "HorizontalPodAutoscaler"]
    labels = {"app": "team", "istio": "team"}
    assert made["Service"] == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "team",
            "namespace": "istio-gateways",
            "labels": {**labels, "bare.mesh/gateway": "me"},
        },
        "spec": {
            "type": "LoadBalancer",
            "selector": labels,
            "ports": [
                {"name": "status-port", "port": 15021, "targetPort": 15021, "protocol": "TCP"},
                {"name": "http2", "port": 80, "targetPort": 8080, "protocol": "TCP"},
                {"name": "https", "port": 443, "targetPort": 8443, "protocol": "TCP"},
            ],
        },
    }
    spec = made["Deployment"]["spec"]
    assert "replicas" not in spec and spec["selector"] == {"matchLabels": labels}
    assert spec["template"]["metadata"] == {
        "labels": {**labels, "sidecar.istio.io/inject": "true"},
        "annotations": {"inject.istio.io/templates": "gateway"},
    }
    (container,) = spec["template"]["spec"]["containers"]
    assert container["image"] == "auto" and not container["securityContext"]["allowPrivilegeEscalation"]
    assert made["Role"]["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}]
    assert made["HorizontalPodAutoscaler"]["spec"]["minReplicas"] == 1
    assert list(objects({"name": "team"}, 1)) == ["PodDisruptionBudget"]


def test_a_gateway_that_says_all():
    given = {
        "name": "team",
        "namespace": "team",
        "revision": "canary",
        "service_type": "NodePort",
        "ports": [{"name": "http", "port": 8080, "nodePort": 31480}],
        "annotations": {"a": "b"},
        "min_replicas": 2,
        "max_replicas": 2,
        "resources": {"requests": {"cpu": "1"}},
        "host_network": True,
        "node_selector": {"disk": "ssd"},
        "tolerations": [{"operator": "Exists"}],
        "rolling_update": {"maxSurge": 0},
    }
    made = objects(given)
    assert objects(given, 1) == {}
    # It holds the number, too.
    scaled = made["HorizontalPodAutoscaler"]["spec"]
    assert (scaled["minReplicas"], scaled["maxReplicas"]) == (2, 2)
    assert made["PodDisruptionBudget"]["spec"]["minAvailable"] == 1
    assert made["Service"]["metadata"]["annotations"] == {"a": "b"}
    assert made["Service"]["spec"]["ports"][0]["nodePort"] == 31480
    spec = made["Deployment"]["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0}}
    assert spec["template"]["metadata"]["labels"]["istio.io/rev"] == "canary"
    pod = spec["template"]["spec"]
    # istiod injects no proxy into pods in their node's network.
    assert "hostNetwork" not in pod
    assert pod["containers"][0]["ports"][1:] == [{"containerPort": 8080, "hostPort": 8080, "protocol": "TCP"}]
    assert (pod["nodeSelector"], pod["tolerations"]) == ({"disk": "ssd"}, [{"operator": "Exists"}])
    assert pod["containers"][0]["resources"] == {"requests": {"cpu": "1"}}


def test_an_egress_gateway_is_for_the_cluster_alone():
    made = complete({"name": "out", "type": "egress"})
    assert made["service_type"] == "ClusterIP"
    assert [port["port"] for port in made["ports"]] == [80, 443]


def test_a_pod_with_ports_of_its_node_goes_before_the_next_one_comes():
    assert complete({"name": "a", "host_network": True})["rolling_update"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert complete({"name": "a"})["rolling_update"] == {}


def test_a_gateway_in_its_nodes_network_is_not_scaled_by_itself():
    assert complete({"name": "a", "host_network": True})["max_replicas"] == 1
    assert complete({"name": "a", "host_network": True, "min_replicas": 2})["max_replicas"] == 2
    assert complete({"name": "a", "host_network": True, "max_replicas": 3})["max_replicas"] == 3
    assert complete({"name": "a", "min_replicas": 7})["max_replicas"] == 7


def test_a_gateway_into_a_network():
    """As Istio's chart gateway has it with networkGateway: labels, ports, and what the proxy sees."""
    made = objects({"name": "eastwest", "network": "network1"})
    label = {"topology.istio.io/network": "network1"}
    assert label.items() <= made["Service"]["metadata"]["labels"].items()
    ports = {one["name"]: (one["port"], one["targetPort"]) for one in made["Service"]["spec"]["ports"]}
    assert ports == {
        "status-port": (15021, 15021),
        "tls": (15443, 15443),
        "tls-istiod": (15012, 15012),
        "tls-webhook": (15017, 15017),
    }
    spec = made["Deployment"]["spec"]
    assert label.items() <= spec["template"]["metadata"]["labels"].items()
    (container,) = spec["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "ISTIO_META_REQUESTED_NETWORK_VIEW", "value": "network1"}]
    # The label of the network may change, so pods are not selected by it.
    assert (
        spec["selector"]["matchLabels"]
        == made["Service"]["spec"]["selector"]
        == {"app": "eastwest", "istio": "eastwest"}
    )
    # A port that somebody chooses, such as one of the node, is kept.
    given = [{"name": "tls", "port": 15443, "nodePort": 31443}]
    made = objects({"name": "eastwest", "network": "network1", "ports": given})
    assert [one["nodePort"] for one in made["Service"]["spec"]["ports"]] == [31443]
