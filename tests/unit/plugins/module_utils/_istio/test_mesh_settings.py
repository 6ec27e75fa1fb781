# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._base.schema import check
from ansible_collections.bare.mesh.plugins.module_utils._istio.mesh_settings import (
    SETTINGS,
    mesh_faults,
    operator_spec,
    policies,
    ranges,
)
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas.operator import DEFINITIONS, ROOT

ROLE = Path(__file__).resolve().parents[5] / "roles/istio"


def test_the_role_has_these_settings_and_defaults():
    defaults = yaml.safe_load((ROLE / "defaults/main/main.yml").read_text())
    assert {name: defaults[name] for name in SETTINGS} == SETTINGS
    assert yaml.safe_load((ROLE / "vars/main/settings.yml").read_text())["__istio_settings"] == list(SETTINGS)
    # The rest is what istio_operator and the tasks take.
    assert set(defaults) - set(SETTINGS) == {
        "istio_hub",
        "istio_tag",
        "istio_required_workers",
        "istio_wait_timeout",
        "istio_istioctl",
        "istio_method",
        "istio_helm",
        "istio_chart_checksums",
        "istio_upgrade_keep_old",
    }


def test_defaults_add_nothing():
    assert mesh_faults({}) == mesh_faults({"istio_dns_service": ""}) == []
    assert mesh_faults({"istio_revision": "1-31-0"}) == mesh_faults({"istio_revision": "a" * 56}) == []
    assert operator_spec({}) == {}
    assert policies({}) == []


GATEWAY = {"name": "istio-ingressgateway", "enabled": True}
HIGH = {
    "podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 100,
                "podAffinityTerm": {
                    "labelSelector": {"matchLabels": {"app": "istiod"}},
                    "topologyKey": "kubernetes.io/hostname",
                },
            }
        ]
    }
}
HIGH_INGRESS = yaml.safe_load(str(HIGH).replace("'app': 'istiod'", "'istio': 'ingressgateway'"))


@pytest.mark.feature("cni-excluded")
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"istio_auto_injection": False}, {"values": {"global": {"proxy": {"autoInject": "disabled"}}}}),
        ({"istio_access_log": "none"}, {"meshConfig": {"accessLogFile": ""}}),
        (
            {"istio_access_log": "json", "istio_access_log_format": "%PROTOCOL%"},
            {
                "meshConfig": {
                    "accessLogFile": "/dev/stdout",
                    "accessLogEncoding": "JSON",
                    "accessLogFormat": "%PROTOCOL%",
                }
            },
        ),
        (
            {"istio_outbound_traffic_policy": "REGISTRY_ONLY"},
            {"meshConfig": {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}},
        ),
        (
            {
                "istio_egress_bypass_ranges": "10.0.0.1/32, 192.0.2.0/24",
                "istio_egress_intercept_ranges": ["10.0.0.0/8", "2001:db8::/32"],
                "istio_proxy_resources": {"requests": {"cpu": "10m"}},
            },
            {
                "values": {
                    "global": {
                        "proxy": {
                            "excludeIPRanges": "10.0.0.1/32,192.0.2.0/24",
                            "includeIPRanges": "10.0.0.0/8,2001:db8::/32",
                            "resources": {"requests": {"cpu": "10m"}},
                        }
                    }
                }
            },
        ),
        ({"istio_proxy_concurrency": 0}, {"meshConfig": {"defaultConfig": {"concurrency": 0}}}),
        (
            {
                "istio_tracing": "zipkin",
                "istio_tracing_collector": "zipkin.observe:9411",
                "istio_trace_sampling": "12.5",
            },
            {
                "meshConfig": {
                    "enableTracing": True,
                    "extensionProviders": [
                        {
                            "name": "bare-mesh-tracing",
                            "zipkin": {"service": "zipkin.observe.svc.cluster.local", "port": 9411},
                        }
                    ],
                    "defaultProviders": {"tracing": ["bare-mesh-tracing"]},
                    "defaultConfig": {"tracing": {"sampling": 12.5}},
                }
            },
        ),
        (
            {
                "istio_pilot_min_replicas": 2,
                "istio_pilot_max_replicas": 2,
                "istio_pilot_resources": {"requests": {"cpu": "1"}},
                "istio_pilot_node_selector": {"disk": "ssd"},
                "istio_pilot_tolerations": [{"operator": "Exists"}],
            },
            {
                "values": {
                    "pilot": {
                        "autoscaleEnabled": False,
                        "autoscaleMin": 2,
                        "autoscaleMax": 2,
                        "replicaCount": 2,
                        "resources": {"requests": {"cpu": "1"}},
                        "nodeSelector": {"disk": "ssd"},
                        "tolerations": [{"operator": "Exists"}],
                    }
                }
            },
        ),
        (
            {"istio_high_availability": True, "istio_pilot_max_replicas": 1},
            {
                "values": {
                    "pilot": {
                        "autoscaleEnabled": False,
                        "autoscaleMin": 2,
                        "autoscaleMax": 2,
                        "replicaCount": 2,
                        "affinity": HIGH,
                    }
                },
                "components": {
                    "ingressGateways": [
                        {**GATEWAY, "k8s": {"hpaSpec": {"minReplicas": 2, "maxReplicas": 5}, "affinity": HIGH_INGRESS}}
                    ]
                },
            },
        ),
        (
            {"istio_cni_enabled": True, "istio_cni_excluded_namespaces": ["kube-system", "monitoring"]},
            {
                "components": {"cni": {"enabled": True, "namespace": "kube-system"}},
                "values": {"cni": {"excludeNamespaces": ["kube-system", "monitoring"]}},
            },
        ),
        ({"istio_ingress_enabled": False}, {"components": {"ingressGateways": [{**GATEWAY, "enabled": False}]}}),
        ({"istio_ingress_enabled": True}, {"components": {"ingressGateways": [GATEWAY]}}),
    ],
)
def test_what_settings_are_in_an_istio_operator(settings, expected):
    assert mesh_faults(settings) == []
    assert operator_spec(settings) == expected
    assert list(check(expected, ROOT, DEFINITIONS, "spec", aliases=True)) == []


@pytest.mark.feature("ingress-replicas", "gateway-rolling-update")
def test_all_settings_of_the_ingress_gateway():
    given = {
        "istio_ingress_service_type": "NodePort",
        "istio_ingress_ports": [
            {"name": "http2", "port": "80", "nodePort": 31380},
            {"name": "tls", "port": 15443},
            {"name": "dns", "port": 53, "targetPort": 5353, "protocol": "UDP"},
        ],
        "istio_ingress_annotations": {"example.com/address": "internal"},
        "istio_ingress_max_replicas": 3,
        "istio_ingress_resources": {"limits": {"memory": "1Gi"}},
        "istio_ingress_host_network": True,
        "istio_ingress_node_selector": {"kubernetes.io/hostname": "node2"},
        "istio_ingress_tolerations": [{"operator": "Exists"}],
        "istio_ingress_rolling_update": {"maxSurge": 0, "maxUnavailable": 1},
    }
    assert mesh_faults(given) == []
    (gateway,) = operator_spec(given)["components"]["ingressGateways"]
    assert gateway == {
        **GATEWAY,
        "k8s": {
            "service": {
                "type": "NodePort",
                "ports": [
                    {"name": "http2", "port": 80, "targetPort": 8080, "nodePort": 31380, "protocol": "TCP"},
                    {"name": "tls", "port": 15443, "targetPort": 15443, "protocol": "TCP"},
                    {"name": "dns", "port": 53, "targetPort": 5353, "protocol": "UDP"},
                ],
            },
            "serviceAnnotations": {"example.com/address": "internal"},
            "hpaSpec": {"minReplicas": 1, "maxReplicas": 3},
            "resources": {"limits": {"memory": "1Gi"}},
            "nodeSelector": {"kubernetes.io/hostname": "node2"},
            "tolerations": [{"operator": "Exists"}],
            "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "overlays": [
                {
                    "kind": "Deployment",
                    "name": "istio-ingressgateway",
                    "patches": [
                        {"path": "spec.template.spec.hostNetwork", "value": True},
                        {"path": "spec.template.spec.dnsPolicy", "value": "ClusterFirstWithHostNet"},
                    ],
                }
            ],
        },
    }


def test_a_gateway_in_its_nodes_network_is_not_scaled_by_itself():
    (gateway,) = operator_spec({"istio_ingress_host_network": True})["components"]["ingressGateways"]
    assert gateway["k8s"]["hpaSpec"] == {"minReplicas": 1, "maxReplicas": 1}
    assert gateway["k8s"]["strategy"] == {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


@pytest.mark.feature("operator-overlay")
def test_the_operators_spec_has_the_last_word():
    given = {
        "istio_access_log": "text",
        "istio_ingress_service_type": "NodePort",
        "istio_operator_spec": {
            "meshConfig": {"accessLogEncoding": "JSON", "trustDomain": "example.com"},
            "components": {
                "ingressGateways": [
                    {"name": "istio-ingressgateway", "k8s": {"service": {"type": "ClusterIP"}, "replicaCount": 2}},
                    {"name": "second", "enabled": True},
                ]
            },
        },
    }
    assert operator_spec(given) == {
        "meshConfig": {
            "accessLogFile": "/dev/stdout",
            "accessLogEncoding": "JSON",
            "trustDomain": "example.com",
        },
        "components": {
            "ingressGateways": [
                {**GATEWAY, "k8s": {"service": {"type": "ClusterIP"}, "replicaCount": 2}},
                {"name": "second", "enabled": True},
            ]
        },
    }


def test_policies():
    made = policies(
        {
            "istio_namespace": "mesh",
            "istio_mtls": "STRICT",
            "istio_namespace_mtls": {"old": "PERMISSIVE"},
            "istio_connection_pool": {"tcp": {"maxConnections": 10}},
            "istio_sidecar_egress_hosts": ["./*", "mesh/*"],
            "istio_tracing": "otlp",
            "istio_tracing_collector": "198.51.100.7:4317",
        }
    )
    found = {(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]): one["spec"] for one in made}
    assert found == {
        ("PeerAuthentication", "mesh", "default"): {"mtls": {"mode": "STRICT"}},
        ("PeerAuthentication", "old", "default"): {"mtls": {"mode": "PERMISSIVE"}},
        ("DestinationRule", "mesh", "bare-mesh-connection-pool"): {
            "host": "*.local",
            "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 10}}},
        },
        ("Sidecar", "mesh", "default"): {"egress": [{"hosts": ["./*", "mesh/*"]}]},
        ("ServiceEntry", "mesh", "bare-mesh-tracing"): {
            "hosts": ["tracing-collector.bare-mesh.internal"],
            "location": "MESH_EXTERNAL",
            "ports": [{"number": 4317, "name": "tracing", "protocol": "GRPC"}],
            "resolution": "STATIC",
            "endpoints": [{"address": "198.51.100.7"}],
        },
    }


def test_lists_of_the_command_line_are_text_with_commas():
    given = {
        "istio_cni_enabled": True,
        "istio_cni_excluded_namespaces": "a, b",
        "istio_sidecar_egress_hosts": "./*,m/*",
    }
    assert operator_spec(given)["values"]["cni"] == {"excludeNamespaces": ["a", "b"]}
    assert [one["spec"] for one in policies(given)] == [{"egress": [{"hosts": ["./*", "m/*"]}]}]


def test_numbers_of_ports_may_be_text():
    port = {"name": "a", "port": "80", "targetPort": "8080", "nodePort": "31380"}
    (gateway,) = operator_spec({"istio_ingress_ports": [port]})["components"]["ingressGateways"]
    assert gateway["k8s"]["service"]["ports"] == [
        {"name": "a", "port": 80, "targetPort": 8080, "nodePort": 31380, "protocol": "TCP"}
    ]


@pytest.mark.parametrize("given", ["", [], None, " , "])
def test_no_ranges(given):
    assert ranges(given) == []


@pytest.mark.feature("form-refusals")
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"istio_trace_sampling": 101}, "istio_trace_sampling is 101: Give a percentage from 0 to 100"),
        ({"istio_trace_sampling": -0.1}, "istio_trace_sampling is -0.1: Give a percentage from 0 to 100"),
        ({"istio_proxy_concurrency": -1}, "istio_proxy_concurrency is -1: Give the number of worker threads, or 0"),
        (
            {"istio_egress_bypass_ranges": "10.0.0.0/8,all"},
            "istio_egress_bypass_ranges has 'all', which is not a range of addresses: Write 10.0.0.0/8",
        ),
        ({"istio_egress_intercept_ranges": ["10.0.0.1"]}, "istio_egress_intercept_ranges has '10.0.0.1', which is not"),
        ({"istio_egress_intercept_ranges": ["10.0.0.0/33"]}, "istio_egress_intercept_ranges has '10.0.0.0/33'"),
        ({"istio_tracing": "otlp"}, "istio_tracing_collector is empty, and istio_tracing is otlp: Give the address"),
        (
            {"istio_tracing": "zipkin", "istio_tracing_collector": "https://zipkin.example.com"},
            "istio_tracing_collector is an address with https: Give an http:// address, or HOST:PORT",
        ),
        (
            {"istio_tracing": "zipkin", "istio_tracing_collector": "zipkin:port"},
            "istio_tracing_collector is 'zipkin:port', which is not an address: Give HOST:PORT",
        ),
        (
            {"istio_namespace_mtls": {"shop": "ON"}},
            "istio_namespace_mtls.shop is 'ON': Use STRICT, PERMISSIVE or DISABLE",
        ),
        ({"istio_pilot_min_replicas": 0}, "istio_pilot_min_replicas is 0: Give a number of at least 1"),
        (
            {"istio_ingress_min_replicas": 3, "istio_ingress_max_replicas": 2},
            "istio_ingress_min_replicas is 3, which is more than istio_ingress_max_replicas, 2: Make it smaller",
        ),
        ({"istio_revision": "1.31.0"}, "istio_revision is '1.31.0': Use small letters, digits and hyphens"),
        ({"istio_revision": "a" * 57}, "istio_revision is '" + "a" * 57 + "': Use small letters"),
        ({"istio_revision": "default"}, "istio_revision is 'default': Leave it empty for the revision without a name"),
        ({"istio_dns_service": "kube-dns"}, "istio_dns_service is 'kube-dns': Give NAMESPACE/NAME of the Service"),
        ({"istio_dns_service": "a/b/c"}, "istio_dns_service is 'a/b/c': Give NAMESPACE/NAME of the Service"),
        ({"istio_ingress_ports": [80]}, "istio_ingress_ports[0] is not a port with a name: Write {name: http2"),
        (
            {"istio_ingress_ports": [{"name": "a", "port": 80, "node_port": 31380}]},
            "istio_ingress_ports[0] has the unknown field node_port: Use the fields of a Service's port",
        ),
        (
            {"istio_ingress_ports": [{"name": "a"}]},
            "istio_ingress_ports[0].port is None: Give a number from 1 to 65535",
        ),
        (
            {"istio_ingress_ports": [{"name": "a", "port": 1, "nodePort": 70000}]},
            "istio_ingress_ports[0].nodePort is 70000: Give a number from 1 to 65535",
        ),
        (
            {
                "istio_ingress_ports": [
                    {"name": "a", "port": 80, "nodePort": 31380},
                    {"name": "b", "port": 81, "nodePort": "31380"},
                ]
            },
            "istio_ingress_ports[1].nodePort is '31380' as that of an earlier port: Give each port its own",
        ),
        (
            {
                "istio_ingress_service_type": "ClusterIP",
                "istio_ingress_ports": [{"name": "a", "port": 80, "nodePort": 31380}],
            },
            "istio_ingress_ports[0].nodePort is set, and the service type is ClusterIP: Use NodePort or LoadBalancer",
        ),
        (
            {"istio_injected_namespaces": "shop,Web"},
            "istio_injected_namespaces has the name 'Web', which Kubernetes does not allow: Use lower case letters",
        ),
        ({"istio_namespace": "a.b"}, "istio_namespace has the name 'a.b', which Kubernetes does not allow"),
        ({"istio_namespace_mtls": {"A": "STRICT"}}, "istio_namespace_mtls has the name 'A', which Kubernetes"),
        (
            {"istio_pilot_node_selector": {"pool": True}},
            'istio_pilot_node_selector.pool is True, which is not text: Write "true" in quotes',
        ),
        (
            {"istio_ingress_ports": [{"name": "a", "port": 80, "protocol": "http"}]},
            "istio_ingress_ports[0].protocol is 'http': Use TCP, UDP, SCTP, or leave it out",
        ),
        (
            {"istio_connection_pool": {"tcp": {"maxConnection": 5}}},
            "istio_connection_pool makes the DestinationRule istio-system/bare-mesh-connection-pool: "
            "spec.trafficPolicy.connectionPool.tcp.maxConnection: unknown field; did you mean maxConnections?",
        ),
        (
            {"istio_sidecar_egress_hosts": ["reviews"]},
            "istio_sidecar_egress_hosts makes the Sidecar istio-system/default: spec.egress[0].hosts[0]: 'reviews' is",
        ),
        (
            {"istio_ingress_rolling_update": {"maxSurge": 0, "maxUnavailable": 0}},
            "istio_ingress_rolling_update has 0 for maxSurge and for maxUnavailable, so no pod could ever be replaced",
        ),
    ],
)
def test_faults(settings, expected):
    (fault,) = mesh_faults(settings)
    assert f"{fault.where} {fault.what}: {fault.fix}".startswith(expected)


@pytest.mark.feature("form-refusals")
def test_all_faults_are_named_together():
    wrong = {"istio_trace_sampling": "x", "istio_egress_bypass_ranges": ["a", "b"], "istio_pilot_min_replicas": 0}
    assert [fault.where for fault in mesh_faults(wrong)] == [
        "istio_egress_bypass_ranges",
        "istio_egress_bypass_ranges",
        "istio_trace_sampling",
        "istio_pilot_min_replicas",
    ]
