# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Routing scenarios, measured at the gateway. Each scenario is one run of one playbook."""

from __future__ import annotations

import re
import time
import urllib.parse
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar

import pytest
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

NAMESPACE = "bookinfo"
MIRROR = "10.87.0.10"
# The cluster's DNS server has a name for every address: the mirror is no part of the mesh.
EXTERNAL = f"{MIRROR.replace('.', '-')}.{NAMESPACE}.pod.cluster.local"
NO_REVIEWS = "product reviews are currently unavailable"


def opener(url, user=None):
    """A new HTTP client with its own cookies, signed in if a user is given."""
    made = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    if user:
        form = urllib.parse.urlencode({"username": user, "passwd": ""}).encode()
        made.open(urllib.parse.urljoin(url, "login"), form, timeout=30).close()
    return made


def pages(url, times, user=None):
    """The texts of pages that are requested at the same time, and the seconds that each took."""
    browser = opener(url, user)

    def timed(_number):
        started = time.monotonic()
        with browser.open(url, timeout=30) as answer:
            text = answer.read().decode()
        return text, time.monotonic() - started

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(timed, range(times)))


def versions(url, times, user=None):
    """The number of pages per version of reviews."""
    found = [re.search(r"reviews-(v\d)-[0-9a-f]+-\w+", text) for text, _seconds in pages(url, times, user)]
    assert all(found), "a page does not contain a pod name"
    return Counter(one[1] for one in found)


def pod_of(api, **labels):
    """The only running pod with these labels."""
    [pod] = api.list_namespaced_pod(NAMESPACE, label_selector=",".join(f"{k}={v}" for k, v in labels.items())).items
    return pod


def run_in(api, app, container, *command):
    """The output of a command in a container of the only pod of the app."""
    return stream(
        api.connect_get_namespaced_pod_exec,
        pod_of(api, app=app).metadata.name,
        NAMESPACE,
        container=container,
        command=list(command),
        stderr=False,
        stdin=False,
        stdout=True,
        tty=False,
    )


def statuses(api, url, times, *options):
    """The status of each request that the pod of ratings makes, and whether its proxy had too many of them."""
    form = "%{http_code} %header{x-envoy-overloaded}\\n"
    command = ["curl", "-s", "--max-time", "10", "-o", "/dev/null", "-w", form, *options, f"{url}?request=[1-{times}]"]
    return Counter(line.strip() for line in run_in(api, "ratings", "ratings", *command).splitlines())


def clusters(api):
    """What the proxy of ratings says about its connections."""
    return run_in(api, "ratings", "istio-proxy", "pilot-agent", "request", "GET", "clusters")


def until(condition, seconds=30):
    """Wait until the condition is true, and return it. Fails if it is not in time."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "not in time"
        time.sleep(0.5)
    return found


@pytest.fixture
def route(play):
    def switch(scenario, *options):
        """Run the playbook once. Returns the changed tasks."""
        run = play("playbooks/deploy_bookinfo.yml", "-e", f"bookinfo_routing={scenario}", *options)
        assert run["code"] == 0, run["errors"]
        return run["changed"]

    return switch


@pytest.mark.feature("routing-half", "weights")
def test_half_and_half(route, page_url):
    changed = route("reviews-50-50")
    assert list(changed) == ["localhost"]
    assert len(changed["localhost"]) == 1, changed
    assert route("reviews-50-50") == {}
    served = versions(page_url, 200)
    assert set(served) == {"v1", "v3"}
    assert 70 <= served["v1"] <= 130, served


@pytest.mark.feature("routing-jason")
def test_jason_alone_gets_v2(route, page_url):
    changed = route("jason-v2")
    assert len(changed["localhost"]) == 1, changed
    assert versions(page_url, 20, "jason") == {"v2": 20}
    assert versions(page_url, 20, "mary") == {"v1": 20}
    assert versions(page_url, 20) == {"v1": 20}


@pytest.mark.feature("routing-all-v1", "routing-v3")
@pytest.mark.parametrize(
    ("scenario", "expected"), [("all-v1", {"v1"}), ("reviews-v3", {"v3"}), ("default", {"v1", "v2", "v3"})]
)
def test_other_scenarios(route, page_url, scenario, expected):
    assert len(route(scenario)["localhost"]) == 1
    assert set(versions(page_url, 30)) == expected


def test_late_ratings_for_jason(route, page_url):
    assert len(route("ratings-delay-jason")["localhost"]) == 1
    for text, seconds in pages(page_url, 4, "jason"):
        assert NO_REVIEWS in text
        # Two attempts of three seconds, of the seven that the ratings take.
        assert 6 <= seconds < 7
    assert versions(page_url, 20, "mary") == {"v1": 20}
    assert max(seconds for _text, seconds in pages(page_url, 20)) < 3


def test_no_ratings_for_jason(route, page_url):
    assert len(route("ratings-abort-jason")["localhost"]) == 1
    for text, seconds in pages(page_url, 20, "jason"):
        assert text.count("Ratings service is currently unavailable") == 2
        assert re.search("reviews-v2-", text)
        assert seconds < 3
    assert versions(page_url, 20, "mary") == {"v1": 20}


def test_timeout_of_reviews(route, page_url):
    assert len(route("reviews-timeout")["localhost"]) == 1
    for text, seconds in pages(page_url, 8):
        assert NO_REVIEWS in text
        # Two attempts of half a second, of the two seconds that the ratings take.
        assert 1 <= seconds < 2


def test_mirrored_requests(route, page_url, api):
    """The delay and the timeout of the scenario before are gone, too: each page has reviews."""

    def served(version):
        pod = pod_of(api, app="reviews", version=version).metadata.name
        return api.read_namespaced_pod_log(pod, NAMESPACE, container="reviews").count("GET /reviews/0 ")

    assert len(route("reviews-mirror")["localhost"]) == 1
    # The page does not show who gets copies, so wait for the first one.
    before = served("v3")
    until(lambda: versions(page_url, 1) == {"v1": 1} and served("v3") > before)
    time.sleep(1)
    before = {version: served(version) for version in ("v1", "v2", "v3")}
    assert versions(page_url, 50) == {"v1": 50}
    until(lambda: served("v3") - before["v3"] >= 50)
    assert {version: served(version) - before[version] for version in before} == {"v1": 50, "v2": 0, "v3": 50}


FAULTY = """
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

HTTPServer(("", 9080), Handler).serve_forever()
"""


@pytest.fixture
def faulty(api):
    """Start a second pod of details, which answers all requests with 500. Returns its address and port."""
    image = pod_of(api, app="details").spec.containers[0].image
    container = {"name": "details", "image": image, "command": ["python3", "-c", FAULTY]}
    meta = {"name": "details-faulty", "labels": {"app": "details", "version": "v1"}}

    def start():
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
        api.create_namespaced_pod(NAMESPACE, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        return f"{until(lambda: api.read_namespaced_pod(meta['name'], NAMESPACE).status.pod_ip)}:9080"

    yield start
    try:
        api.delete_namespaced_pod(meta["name"], NAMESPACE)
    except ApiException as error:
        assert error.status == 404, error


@pytest.mark.feature("connection-pools", "outliers")
def test_circuit_breaker(route, page_url, api, faulty):
    address, details = "outbound|9080||details.bookinfo.svc.cluster.local", "http://details:9080/details/0"
    # The routes of the scenario before go, too.
    route("circuit-breaker")
    until(lambda: f"{address}::default_priority::max_connections::1\n" in clusters(api))

    assert statuses(api, details, 20) == {"200": 20}
    many = statuses(api, details, 60, "--parallel", "--parallel-immediate", "--parallel-max", "30")
    assert set(many) == {"200", "503 true"}, many
    assert many["503 true"] >= 10, many

    host = f"{address}::{faulty()}"
    until(lambda: f"{host}::health_flags::healthy" in clusters(api))
    until(lambda: statuses(api, details, 1) == {"500": 1})
    until(lambda: f"{host}::health_flags::/failed_outlier_check" in clusters(api))
    # Envoy merges changes of health within a second before it tells its threads.
    time.sleep(1.5)
    assert statuses(api, details, 30) == {"200": 30}

    assert len(route("default")["localhost"]) == 1
    until(lambda: f"{address}::default_priority::max_connections::1\n" not in clusters(api))
    # Without the scenario, nothing overflows.
    assert "503 true" not in statuses(api, details, 60, "--parallel", "--parallel-immediate", "--parallel-max", "30")


@pytest.mark.feature("egress-intercept-all")
def test_hosts_outside_of_the_mesh(route, page_url, api):
    option = ("-e", f"bookinfo_external_host={EXTERNAL}")

    def answers(host):
        return [*statuses(api, f"http://{host}/", 10), *statuses(api, f"https://{host}/", 10, "--insecure")]

    # The mirror has no page at /, but says so itself.
    assert answers(EXTERNAL) == ["403", "403"]
    predicted = route("egress-blocked", *option, "--check")
    assert route("egress-blocked", *option) == predicted != {}
    until(lambda: answers(EXTERNAL) == ["502", "000"])
    assert len(route("egress-allowed", *option)["localhost"]) == 1
    assert route("egress-allowed", *option) == {}
    until(lambda: answers(EXTERNAL) == ["403", "403"])
    # No other name, although it is the same host.
    assert answers(EXTERNAL.replace(NAMESPACE, "default")) == ["502", "000"]
    assert sum(versions(page_url, 20).values()) == 20


def test_a_name_that_is_no_external_host(play):
    run = play("playbooks/deploy_bookinfo.yml", "-e", "bookinfo_external_host=http://www.example.com/")
    assert run["code"] != 0 and run["changed"] == {}
    assert "bookinfo_external_host is http://www.example.com/: set it to the full name" in run["output"]


def test_shifted_connections(route, api):
    def served(*options):
        """The versions that answer 100 requests over TCP."""
        url = "http://reviews-tcp:9080/reviews/0?request=[1-100]"
        found = run_in(api, "ratings", "ratings", "curl", "-s", "--max-time", "10", *options, url)
        return Counter(re.findall(r'"reviews-(v\d)-', found))

    predicted = route("tcp-80-20", "--check")
    assert route("tcp-80-20") == predicted != {}
    shares = served("-H", "Connection: close")
    assert set(shares) == {"v1", "v3"}
    assert 64 <= shares["v1"] <= 95, shares
    # All requests over one connection get the same version.
    assert list(served().values()) == [100]
    assert route("default") != {}
    assert "reviews-tcp" not in {one.metadata.name for one in api.list_namespaced_service(NAMESPACE).items}
