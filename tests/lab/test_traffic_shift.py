# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""traffic_shift on Bookinfo, with the metrics that the add-on Prometheus collects while requests come in.

The lab's proxies lack Istio's own metrics (docs/lab.md), so the gates ask for those of Envoy, which productpage's proxy
has of its calls.
"""

from __future__ import annotations

import contextlib
import threading
from functools import partial

import pytest
import truth
from conftest import LAB
from kubernetes.client.exceptions import ApiException
from test_traffic import FAULTY, NAMESPACE, pages, pod_of, until, versions

from tests.istio_kinds import load
from tests.module_process import run_module

pytestmark = pytest.mark.lifecycle
# Prometheus collects every two seconds, so that a pause of half a minute is enough.
ADDONS = ("playbooks/install_addons.yml", "-e", "istio_addons_prometheus_interval=2")
PAUSE = 30
BAD = "v9"
COUNTED = 'sum(rate(envoy_cluster_upstream_rq{app="productpage",cluster_name=~"outbound.9080.%s.%s..*",%s}[20s]))'
CALLER = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "productpage-v1", "namespace": NAMESPACE},
}
STATS = "sidecar.istio.io/statsInclusionPrefixes"


def rate(app, subset, answers="response_code_class=~'.+'"):
    """The requests a second from productpage to a subset."""
    return COUNTED % (subset, app, answers)


def success(app, subset):
    """A gate: of the answers of the subset, 99 of 100 at least are good."""
    good = rate(app, subset, "response_code_class='2xx'")
    return {"name": "success", "query": f"100 * ({good} or vector(0)) / ({rate(app, subset)} > 0)", "minimum": 99}


def call(module, /, check=False, **arguments):
    """Run a module on the lab's cluster."""
    return run_module(load("modules", module), check=check, kubeconfig=str(LAB / "kubeconfig"), **arguments)


def count_calls(prefixes):
    """Let productpage's proxy count its calls by destination, or not any more."""
    body = {**CALLER, "spec": {"template": {"metadata": {"annotations": {STATS: prefixes}}}}}
    done = call("k8s", state="patched", resources=[body], wait=True)
    assert "failed" not in done, done


@pytest.fixture(scope="module", autouse=True)
def prometheus(tmp_path_factory):
    """Prometheus, removed in the end, and Bookinfo's routes as they were."""
    play = partial(truth.play, tmp_path_factory.mktemp("shift") / "runs.jsonl")
    done = play(*ADDONS)
    assert done["code"] == 0, done["errors"]
    count_calls("cluster.outbound")
    yield
    count_calls(None)
    ends = [
        play(*ADDONS, "-e", '{"istio_addons_prometheus": false}'),
        play("playbooks/deploy_bookinfo.yml"),
    ]
    for done in ends:
        assert done["code"] == 0, done["errors"]


@pytest.fixture
def visitors(page_url):
    """Ask for the page all the time. Each page asks for details and for reviews."""
    over = threading.Event()

    def visit():
        while not over.wait(0.1):
            # What the visitors see is judged by the metrics.
            with contextlib.suppress(OSError):
                pages(page_url, 4)

    thread = threading.Thread(target=visit)
    thread.start()
    yield
    over.set()
    thread.join()


def weighted(app, first, second, weights):
    return [
        {"destination": {"host": app, "subset": subset}, "weight": weight}
        for subset, weight in zip((first, second), weights)
    ]


def routes(app, first, second, weights=(100, 0)):
    """Send requests to two versions of an app. Returns whether that changed something."""
    subsets = [{"name": name, "labels": {"version": name}} for name in (first, second)]
    common = {"name": app, "namespace": NAMESPACE}
    ruled = call("destination_rule", host=app, subsets=subsets, **common)
    assert "failed" not in ruled, ruled
    routed = call("virtual_service", hosts=[app], http=[{"route": weighted(app, first, second, weights)}], **common)
    assert "failed" not in routed, routed
    return routed["changed"]


def spec(custom_api, app):
    found = custom_api.get_namespaced_custom_object("networking.istio.io", "v1", NAMESPACE, "virtualservices", app)
    return found["spec"]


def shift(app, to, check=False, **options):
    arguments = {"name": app, "host": app, "to": to, "namespace": NAMESPACE, "steps": [50, 100], "pause": PAUSE}
    return call("traffic_shift", check=check, **{**arguments, "gates": [success(app, to)], **options})


@pytest.mark.feature("canary-metrics")
def test_a_good_version_gets_everything(visitors, custom_api, page_url):
    routes("reviews", "v1", "v3")
    until(lambda: set(versions(page_url, 20)) == {"v1"})
    before = spec(custom_api, "reviews")
    predicted = shift("reviews", "v3", check=True)
    assert "failed" not in predicted and predicted["changed"], predicted
    assert spec(custom_api, "reviews") == before
    done = shift("reviews", "v3")
    assert "failed" not in done, done
    assert (done["diff"], done["weights"]) == (predicted["diff"], predicted["weights"])
    assert [one["percent"] for one in done["steps"]] == [50, 100] and not done["rolled_back"]
    for step in done["steps"]:
        [gate] = step["gates"]
        assert gate["value"] == 100, step
    assert set(versions(page_url, 30)) == {"v3"}
    # The list of routes is as before but for the weights.
    assert spec(custom_api, "reviews") == {
        **before,
        "http": [{**before["http"][0], "route": weighted("reviews", "v1", "v3", (0, 100))}],
    }
    for check in (True, False):
        again = shift("reviews", "v3", check=check)
        assert "failed" not in again and not again["changed"] and again["steps"] == []

    # A playbook with the new weights takes the list over again, once; one with the old weights brings these back.
    assert routes("reviews", "v1", "v3", (0, 100)) and not routes("reviews", "v1", "v3", (0, 100))
    assert routes("reviews", "v1", "v3") and spec(custom_api, "reviews") == before


@pytest.fixture
def faulty(api):
    """A version of details that answers all requests with 500, behind a sidecar that counts them."""
    image = pod_of(api, app="details").spec.containers[0].image
    name = f"details-{BAD}"
    labels = {"app": "details", "version": BAD, "sidecar.istio.io/inject": "true"}
    container = {"name": "details", "image": image, "command": ["python3", "-c", FAULTY]}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }

    def ready():
        found = api.read_namespaced_pod(name, NAMESPACE).status.conditions or []
        return any(one.type == "Ready" and one.status == "True" for one in found)

    # Nobody calls it before its route has a weight.
    routes("details", "v1", BAD)
    api.create_namespaced_pod(NAMESPACE, body)
    try:
        until(ready, 120)
        yield
    finally:
        api.delete_namespaced_pod(name, NAMESPACE)

        def gone():
            try:
                api.read_namespaced_pod(name, NAMESPACE)
            except ApiException as error:
                assert error.status == 404, error
                return True
            return False

        until(gone, 60)


@pytest.mark.feature("canary-metrics")
def test_a_bad_version_loses_what_it_has_got(visitors, faulty, custom_api):
    before = spec(custom_api, "details")
    done = shift("details", BAD)
    assert done.get("failed") and done["rolled_back"], done
    assert f"VirtualService {NAMESPACE}/details, step to 50 percent: gate success: measured 0, " in done["msg"]
    [step] = done["steps"]
    assert step["gates"][0]["ok"] is False
    assert spec(custom_api, "details") == before


@pytest.mark.feature("canary-metrics")
def test_a_query_that_is_not_met_goes_back_from_a_later_step(visitors, custom_api):
    routes("reviews", "v1", "v3")
    before = spec(custom_api, "reviews")
    # Version 3 may have up to three quarters of the requests.
    query = f"{rate('reviews', 'v3')} / {rate('reviews', 'v[13]')}"
    share = {"name": "share", "query": query, "maximum": 0.75}
    done = shift("reviews", "v3", gates=[success("reviews", "v3"), share])
    assert done.get("failed") and done["rolled_back"], done
    assert [one["percent"] for one in done["steps"]] == [50, 100]
    assert "step to 100 percent: gate share: measured" in done["msg"] and "at most 0.75 is allowed" in done["msg"]
    assert spec(custom_api, "reviews") == before


def test_metrics_that_nobody_has(visitors, custom_api):
    """Istio's own, here: without a value, no gate is met."""
    routes("reviews", "v1", "v3")
    before = spec(custom_api, "reviews")
    done = shift("reviews", "v3", gates=[{"success_rate": {"minimum": 99}}], pause=5)
    assert done.get("failed") and done["rolled_back"] and "gate success_rate" in done["msg"], done
    assert spec(custom_api, "reviews") == before
