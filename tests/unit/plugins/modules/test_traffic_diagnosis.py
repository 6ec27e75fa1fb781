# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""traffic_diagnosis: a product page that calls the reviews. Each test breaks one thing, and that alone is found.

The configuration of the proxy is the one that test_proxy_config_info.py reads. The page clusters?format=json is written
after Envoy's admin.v3.Clusters (numbers as texts, zero left out), not recorded.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._istio import envoy, proxies
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable
from ansible_collections.bare.mesh.plugins.modules import traffic_diagnosis

DUMP = json.loads(
    (Path(__file__).parents[1] / "module_utils/_istio/files/config_dump_sidecar.json").read_text(encoding="utf-8")
)
CALL = {"namespace": "bookinfo", "name": "productpage-v1", "destination": "reviews", "port": 9080}
HOST = "reviews.bookinfo.svc.cluster.local"
ALL, V1 = f"outbound|9080||{HOST}", f"outbound|9080|v1|{HOST}"
SIDECAR = {"name": "istio-proxy", "args": ["proxy", "sidecar"]}
ROOT = "istio-system"


class World:
    """The cluster, what istiod and Envoy say, and how to change each."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.synced = True
        self.dump = copy.deepcopy(DUMP)
        self.routed = ALL
        self.hosts = {name: [self.host("10.244.1.4")] for name in (ALL, V1)}
        self.said = None

    @staticmethod
    def path(api, where, plural, name):
        return f"/{api}/namespaces/{where}/{plural}/{name}"

    def put(self, api, kind, plural, where, name, **content):
        meta = {"name": name, "namespace": where, **content.pop("metadata", {})}
        version = api.partition("/")[2]
        found = {"apiVersion": version, "kind": kind, "metadata": meta, **content}
        self.cluster.objects[self.path(api, where, plural, name)] = found
        return found

    def pod(self, where, workload, labels, *containers, ready=True, **more):
        owner = {"kind": "ReplicaSet", "name": f"{workload}-5c8", "controller": True}
        return self.put(
            "api/v1", "Pod", "pods", where, f"{workload}-5c8-x",
            metadata={"labels": {**labels, "pod-template-hash": "5c8"}, "ownerReferences": [owner]},
            spec={"containers": [{"name": "app"}, *containers], **more},
            status={"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]},
        )  # fmt: skip

    def service(self, name, *ports, **spec):
        spec = {"selector": {"app": name}, "ports": list(ports), **spec}
        return self.put("api/v1", "Service", "services", "bookinfo", name, spec=spec)

    def slice(self, *pods, ready=True):
        ends = [{"conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": pod}} for pod in pods]
        self.put(
            "apis/discovery.k8s.io/v1", "EndpointSlice", "endpointslices", "bookinfo", "reviews-1",
            metadata={"labels": {"kubernetes.io/service-name": "reviews"}},
            ports=[{"name": "http", "port": 9080}] if pods else [], endpoints=ends,
        )  # fmt: skip

    def istio(self, kind, name, spec, where="bookinfo"):
        group = "security" if "Auth" in kind else "networking"
        plural = {"ServiceEntry": "serviceentries", "PeerAuthentication": "peerauthentications"}
        api = f"apis/{group}.istio.io/v1"
        return self.put(api, kind, plural.get(kind, f"{kind.lower()}s"), where, name, spec=spec)

    @staticmethod
    def host(ip, active=0, **status):
        stats = [{"name": "cx_active", "type": "GAUGE", "value": "1"}, {"name": "rq_active", "type": "GAUGE"}]
        if active:
            stats[1]["value"] = str(active)
        place = {"socket_address": {"address": ip, "port_value": 9080}}
        return {"address": place, "stats": stats, "health_status": {"eds_health_status": "HEALTHY", **status}}

    def clusters(self, name=None):
        """The dynamic clusters of the dump."""
        (config,) = (one for one in self.dump["configs"] if one["@type"].endswith(".ClustersConfigDump"))
        entries = config["dynamic_active_clusters"]
        return entries if name is None else next(one["cluster"] for one in entries if one["cluster"]["name"] == name)

    def reroute(self, cluster):
        """Send the requests to another cluster."""
        configs = [one for one in self.dump["configs"] if one["@type"].endswith(".RoutesConfigDump")]
        text = json.dumps(configs)
        assert f'"{self.routed}"' in text
        self.dump["configs"] = [one for one in self.dump["configs"] if one not in configs]
        self.dump["configs"] += json.loads(text.replace(f'"{self.routed}"', f'"{cluster}"'))
        self.routed = cluster

    def plain(self, names=(ALL, V1), rule="reviews"):
        """Clusters of a DestinationRule with the TLS mode DISABLE: Envoy's have no transport socket."""
        source = {"config": f"/apis/networking.istio.io/v1/namespaces/bookinfo/destination-rule/{rule}"}
        for name in names:
            one = self.clusters(name)
            one.pop("transport_socket_matches", None)
            one.pop("transport_socket", None)
            one.setdefault("metadata", {}).setdefault("filter_metadata", {}).setdefault("istio", {}).update(source)

    def execute(self, _client, namespace, pod, container, command, timeout):
        assert timeout == 60
        if namespace == ROOT and container == "discovery":
            nonces = {"sent": "2", "acked": "2" if self.synced else "1"}
            kinds = ("cluster.v3.Cluster", "endpoint.v3.ClusterLoadAssignment")
            listed = {f"type.googleapis.com/envoy.config.{kind}": nonces for kind in kinds}
            one = {"proxy": "productpage-v1-5c8-x.bookinfo", "resources": listed}
            return {"rc": 0, "stdout": json.dumps([one] if self.synced is not None else []), "stderr": ""}
        assert (namespace, pod, container, command[:3]) == (
            "bookinfo", "productpage-v1-5c8-x", "istio-proxy", ["pilot-agent", "request", "GET"],
        )  # fmt: skip
        if self.said is not None:
            return {"rc": 1, "stdout": "", "stderr": self.said}
        statuses = [{"name": name, "host_statuses": hosts} for name, hosts in self.hosts.items()]
        pages = {"config_dump?include_eds": self.dump, "clusters?format=json": {"cluster_statuses": statuses}}
        return {"rc": 0, "stdout": json.dumps(pages[command[3]]), "stderr": ""}


@pytest.fixture
def world(cluster, monkeypatch):
    """Bookinfo's product page and reviews in version 1, with a route and a subset, all well."""
    made = World(cluster)
    made.put(
        "api/v1", "Pod", "pods", ROOT, "istiod-a", metadata={"labels": {"app": "istiod"}},
        status={"conditions": [{"type": "Ready", "status": "True"}]},
    )  # fmt: skip
    made.pod("bookinfo", "productpage-v1", {"app": "productpage"}, SIDECAR)
    made.pod("bookinfo", "reviews-v1", {"app": "reviews", "version": "v1"}, SIDECAR)
    made.service("reviews", {"name": "http", "port": 9080})
    made.slice("reviews-v1-5c8-x")
    made.istio("DestinationRule", "reviews", {"host": "reviews", "subsets": [subset("v1", "v1")]})
    made.istio("VirtualService", "reviews", route({"host": "reviews", "subset": "v1"}))
    made.reroute(V1)
    monkeypatch.setattr(envoy, "execute", made.execute)
    monkeypatch.setattr(proxies, "execute", made.execute)
    return made


def subset(name, version):
    return {"name": name, "labels": {"version": version}}


def route(*targets, hosts=("reviews",), kind="http"):
    return {"hosts": list(hosts), kind: [{"route": [{"destination": target} for target in targets]}]}


@pytest.fixture
def faults(run_module):
    """The faults, each as the check and its message. check mode finds the same."""

    def find(**arguments):
        results = [run_module(traffic_diagnosis, check=check, **{**CALL, **arguments}) for check in (False, True)]
        assert results[0] == results[1]
        assert "failed" not in results[0], results[0]
        found = [(one["check"], one["message"]) for one in results[0]["findings"] if not one["ok"]]
        assert results[0]["changed"] is False and results[0]["ok"] is not bool(found)
        return found

    return find


def test_all_well(world, run_module):
    result = run_module(traffic_diagnosis, **CALL)
    assert [one["check"] for one in result["findings"] if not one["ok"]] == [], result["findings"]
    checks = [one["check"] for one in result["findings"]]
    assert list(dict.fromkeys(checks)) == [
        "client", "proxy-synced", "service", "port", "protocol", "endpoints", "routes", "subsets", "mtls",
        "proxy-clusters", "proxy-endpoints", "circuit-breaker",
    ]  # fmt: skip
    assert result["client"] == {"namespace": "bookinfo", "name": "productpage-v1-5c8-x"}
    assert result["servers"] == [{"namespace": "bookinfo", "name": "reviews-v1-5c8-x"}]
    assert world.cluster.writes == 0


def test_every_check_is_documented_and_every_field(world, run_module):
    described = yaml.safe_load(traffic_diagnosis.RETURN)
    text = " ".join(described["findings"]["contains"]["check"]["description"])
    for one in run_module(traffic_diagnosis, **CALL)["findings"]:
        assert f"V({one['check']})" in text
        assert set(one) == set(described["findings"]["contains"])


def test_the_examples_are_valid(world, run_module):
    world.pod(ROOT, "istio-ingressgateway", {}, {"name": "istio-proxy", "args": ["proxy", "router"]})
    for task in yaml.safe_load(traffic_diagnosis.EXAMPLES):
        arguments = task["bare.mesh.traffic_diagnosis"]
        if arguments["name"] == "productpage-v1":
            assert run_module(traffic_diagnosis, **arguments)["ok"], task["name"]


@pytest.mark.parametrize("host", ["reviews", "reviews.bookinfo", "reviews.bookinfo.svc", HOST])
def test_every_form_of_the_name(world, faults, host):
    assert faults(destination=host) == []


def test_no_service(world, faults):
    ((check, message),) = faults(destination="review")
    assert check == "service"
    assert message.startswith("review is neither a Service (it would be Service bookinfo/review) nor a host of a Serv")


def test_a_port_that_the_service_lacks(world, faults):
    assert faults(port=80) == [
        (
            "port",
            "Service bookinfo/reviews has no TCP port 80; it has 9080 (TCP). Call one of these, or add the port to the"
            " Service",
        )
    ]
    world.service("reviews", {"name": "dns", "port": 9080, "protocol": "UDP"})
    assert "it has 9080 (UDP)" in faults()[0][1]


@pytest.mark.parametrize(
    ("port", "ok", "said"),
    [
        ({"name": "http"}, True, "declares http"),
        ({"name": "HTTP-web"}, True, "declares http"),
        ({"name": "grpc-web-x"}, True, "declares grpc-web"),
        ({"name": "web", "appProtocol": "kubernetes.io/h2c"}, True, "declares http2"),
        ({"name": "http", "appProtocol": "odd"}, True, "declares no protocol, so proxies guess it"),
        ({}, True, "declares no protocol, so proxies guess it"),
        ({"name": "udp-x"}, False, "is TCP, and declares udp"),
    ],
)
def test_protocols(world, run_module, port, ok, said):
    world.service("reviews", {"port": 9080, **port})
    findings = run_module(traffic_diagnosis, **CALL)["findings"]
    (found,) = (one for one in findings if one["check"] == "protocol")
    assert (found["ok"], said in found["message"]) == (ok, True), found


def test_routes_for_http_to_a_port_of_tcp(world, faults):
    world.service("reviews", {"name": "http", "appProtocol": "tcp", "port": 9080})
    ((check, message),) = faults()
    assert check == "routes"
    assert message.startswith(
        "VirtualService bookinfo/reviews has routes for HTTP, and port 9080 of Service bookinfo/reviews declares tcp,"
    )


def test_a_selector_that_matches_nothing(world, faults):
    """The proxy has no endpoint either, which only follows."""
    world.service("reviews", {"name": "http", "port": 9080}, selector={"app": "review", "tier": "x"})
    world.slice()
    world.hosts = {ALL: [], V1: []}
    assert faults() == [
        (
            "endpoints",
            "Service bookinfo/reviews has no ready endpoint: its selector app=review,tier=x matches no pod. Correct"
            " spec.selector or the pods' labels, or start the workload",
        )
    ]


def test_pods_that_are_not_ready(world, faults, run_module):
    pod = world.pod("bookinfo", "reviews-v1", {"app": "reviews", "version": "v1"}, SIDECAR, ready=False)
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off"}
    pod["status"]["containerStatuses"] = [{"name": "app", "state": {"waiting": waiting}}]
    world.slice("reviews-v1-5c8-x", ready=False)
    ((check, message),) = faults()
    assert check == "endpoints"
    assert "1 of 1 pods are not ready: bookinfo/reviews-v1-5c8-x app: CrashLoopBackOff back-off" in message
    # Their logs say why.
    servers = run_module(traffic_diagnosis, **CALL)["servers"]
    assert servers == [{"namespace": "bookinfo", "name": "reviews-v1-5c8-x"}]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"ports": [{"name": "http", "port": 9080, "targetPort": "web"}]}, "port named 'web' (targetPort)"),
        ({"selector": None}, "it has no selector, and its EndpointSlices have none"),
        ({}, "its 1 pods are ready, and its EndpointSlices do not have them (yet)"),
    ],
)
def test_other_reasons_for_no_endpoint(world, faults, spec, said):
    world.service("reviews", {"name": "http", "port": 9080}, **spec)
    world.slice()
    ((check, message),) = faults()
    assert check == "endpoints" and said in message


def test_an_external_name_has_no_endpoints(world, faults):
    world.service("reviews", {"name": "http", "port": 9080}, type="ExternalName")
    world.slice()
    assert faults() == []


def test_a_host_of_a_service_entry(world, faults):
    world.istio("ServiceEntry", "out", {"hosts": ["*.example.com"], "ports": [{"number": 443}]})
    found = faults(destination="api.example.com", port=443)
    assert [check for check, _message in found] == ["proxy-clusters"]
    assert "has no cluster outbound|443||api.example.com, so it answers 503 (NC)" in found[0][1]
    assert "has api.example.com without the port 80; it has 443" in faults(destination="api.example.com", port=80)[0][1]


def test_a_subset_that_is_not_defined(world, faults):
    """The rule of the analysis that istio_config warns with. That the proxy has no such cluster only follows."""
    world.istio("VirtualService", "reviews", route({"host": "reviews", "subset": "v1"}, {"host": HOST, "subset": "v9"}))
    world.reroute(f"outbound|9080|v9|{HOST}")
    ((check, message),) = faults()
    assert check == "routes"
    assert message.startswith(
        "VirtualService bookinfo/reviews: spec.http[0].route[1].destination.subset: no DestinationRule for"
        f" {HOST} has the subset 'v9'"
    )


def test_a_weight_to_a_host_that_does_not_exist(world, faults):
    world.istio("VirtualService", "reviews", route({"host": "reviews", "subset": "v1"}, {"host": "reviews-new"}))
    ((check, message),) = faults()
    assert check == "routes" and "'reviews-new' is neither a Service nor a host of a ServiceEntry" in message


def test_a_subset_whose_labels_no_pod_has(world, faults):
    world.istio("DestinationRule", "reviews", {"host": "reviews", "subsets": [subset("v1", "v1x")]})
    world.hosts[V1] = []
    ((check, message),) = faults()
    assert check == "subsets"
    assert message == (
        f"DestinationRule bookinfo/reviews: no ready pod of {HOST} has the labels of the subset 'v1' (version=v1x), to"
        " which VirtualService bookinfo/reviews sends requests. Correct the labels, start such pods, or take the subset"
        " out of the routes"
    )


@pytest.mark.parametrize(
    "spec",
    [
        {"exportTo": ["shop"]},
        {"gateways": ["bookinfo-gateway"]},
        {"hosts": ["ratings"]},
    ],
)
def test_routes_that_the_client_does_not_use(world, faults, spec):
    world.istio("VirtualService", "reviews", {**route({"host": "reviews", "subset": "v9"}), **spec})
    assert faults() == []


STRICT = {"mtls": {"mode": "STRICT"}}


def test_plain_text_against_strict(world, faults):
    world.istio("PeerAuthentication", "default", STRICT)
    assert faults() == []
    world.plain()
    assert faults() == [
        (
            "mtls",
            "PeerAuthentication bookinfo/default wants mutual TLS (STRICT), and by DestinationRule bookinfo/reviews"
            " clients speak DISABLE. Remove tls from DestinationRule bookinfo/reviews, or set its mode to ISTIO_MUTUAL",
        )
    ]


@pytest.mark.parametrize(
    ("policies", "strict"),
    [
        ([], False),
        ([("default", ROOT, STRICT)], True),
        ([("default", "shop", STRICT)], False),
        ([("default", ROOT, STRICT), ("default", "bookinfo", {"mtls": {"mode": "PERMISSIVE"}})], False),
        ([("default", ROOT, STRICT), ("default", "bookinfo", {"mtls": {"mode": "UNSET"}})], True),
        ([("a", "bookinfo", {"selector": {"matchLabels": {"app": "reviews"}}, **STRICT})], True),
        ([("a", "bookinfo", {"selector": {"matchLabels": {"app": "other"}}, **STRICT})], False),
        (
            [
                (
                    "a",
                    "bookinfo",
                    {
                        "selector": {"matchLabels": {"app": "reviews"}},
                        "portLevelMtls": {"9080": {"mode": "DISABLE"}},
                        **STRICT,
                    },
                )
            ],
            False,
        ),
    ],
)
def test_which_policy_counts(world, faults, policies, strict):
    world.plain()
    for name, where, spec in policies:
        world.istio("PeerAuthentication", name, spec, where)
    assert [check for check, _message in faults()] == (["mtls"] if strict else [])


def test_a_client_without_a_sidecar(world, faults):
    world.pod("bookinfo", "productpage-v1", {"app": "productpage"})
    assert faults() == []
    world.istio("PeerAuthentication", "default", STRICT)
    ((check, message),) = faults()
    assert check == "mtls" and "the pod bookinfo/productpage-v1-5c8-x has no sidecar to speak it" in message


def mutual(world):
    """Clusters with ISTIO_MUTUAL: one socket with Istio's certificates, and no choice."""
    for name in (ALL, V1):
        one = world.clusters(name)
        sockets = [each["transport_socket"] for each in one.pop("transport_socket_matches", [])]
        secure = [each for each in sockets if "Upstream" in each.get("typed_config", {}).get("@type", "")]
        one["transport_socket"] = secure[0] if secure else one["transport_socket"]


def test_mutual_tls_with_servers_that_have_none(world, faults):
    mutual(world)
    assert faults() == []
    world.istio("PeerAuthentication", "default", {"mtls": {"mode": "DISABLE"}})
    ((check, message),) = faults()
    assert check == "mtls" and "PeerAuthentication bookinfo/default wants plain text (DISABLE)" in message
    world.pod("bookinfo", "reviews-v1", {"app": "reviews", "version": "v1"})
    ((check, message),) = faults()
    assert check == "mtls" and "the pod bookinfo/reviews-v1-5c8-x has no sidecar to answer" in message


def test_a_native_sidecar_is_one(world, faults):
    labels = {"app": "reviews", "version": "v1"}
    world.pod("bookinfo", "reviews-v1", labels, initContainers=[{**SIDECAR, "restartPolicy": "Always"}])
    mutual(world)
    assert faults() == []


def test_a_proxy_without_the_latest(world, faults):
    world.synced = False
    ((check, message),) = faults()
    assert check == "proxy-synced" and "has not got the latest: clusters, endpoints. Wait" in message
    world.synced = None
    assert "is connected to no istiod" in faults()[0][1]
    del world.cluster.objects[f"/api/v1/namespaces/{ROOT}/pods/istiod-a"]
    assert "istiod does not say what the proxies have: the namespace istio-system has no ready pod" in faults()[0][1]


def test_a_proxy_that_does_not_know_the_destination(world, faults):
    world.clusters().remove(next(one for one in world.clusters() if one["cluster"]["name"] == V1))
    ((check, message),) = faults()
    assert check == "proxy-clusters" and f"has no cluster {V1}, so it answers 503 (NC)" in message


def test_endpoints_of_the_proxy(world, faults):
    world.hosts[V1] = []
    ((check, message),) = faults()
    assert check == "proxy-endpoints" and f"has no endpoint of {V1}, so it answers 503 (UH)" in message
    world.hosts[V1] = [world.host("10.244.1.4", failed_outlier_check=True), world.host("10.244.1.5")]
    ((check, message),) = faults()
    assert check == "proxy-endpoints" and f"leaves out 1 of 2 endpoints of {V1} after errors" in message
    assert "10.244.1.4:9080" in message
    world.hosts[V1] = [world.host("10.244.1.4", eds_health_status="UNHEALTHY")]
    assert "knows no healthy endpoint" in faults()[0][1]
    world.hosts[V1].append(world.host("10.244.1.5"))
    assert faults() == []


def test_a_circuit_breaker_that_is_used_up(world, faults):
    world.clusters(V1)["circuit_breakers"] = {"thresholds": [{"max_connections": 2, "max_pending_requests": 1}]}
    world.hosts[V1] = [world.host("10.244.1.4", active=1)]
    assert faults() == []
    world.hosts[V1].append(world.host("10.244.1.5", active=1))
    ((check, message),) = faults()
    assert check == "circuit-breaker"
    assert f"has 2 requests to {V1} on their way, and its limits are used up (max_connections 2, max_pend" in message


def test_a_headless_service_has_no_endpoints_in_the_proxy(world, faults):
    for name in (ALL, V1):
        world.clusters(name)["type"] = "ORIGINAL_DST"
    world.hosts = {}
    assert faults() == []


def test_a_proxy_that_does_not_answer(world, faults):
    world.said = "Error: connection refused"
    ((check, message),) = faults()
    assert check == "proxy-clusters" and "does not say what its Envoy does: Error: connection refused" in message


def test_a_client_that_is_not_ready(world, faults):
    world.pod("bookinfo", "productpage-v1", {"app": "productpage"}, SIDECAR, ready=False)
    ((check, message),) = faults()
    assert check == "client" and message.startswith("the pod bookinfo/productpage-v1-5c8-x is not ready: Ready")


def test_a_client_that_is_not_there(world, run_module):
    said = run_module(traffic_diagnosis, **{**CALL, "name": "product"})["msg"]
    expected = "no pod or workload of the namespace bookinfo is called 'product'; there run: productpage-v1, reviews-v1"
    assert said == expected
    assert run_module(traffic_diagnosis, **{**CALL, "name": "productpage-v1-5c8-x"})["ok"]


def test_a_gateway_with_a_route_to_a_subset_that_is_not_defined(world, run_module, monkeypatch):
    gateway = {"name": "istio-proxy", "args": ["proxy", "router"]}
    world.pod(ROOT, "gw", {"istio": "ingressgateway"}, gateway)
    spec = route({"host": HOST, "subset": "v9"}, hosts=["*"])
    world.istio("VirtualService", "page", {**spec, "gateways": ["bookinfo-gateway"]})

    def refuse(*_arguments):
        raise Failure("not now")

    monkeypatch.setattr(envoy, "execute", refuse)
    result = run_module(traffic_diagnosis, **{**CALL, "namespace": ROOT, "name": "gw", "destination": HOST})
    (found,) = (one for one in result["findings"] if one["check"] == "routes")
    assert not found["ok"] and "VirtualService bookinfo/page: " in found["message"]


def test_impossible_options(world, run_module):
    wrong = {"namespace": "", "name": " ", "destination": "http://reviews:9080/", "port": 0, "timeout": 0}
    said = run_module(traffic_diagnosis, **{**CALL, **wrong})["msg"]
    for part in ("namespace is empty", "name is empty", "destination is 'http://", "port is 0", "timeout is 0"):
        assert part in said


def test_what_may_not_be_read_is_no_all_clear(world, run_module, monkeypatch):
    pages = world.cluster.pages

    def refuse(path, query=None):
        if path.endswith("virtualservices"):
            raise ApiError(403, "virtualservices is forbidden", "Forbidden")
        return pages(path, query)

    monkeypatch.setattr(world.cluster, "pages", refuse)
    assert run_module(traffic_diagnosis, **CALL)["msg"] == "virtualservices is forbidden"


def test_without_a_cluster(cluster, run_module):
    cluster.unreachable = [Unreachable("gone")]
    result = run_module(traffic_diagnosis, check=True, **CALL)
    assert (result["findings"], result["client"], result["servers"]) == ([], {}, [])
    assert run_module(traffic_diagnosis, **CALL)["msg"] == "gone"


def test_the_password_of_a_proxy_is_not_printed(world, run_for_real):
    printed = run_for_real(traffic_diagnosis, proxy="http://user:correct-horse@p:1", **CALL)
    assert "correct-horse" not in printed and '"findings": [' in printed
