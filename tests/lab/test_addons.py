# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The add-ons: Prometheus and Jaeger by what they answer, Grafana and Kiali by the API server's dry run."""

from __future__ import annotations

import contextlib
import json
import socket
import time
import urllib.parse
import urllib.request
from functools import partial

import pytest
import truth
import yaml
from conftest import LAB, ROOT
from kubernetes import client

from tests.istio_kinds import load
from tests.module_process import run_module

PLAYBOOK = "playbooks/install_addons.yml"
SETTINGS = ("-e", "istio_addons_tracing=jaeger", "-e", "istio_addons_prometheus_interval=2")
NAMESPACE, SPACE = "istio-system", "addons-test"
ROLE = ROOT / "roles/istio_addons"
LABEL = "bare.mesh/addon"
# Of the targets of Prometheus, one of each sort.
SORTS = ("istiod", "istio-ingressgateway", "productpage")


def objects(api):
    """The names of all objects of add-ons, by their kind."""
    named = {"label_selector": LABEL}
    apps, rights = client.AppsV1Api(api.api_client), client.RbacAuthorizationV1Api(api.api_client)
    found = {
        "ServiceAccount": api.list_service_account_for_all_namespaces(**named),
        "Secret": api.list_secret_for_all_namespaces(**named),
        "ConfigMap": api.list_config_map_for_all_namespaces(**named),
        "Service": api.list_service_for_all_namespaces(**named),
        "Deployment": apps.list_deployment_for_all_namespaces(**named),
        "Role": rights.list_role_for_all_namespaces(**named),
        "RoleBinding": rights.list_role_binding_for_all_namespaces(**named),
        "ClusterRole": rights.list_cluster_role(**named),
        "ClusterRoleBinding": rights.list_cluster_role_binding(**named),
    }
    return {kind: [one.metadata.name for one in listed.items] for kind, listed in found.items() if listed.items}


def wait_for(answer, good, otherwise):
    """Ask again until the answer is good, for a minute at most. Returns the answer."""
    end = time.monotonic() + 60
    while not good(found := answer()):
        assert time.monotonic() < end, (otherwise, found)
        time.sleep(1)
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return partial(truth.play, tmp_path_factory.mktemp("addons") / "runs.jsonl")


@pytest.fixture(scope="module")
def installed(run, api):
    """Prometheus and Jaeger, foretold by check mode, and removed in the end."""
    predicted, done, again = run(PLAYBOOK, *SETTINGS, "--check"), run(PLAYBOOK, *SETTINGS), run(PLAYBOOK, *SETTINGS)
    for one in (predicted, done, again):
        assert one["code"] == 0, one["errors"]
    assert truth.disagreements(predicted, done) == [] and again["changed"] == {}
    yield done
    off = ("-e", '{"istio_addons_prometheus": false}')
    predicted, done, again = run(PLAYBOOK, *off, "--check"), run(PLAYBOOK, *off), run(PLAYBOOK, *off)
    for one in (predicted, done, again):
        assert one["code"] == 0, one["errors"]
    assert truth.disagreements(predicted, done) == [] and again["changed"] == {}
    assert objects(api) == {}


@pytest.mark.feature("prometheus", "dashboards")
def test_prometheus_has_the_metrics_of_the_mesh(installed, run):
    """By the address that the dashboard playbook opens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    opened = run("playbooks/dashboard.yml", "-e", f"dashboard=prometheus dashboard_port={port} dashboard_minutes=1")
    assert opened["code"] == 0 and opened["changed"] == {}, opened["errors"]
    assert f"prometheus: http://127.0.0.1:{port} for 1 minutes" in opened["output"]

    def query(words):
        url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": words})
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]["result"]

    targets = wait_for(
        lambda: query("up == 1"),
        lambda found: {one["metric"].get("app") for one in found} >= set(SORTS),
        "targets are missing",
    )
    instances = [one["metric"]["instance"] for one in targets if "pod" in one["metric"]]
    assert len(instances) == len(set(instances)), "a pod counts twice"
    assert query("sum(pilot_info) > 0") and query("sum(envoy_cluster_upstream_rq_total) > 0")


@pytest.mark.feature("no-storage")
def test_a_cluster_without_storage_classes_is_enough(installed, api):
    """With mesh, Bookinfo and add-ons there. What does not run here is held by a unit test of the roles."""
    assert client.StorageV1Api(api.api_client).list_storage_class().items == []
    assert api.list_persistent_volume_claim_for_all_namespaces().items == []


def curl(*options):
    """From a pod of the mesh, whose sidecar may need a moment to know a new Service."""
    return run_module(
        load("modules", "k8s_exec"),
        kubeconfig=str(LAB / "kubeconfig"),
        namespace="bookinfo",
        label_selectors=["app=ratings"],
        container="ratings",
        command=["curl", "-sS", "--fail", "--max-time", "20", *options],
    )


def shown_traces(service):
    """The traces of a service that Jaeger shows by now."""
    shown = curl(f"http://jaeger.{NAMESPACE}:16686/api/traces?service={service}")
    return json.loads(shown["stdout"])["data"] if shown.get("rc") == 0 else []


@pytest.mark.feature("jaeger")
def test_jaeger_takes_spans_and_shows_them(installed):
    span = {
        "id": "1234567890abcdef",
        "traceId": "1234567890abcdef",
        "name": "lab",
        "timestamp": int(time.time() * 1e6),
        "duration": 1000,
        "localEndpoint": {"serviceName": "addons-test"},
    }
    body = ("-H", "Content-Type: application/json", "-d", json.dumps([span]))
    url = f"http://jaeger.{NAMESPACE}:9411/api/v2/spans"
    wait_for(lambda: curl(*body, url), lambda sent: sent.get("rc") == 0, "not taken")
    (trace,) = wait_for(lambda: shown_traces("addons-test"), bool, "not shown")
    assert [one["operationName"] for one in trace["spans"]] == ["lab"]


@pytest.mark.feature("jaeger")
def test_jaeger_shows_a_request_s_way_through_the_mesh(installed, run, page_url, api):
    """From the gateway to the page: the spans that Istio's proxies send."""
    collector = f"istio_tracing=zipkin istio_tracing_collector=jaeger.{NAMESPACE}:9411 istio_trace_sampling=100"

    def ways():
        with contextlib.suppress(OSError), urllib.request.urlopen(page_url, timeout=30) as answer:
            answer.read()
        traces = shown_traces("productpage.bookinfo")
        return [{one["serviceName"] for one in trace["processes"].values()} for trace in traces]

    try:
        done = run("playbooks/install_mesh.yml", "-e", collector)
        assert done["code"] == 0, done["errors"]
        # A proxy takes the share of requests to trace when it starts, and the gateway decides for the page.
        api.delete_collection_namespaced_pod(NAMESPACE, label_selector="istio=ingressgateway")
        wanted = {f"istio-ingressgateway.{NAMESPACE}", "productpage.bookinfo"}
        wait_for(ways, lambda found: any(way >= wanted for way in found), "no trace of both proxies")
    finally:
        done = run("playbooks/install_mesh.yml")
    assert done["code"] == 0, done["errors"]


def test_the_example_of_the_role(installed, run):
    """It has another interval than these tests."""
    done = run("--check", str(ROOT / "docs/examples/istio_addons.yml"))
    assert done["code"] == 0 and done["changed"] == {"localhost": ["bare.mesh.istio_addons : Run the add-ons"]}


@pytest.fixture
def space(api):
    yield SPACE
    gone = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}
    run_module(load("modules", "k8s"), kubeconfig=str(LAB / "kubeconfig"), resources=[gone], state="absent", wait=True)


def pages(folder, space):
    """A playbook with the tasks of the role for Grafana and Kiali. Their Deployments are only judged by the server."""
    steps = {step["name"]: step for step in yaml.safe_load((ROLE / "tasks/main.yml").read_text())}
    judged, real = steps["Run the add-ons"], dict(steps["Run the add-ons"])
    real["bare.mesh.k8s"] = {
        **judged["bare.mesh.k8s"],
        "resources": "{{ __istio_addons_objects | rejectattr('kind', 'eq', 'Deployment') | list }}",
    }
    texts = "__istio_addons_dashboards.values() | map('from_json') | map(attribute='title') | sort"
    book = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {
            **yaml.safe_load((ROLE / "defaults/main/main.yml").read_text()),
            "istio_addons_namespace": space,
            "istio_addons_grafana": True,
            "istio_addons_kiali": True,
            "bare_mesh_cache_dir": str(folder / "cache"),
        },
        "vars_files": [str(path) for path in sorted((ROLE / "vars/main").glob("*.yml"))],
        "roles": ["bare.mesh.common"],
        "tasks": [
            steps["Get the dashboards of Istio's release"],
            {"name": "Look at the dashboards", "ansible.builtin.debug": {"msg": f"{{{{ {texts} }}}}"}},
            steps["Find the add-ons that are there"],
            steps["Make the passwords and keys that are missing"],
            {**real, "name": "Make what is no pod"},
            {**judged, "name": "Judge the pods", "check_mode": True},
        ],
    }
    (folder / "templates").symlink_to(ROLE / "templates")
    (folder / "book.yml").write_text(yaml.safe_dump([book]))
    return str(folder / "book.yml")


@pytest.mark.feature("passwords")
def test_grafana_and_kiali_up_to_their_pods(installed, run, api, space, tmp_path):
    """In another namespace: what is there in it is no longer asked for by the next run of the role."""

    def secrets():
        return {one.metadata.name: one.data for one in api.list_namespaced_secret(space).items}

    book = pages(tmp_path, space)
    first = run(book, "-vvv")
    assert first["code"] == 0, first["errors"]
    for title in ("Istio Mesh Dashboard", "Istio Service Dashboard", "Istio Control Plane Dashboard"):
        assert title in first["output"]
    made = wait_for(secrets, lambda found: "token" in (found.get("kiali-user") or {}), "there is no token of Kiali")
    assert set(made) == {"grafana", "kiali", "kiali-user"} and set(made["grafana"]) == {"user", "password"}
    assert len(made["grafana"]["password"]) == 32 and made["grafana"]["password"] not in first["output"]
    again = run(book)
    assert again["code"] == 0 and again["changed"] == {"localhost": ["Judge the pods"]}, again["errors"]
    assert secrets() == made

    removed = run(PLAYBOOK, *SETTINGS)
    assert removed["changed"] == {"localhost": ["bare.mesh.istio_addons : Remove add-ons that are switched off"]}
    assert secrets() == {}
    assert {name for names in objects(api).values() for name in names} == {
        "prometheus",
        "jaeger",
        f"prometheus-{NAMESPACE}",
    }


def test_wrong_settings_are_refused_together_and_first(run):
    wrong = {
        "istio_addons_prometheus": False,
        "istio_addons_kiali": True,
        "istio_addons_prometheus_retention": "long",
        "istio_addons_images": {"loki": "x"},
    }
    done = run(PLAYBOOK, "-e", json.dumps(wrong))
    assert done["code"] != 0 and done["changed"] == {}
    for said in (
        "istio_addons_kiali is true, and istio_addons_prometheus is false",
        "istio_addons_prometheus_retention is long: set it to",
        "istio_addons_resources names loki, and the add-ons are",
    ):
        assert said in " ".join(done["output"].split())


def test_a_page_of_what_does_not_run_is_refused(installed, run):
    done = run("playbooks/dashboard.yml", "-e", "dashboard=kiali")
    assert done["code"] != 0 and "kiali does not run in istio-system: switch it on" in " ".join(done["output"].split())
