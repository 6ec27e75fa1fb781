# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings of the role istio, by what live proxies, pods and nodes then do.

Two rounds of settings, each foretold by check mode, and back to none.
"""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request

import pytest
import truth
import yaml
from conftest import ADDRESSES, ROOT, node
from mesh_world import (
    CALLER,
    EXCLUDED,
    NAMESPACE,
    clients,
    count_traces,
    deploy,
    execute,
    lookalikes,
    remove,
    remove_namespace,
    wait_until,
)

LAB_SPEC = yaml.safe_load((ROOT / "inventories/lab/group_vars/all/settings.yml").read_text())["istio_operator_spec"]
ROUND_ONE = {
    "istio_injected_namespaces": ["settings"],
    "istio_auto_injection": False,
    "istio_access_log": "json",
    "istio_tracing": "zipkin",
    "istio_tracing_collector": "collector.settings:9411",
    "istio_trace_sampling": 50,
    "istio_outbound_traffic_policy": "REGISTRY_ONLY",
    "istio_egress_bypass_ranges": f"{ADDRESSES['node2']}/32",
    "istio_egress_intercept_ranges": ["10.96.0.0/12", f"{ADDRESSES['node1']}/32", f"{ADDRESSES['node2']}/32"],
    "istio_proxy_resources": {"requests": {"cpu": "11m", "memory": "71Mi"}},
    "istio_proxy_concurrency": 1,
    "istio_high_availability": True,
    "istio_required_workers": 2,
    "istio_pilot_resources": {"requests": {"cpu": "21m", "memory": "128Mi"}},
    "istio_cni_enabled": True,
    "istio_cni_excluded_namespaces": ["kube-system", EXCLUDED],
    # More than high availability and fewer than the profile would ask for.
    "istio_ingress_min_replicas": 3,
    "istio_ingress_max_replicas": 4,
    "istio_ingress_service_type": "NodePort",
    "istio_ingress_ports": [
        {"name": "status-port", "port": 15020, "targetPort": 15021},
        {"name": "http2", "port": 80, "nodePort": 31380},
        {"name": "https", "port": 443, "nodePort": 31390},
        {"name": "tls", "port": 15443},
    ],
    "istio_ingress_annotations": {"example.com/network": "internal", "example.com/zone": "of the variable"},
    "istio_mtls": "STRICT",
    "istio_connection_pool": {"tcp": {"maxConnections": 17}},
    "istio_sidecar_egress_hosts": ["./*", "istio-system/*"],
    # Two fields without a variable, beside fields of variables, and one that a variable has set, too.
    "istio_operator_spec": {
        # Without what the lab's Envoy needs, the proxies refuse their configuration.
        **LAB_SPEC,
        "meshConfig": {"defaultConfig": {"drainDuration": "3s"}},
        "components": {
            "ingressGateways": [
                {
                    "name": "istio-ingressgateway",
                    "k8s": {
                        "podAnnotations": {"example.com/overlay": "there"},
                        "serviceAnnotations": {"example.com/zone": "of the spec"},
                    },
                }
            ]
        },
    },
}
ROUND_TWO = {
    "istio_injected_namespaces": ["settings"],
    "istio_access_log": "none",
    "istio_tracing": "otlp",
    "istio_tracing_collector": "http://collector.settings:9411/v1/traces",
    # istio_trace_sampling is not set.
    # Without metrics, an autoscaler removes no pod.
    "istio_pilot_min_replicas": 1,
    "istio_pilot_max_replicas": 1,
    "istio_mtls": "STRICT",
    "istio_namespace_mtls": {"settings": "PERMISSIVE"},
    "istio_ingress_service_type": "ClusterIP",
    "istio_ingress_host_network": True,
    "istio_ingress_node_selector": {"kubernetes.io/hostname": "node3"},
    # The new pod cannot have the ports of the old one on the same node.
    "istio_ingress_rolling_update": {"maxSurge": 0, "maxUnavailable": "100%"},
}


def converge(folder, settings):
    """Foretell, install, and install again. Returns the changed tasks."""
    extra = folder / "settings.yml"
    extra.write_text(yaml.safe_dump(settings))
    book = ("playbooks/install_mesh.yml", "-e", f"@{extra}")
    log = folder / "runs.jsonl"
    predicted, done, again = truth.play(log, *book, "--check"), truth.play(log, *book), truth.play(log, *book)
    for run in (predicted, done, again):
        assert run["code"] == 0, run["errors"]
    assert truth.disagreements(predicted, done) == []
    assert again["changed"] == {}
    return done["changed"]


@pytest.fixture(scope="module")
def round_one(tmp_path_factory):
    assert converge(tmp_path_factory.mktemp("one"), ROUND_ONE)
    deploy(silent=["plain"])


@pytest.fixture(scope="module")
def round_two(round_one, tmp_path_factory):
    assert converge(tmp_path_factory.mktemp("two"), ROUND_TWO)
    deploy(silent=["client", "web"])


@pytest.fixture(scope="module")
def afterwards(round_two, tmp_path_factory):
    remove()
    assert converge(tmp_path_factory.mktemp("none"), {})


@pytest.fixture(scope="module", autouse=True)
def _as_before(tmp_path_factory):
    """The mesh of the other tests, also after a failure."""
    yield
    remove_namespace()
    run = truth.play(tmp_path_factory.mktemp("after") / "runs.jsonl", "playbooks/install_mesh.yml")
    assert run["code"] == 0, run["errors"]


def ask(path, container="istio-proxy"):
    """What the Envoy of the client says about itself."""
    return execute("client", container, ["pilot-agent", "request", "GET", path])["stdout"]


def curl(app, url, *options):
    """(exit status, HTTP status) of a request from a pod."""
    command = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", *options, url]
    done = execute(app, CALLER, command)
    return done["rc"], done["stdout"].strip()


def pods(namespace, selector):
    """Without those that end: a rollout is complete before its last old pod is gone."""
    found = clients().core.list_namespaced_pod(namespace, label_selector=selector).items
    return [pod for pod in found if not pod.metadata.deletion_timestamp]


def egress_cluster(name):
    """A cluster of the client's Envoy."""
    dump = json.loads(ask("config_dump?resource=dynamic_active_clusters"))
    found = [one["cluster"] for one in dump["configs"] if one["cluster"]["name"] == name]
    assert found, f"the client knows no cluster {name}"
    return found[0]


def cluster_names():
    return set(re.findall(r"^([^:]+)::observability_name", ask("clusters"), re.MULTILINE))


@pytest.mark.feature("workers-checked")
def test_a_cluster_that_is_too_small_is_refused(play):
    run = play("playbooks/install_mesh.yml", "-e", "istio_required_workers=9")
    assert run["code"] != 0 and run["changed"] == {}
    assert "istio_required_workers is 9, and the cluster has 2 ready nodes" in " ".join(run["output"].split())


@pytest.fixture
def without_dns():
    """A cluster whose DNS has no pod."""
    apps, core = clients().apps, clients().core
    replicas = apps.read_namespaced_deployment("coredns", "kube-system").spec.replicas

    def scale(number):
        apps.patch_namespaced_deployment_scale("coredns", "kube-system", {"spec": {"replicas": number}})

    def ready():
        found = core.list_namespaced_pod("kube-system", label_selector="k8s-app=kube-dns").items
        return sum(one.ready for pod in found for one in pod.status.container_statuses or [])

    try:
        scale(0)
        wait_until(lambda: ready() == 0, "coredns did not stop")
        yield
    finally:
        scale(replicas)
    wait_until(lambda: ready() == replicas, "coredns did not come back")


@pytest.mark.feature("dns-checked")
def test_a_cluster_without_dns_is_refused_with_its_other_faults(play, without_dns):
    # The lab's cluster may be so new that its DNS need not be ready yet.
    old = ("-e", "__istio_new_since=9999-01-01T00:00:00Z")
    short = ("-e", "istio_required_workers=9", "-e", "istio_wait_timeout=3", *old)
    for options in ((), ("--check",)):
        run = play("playbooks/install_mesh.yml", *short, *options)
        assert run["code"] != 0 and run["changed"] == {}
        said = " ".join(run["output"].split())
        assert "istio_required_workers is 9, and the cluster has 2 ready nodes" in said
        assert "The cluster's DNS, the Service kube-system/kube-dns, has no ready pod" in said


@pytest.mark.usefixtures("round_one")
class TestRoundOne:
    @pytest.mark.feature("injection-off")
    def test_only_pods_that_ask_for_a_sidecar_get_one(self):
        sidecars = {
            pod.metadata.labels["app"]: any(one.name == "istio-proxy" for one in pod.spec.init_containers or [])
            or any(one.name == "istio-proxy" for one in pod.spec.containers)
            for pod in pods("settings", "app")
        }
        assert sidecars == {"client": True, "web": True, "plain": False, "collector": False}

    @pytest.mark.feature("access-log")
    def test_the_access_log_is_json(self):
        assert curl("client", "http://web:8000/?logged") == (0, "200")
        # The proxy writes its log every second.
        time.sleep(2)
        (pod,) = pods("settings", "app=client")
        log = clients().core.read_namespaced_pod_log(pod.metadata.name, "settings", container="istio-proxy")
        assert [json.loads(line)["path"] for line in log.splitlines() if "?logged" in line] == ["/?logged"]

    @pytest.mark.feature("tracing-zipkin", "trace-sampling")
    def test_half_of_the_requests_arrive_at_the_zipkin_collector(self):
        before = count_traces("zipkin")
        execute("client", CALLER, ["curl", "-s", "-o", "/dev/null", "http://web:8000/?counted=[1-200]"])
        # The proxy sends its spans at least every 5 seconds.
        time.sleep(7)
        assert 65 <= count_traces("zipkin") - before <= 135

    @pytest.mark.feature("egress-bypass", "egress-intercept", "egress-bypass-wins")
    def test_bypassed_ranges_are_reached_directly_and_intercepted_ones_are_not(self):
        kubelet = "https://{}:10250/healthz"
        # node1 is intercepted and unknown to the mesh, node2 is in both lists, and node3 in none.
        assert curl("client", kubelet.format(ADDRESSES["node1"]))[0] != 0
        assert curl("client", kubelet.format(ADDRESSES["node2"])) == (0, "401")
        assert curl("client", kubelet.format(ADDRESSES["node3"])) == (0, "401")
        assert curl("plain", kubelet.format(ADDRESSES["node1"])) == (0, "401")

    @pytest.mark.feature("proxy-settings")
    def test_resources_and_threads_of_the_sidecar(self):
        (pod,) = pods("settings", "app=client")
        every = [*pod.spec.containers, *(pod.spec.init_containers or [])]
        (proxy,) = [one for one in every if one.name == "istio-proxy"]
        assert proxy.resources.requests == {"cpu": "11m", "memory": "71Mi"}
        assert json.loads(ask("server_info"))["command_line_options"]["concurrency"] == 1

    @pytest.mark.feature("high-availability")
    @pytest.mark.parametrize(("selector", "count"), [("app=istiod", 2), ("istio=ingressgateway", 3)])
    def test_two_pods_on_different_nodes(self, selector, count):
        def nodes():
            return [pod.spec.node_name for pod in pods("istio-system", selector) if pod.spec.node_name]

        # The autoscaler starts what its minimum asks for.
        wait_until(lambda: len(nodes()) == count, f"there are not {count} pods of {selector} on nodes")
        assert len(set(nodes())) == 2
        budgets = clients().policy.list_namespaced_pod_disruption_budget("istio-system", label_selector=selector)
        assert [budget.spec.min_available for budget in budgets.items] == [1]

    @pytest.mark.feature("ingress-replicas")
    def test_replicas_of_the_ingress_gateway(self):
        name, namespace = "istio-ingressgateway", "istio-system"
        scaler = clients().scaling.read_namespaced_horizontal_pod_autoscaler(name, namespace).spec
        assert (scaler.scale_target_ref.kind, scaler.scale_target_ref.name) == ("Deployment", name)
        assert (scaler.min_replicas, scaler.max_replicas) == (3, 4)

        def ready():
            return clients().apps.read_namespaced_deployment(name, namespace).status.ready_replicas

        wait_until(lambda: ready() == 3, "the gateway does not have three ready pods")

    @pytest.mark.feature("operator-overlay")
    def test_the_spec_is_merged_over_the_variables(self):
        options = json.loads(ask("server_info"))["command_line_options"]
        assert (options["drain_time"], options["concurrency"]) == ("3s", 1)
        gateway = clients().apps.read_namespaced_deployment("istio-ingressgateway", "istio-system")
        assert gateway.spec.template.metadata.annotations["example.com/overlay"] == "there"
        service = clients().core.read_namespaced_service("istio-ingressgateway", "istio-system")
        annotations = service.metadata.annotations
        assert annotations["example.com/network"] == "internal"
        assert annotations["example.com/zone"] == "of the spec"

    @pytest.mark.feature("istiod-resources")
    def test_resources_of_istiod(self):
        assert {str(pod.spec.containers[0].resources.requests) for pod in pods("istio-system", "app=istiod")} == {
            str({"cpu": "21m", "memory": "128Mi"})
        }

    @pytest.mark.feature("ingress-ports", "ingress-annotations", "ingress-node-port")
    def test_ports_of_the_ingress_gateway(self):
        service = clients().core.read_namespaced_service("istio-ingressgateway", "istio-system")
        ports = {port.name: port for port in service.spec.ports}
        assert list(ports) == ["status-port", "http2", "https", "tls"]
        assert (ports["http2"].node_port, ports["https"].node_port) == (31380, 31390)
        assert service.metadata.annotations["example.com/network"] == "internal"
        with urllib.request.urlopen(f"http://{ADDRESSES['node3']}:31380/productpage", timeout=30) as page:
            assert page.status == 200
        status = f"http://{ADDRESSES['node2']}:{ports['status-port'].node_port}/healthz/ready"
        with urllib.request.urlopen(status, timeout=30) as answer:
            assert answer.status == 200

    @pytest.mark.feature("mtls-strict")
    def test_plain_text_is_refused(self):
        assert curl("client", "http://web:8000/") == (0, "200")
        assert curl("plain", "http://web:8000/")[0] != 0

    @pytest.mark.feature("connection-pools")
    def test_the_connection_pool_of_all_services(self):
        cluster = egress_cluster("outbound|8000||web.settings.svc.cluster.local")
        assert cluster["circuit_breakers"]["thresholds"][0]["max_connections"] == 17

    @pytest.mark.feature("sidecar-scope")
    def test_sidecars_know_no_service_of_other_namespaces(self):
        names = cluster_names()
        assert "outbound|8000||web.settings.svc.cluster.local" in names
        assert [name for name in names if "bookinfo" in name] == []

    @pytest.mark.feature("cni-plugin")
    def test_pods_have_no_privileged_init_container(self):
        (pod,) = pods("settings", "app=client")
        initial = {one.name: one for one in pod.spec.init_containers}
        assert "istio-init" not in initial
        capabilities = initial["istio-validation"].security_context.capabilities
        assert capabilities.add is None and capabilities.drop == ["ALL"]

    @pytest.mark.feature("cni-plugin", "cni-verified")
    @pytest.mark.parametrize("name", sorted(ADDRESSES))
    def test_every_node_has_the_cni_plugin(self, name):
        assert "istio-cni" in plugins(name)

    @pytest.mark.feature("cni-excluded")
    def test_the_plugin_leaves_pods_of_an_excluded_namespace_alone(self):
        command = ["curl", "-sk", "-o", "/dev/null", "--max-time", "5", f"https://{ADDRESSES['node3']}:10250/healthz"]
        with lookalikes():
            found = {space: execute("lookalike", CALLER, command, space)["rc"] for space in (NAMESPACE, EXCLUDED)}
        # Where the plugin was at work, the request is sent to a proxy that is not there: curl cannot connect.
        assert found == {NAMESPACE: 7, EXCLUDED: 0}

    @pytest.mark.feature("cni-verified")
    def test_verify_looks_at_the_nodes(self, tmp_path):
        extra = tmp_path / "settings.yml"
        extra.write_text(yaml.safe_dump(ROUND_ONE))
        run = truth.play(tmp_path / "runs.jsonl", "playbooks/verify.yml", "-e", f"@{extra}")
        assert run["code"] == 0, run["errors"]
        assert "Assert that the CNI plugin of the mesh is the last one" in run["output"]

    @pytest.mark.feature("cni-verified")
    def test_the_plugin_returns_after_flannel_has_rewritten_its_file(self):
        (pod,) = [one for one in pods("kube-flannel", "app=flannel") if one.spec.node_name == "node3"]
        written = modified("node3")
        clients().core.delete_namespaced_pod(pod.metadata.name, "kube-flannel")
        wait_until(lambda: modified("node3") > written, "flannel did not write its file")
        wait_until(lambda: "istio-cni" in plugins("node3"), "the plugin did not return")


@pytest.mark.usefixtures("round_two")
class TestRoundTwo:
    @pytest.mark.feature("access-log")
    def test_there_is_no_access_log(self):
        assert curl("client", "http://web:8000/?logged") == (0, "200")
        time.sleep(2)
        (pod,) = pods("settings", "app=client")
        log = clients().core.read_namespaced_pod_log(pod.metadata.name, "settings", container="istio-proxy")
        assert log and "?logged" not in log

    @pytest.mark.feature("tracing-otlp", "trace-sampling-default")
    def test_one_of_a_hundred_requests_arrives_by_otlp(self):
        for some in ("1-1000", "1001-2000"):
            command = ["curl", "-s", "-o", "/dev/null", f"http://web:8000/?counted=[{some}]"]
            assert execute("client", CALLER, command)["rc"] == 0
        time.sleep(7)
        # 20 are expected; fewer than 4 or more than 40 come once in many thousands of runs.
        assert 4 <= count_traces("otlp") <= 40

    @pytest.mark.feature("mtls-strict")
    def test_one_namespace_takes_plain_text(self):
        assert curl("plain", "http://web:8000/") == (0, "200")
        assert curl("plain", "http://details.bookinfo:9080/details/0")[0] != 0

    def test_unknown_hosts_are_reached(self):
        assert curl("client", f"https://{ADDRESSES['node1']}:10250/healthz") == (0, "401")

    @pytest.mark.feature("ingress-cluster-ip", "gateway-host-network", "gateway-node-selector")
    def test_the_gateway_is_in_the_network_of_the_chosen_node(self):
        (pod,) = pods("istio-system", "istio=ingressgateway")
        assert (pod.spec.node_name, pod.status.pod_ip) == ("node3", ADDRESSES["node3"])
        assert pod.spec.dns_policy == "ClusterFirstWithHostNet"
        with urllib.request.urlopen(f"http://{ADDRESSES['node3']}:8080/productpage", timeout=30) as page:
            assert page.status == 200
        service = clients().core.read_namespaced_service("istio-ingressgateway", "istio-system")
        assert service.spec.type == "ClusterIP"

    @pytest.mark.feature("gateway-rolling-update")
    def test_the_strategy_of_updates_of_the_gateway(self):
        strategy = clients().apps.read_namespaced_deployment("istio-ingressgateway", "istio-system").spec.strategy
        update = strategy.rolling_update
        assert (strategy.type, update.max_surge, update.max_unavailable) == ("RollingUpdate", 0, "100%")

    def test_one_istiod_is_enough(self):
        assert len(pods("istio-system", "app=istiod")) == 1

    @pytest.mark.parametrize("name", sorted(ADDRESSES))
    def test_the_cni_plugin_is_gone(self, name):
        assert "istio-cni" not in plugins(name)
        (pod,) = pods("settings", "app=client")
        assert "istio-init" in {one.name for one in pod.spec.init_containers}


@pytest.mark.usefixtures("afterwards")
class TestAfterwards:
    def test_the_labels_of_the_namespace_are_gone(self):
        labels = clients().core.read_namespace("settings").metadata.labels
        assert set(labels) == {"kubernetes.io/metadata.name"}

    @pytest.mark.parametrize(
        ("group", "kind"),
        [
            ("security.istio.io", "peerauthentications"),
            ("networking.istio.io", "destinationrules"),
            ("networking.istio.io", "sidecars"),
        ],
    )
    def test_no_policy_of_the_mesh_stays(self, group, kind):
        for namespace in ("istio-system", "settings"):
            found = clients().custom.list_namespaced_custom_object(group, "v1", namespace, kind)
            assert [one["metadata"]["name"] for one in found["items"]] == []

    def test_the_gateway_has_its_own_network_again(self):
        (pod,) = pods("istio-system", "istio=ingressgateway")
        assert not pod.spec.host_network
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"http://{ADDRESSES['node3']}:8080/productpage", timeout=5)


CONFLIST = "/etc/cni/net.d/10-flannel.conflist"


def plugins(name):
    """The types of the CNI plugins of a node."""
    return [one["type"] for one in json.loads(node(name).file(CONFLIST).content_string)["plugins"]]


def modified(name):
    return float(node(name).check_output("stat -c %%.9Y %s", CONFLIST))
