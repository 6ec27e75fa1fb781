# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why calls get 503: Bookinfo's reviews are broken in three ways, and each time that cause alone is found."""

from __future__ import annotations

import contextlib
import stat

import pytest
import truth
from conftest import LAB
from mesh_world import wait_until
from test_traffic import run_in

from tests.istio_kinds import load
from tests.module_process import run_module

NAMESPACE = "bookinfo"
RULES = ("networking.istio.io", "v1", NAMESPACE, "destinationrules", "reviews")
ROUTES = ("networking.istio.io", "v1", NAMESPACE, "virtualservices")
POLICIES = ("security.istio.io", "v1", NAMESPACE, "peerauthentications")
ROUTE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "diagnosis", "namespace": NAMESPACE},
    "spec": {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews", "subset": "v9"}}]}]},
}
STRICT = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "diagnosis", "namespace": NAMESPACE},
    "spec": {"mtls": {"mode": "STRICT"}},
}


def faults(destination="reviews"):
    """What is found between the ratings, which have curl, and the reviews: checks and messages."""
    found = run_module(
        load("modules", "traffic_diagnosis"),
        kubeconfig=str(LAB / "kubeconfig"),
        namespace=NAMESPACE,
        name="ratings-v1",
        destination=destination,
        port=9080,
    )
    assert "failed" not in found, found
    return [(one["check"], one["message"]) for one in found["findings"] if not one["ok"]]


@pytest.fixture(scope="module", autouse=True)
def restored(tmp_path_factory):
    """Bookinfo as its role has it: the fields that the tests have edited and put back belong to their client, too."""
    yield
    done = truth.play(tmp_path_factory.mktemp("diagnosis") / "runs.jsonl", "playbooks/deploy_bookinfo.yml")
    assert done["code"] == 0, done["errors"]


@pytest.fixture
def settled(api):
    """Wait until calls get a status and the checks that find a fault are these. Returns the messages."""
    url = "http://reviews:9080/reviews/0"
    command = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10", url)
    last = []

    def wait(status, checks):
        def reached():
            last[:] = [run_in(api, "ratings", "ratings", *command).strip(), faults()]
            return last[0] == status and [check for check, _message in last[1]] == checks

        wait_until(reached, last)
        return [message for _check, message in last[1]]

    return wait


@contextlib.contextmanager
def selecting(api, app):
    """Let the Service of the reviews select pods of another application."""
    api.patch_namespaced_service("reviews", NAMESPACE, {"spec": {"selector": {"app": app}}})
    try:
        yield
    finally:
        api.patch_namespaced_service("reviews", NAMESPACE, {"spec": {"selector": {"app": "reviews"}}})


@contextlib.contextmanager
def created(custom_api, kind, content):
    custom_api.create_namespaced_custom_object(*kind, content)
    try:
        yield
    finally:
        custom_api.delete_namespaced_custom_object(*kind, content["metadata"]["name"])


@contextlib.contextmanager
def plain(custom_api):
    """Let clients call the reviews without TLS."""
    before = custom_api.get_namespaced_custom_object(*RULES)["spec"].get("trafficPolicy")
    custom_api.patch_namespaced_custom_object(*RULES, {"spec": {"trafficPolicy": {"tls": {"mode": "DISABLE"}}}})
    try:
        yield
    finally:
        # What a merge does not name stays, so remove it first.
        for policy in (None, before):
            custom_api.patch_namespaced_custom_object(*RULES, {"spec": {"trafficPolicy": policy}})


@pytest.mark.feature("causes-of-503")
def test_a_selector_that_matches_nothing(api, settled):
    settled("200", [])
    with selecting(api, "nobody"):
        (message,) = settled("503", ["endpoints"])
    assert message.startswith("Service bookinfo/reviews has no ready endpoint: its selector app=nobody matches no pod.")
    settled("200", [])


@pytest.mark.feature("causes-of-503")
def test_a_route_to_a_subset_that_is_not_defined(custom_api, settled):
    with created(custom_api, ROUTES, ROUTE):
        (message,) = settled("503", ["routes"])
    assert message.startswith("VirtualService bookinfo/diagnosis: spec.http[0].route[0].destination.subset: ")
    assert "has the subset 'v9'" in message and "DestinationRule bookinfo/reviews" in message
    settled("200", [])


@pytest.mark.feature("causes-of-503")
def test_plain_text_against_strict(custom_api, settled):
    with created(custom_api, POLICIES, STRICT):
        settled("200", [])
        with plain(custom_api):
            (message,) = settled("503", ["mtls"])
        settled("200", [])
    assert message == (
        "PeerAuthentication bookinfo/diagnosis wants mutual TLS (STRICT), and by DestinationRule bookinfo/reviews"
        " clients speak DISABLE. Remove tls from DestinationRule bookinfo/reviews, or set its mode to ISTIO_MUTUAL"
    )
    settled("200", [])


def test_a_service_and_a_port_that_are_not_there():
    assert [check for check, _message in faults("review")] == ["service"]


@pytest.mark.feature("logs")
def test_the_playbook_collects_the_logs(api, play, settled, tmp_path):
    options = ("-e", "diagnose_from=bookinfo/ratings-v1", "-e", "diagnose_to=reviews:9080")
    options += ("-e", f"diagnose_directory={tmp_path}/logs", "playbooks/diagnose.yml")
    with selecting(api, "nobody"):
        settled("503", ["endpoints"])
        broken = play(*options, "--check")
    assert broken["code"] != 0 and "its selector app=nobody matches no pod" in broken["output"]
    assert not (tmp_path / "logs").exists()
    settled("200", [])
    done = play(*options)
    assert done["code"] == 0, done["errors"]
    assert done["changed"] == broken["changed"] != {}
    files = list((tmp_path / "logs").iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    # Istio's programs write so, in whatever they say.
    for pod, container in (
        ("istio-system_istiod-", "discovery"),
        ("bookinfo_ratings-v1-", "istio-proxy"),
        ("bookinfo_reviews-v1-", "istio-proxy"),
    ):
        (path,) = (tmp_path / "logs").glob(f"{pod}*_{container}.log")
        assert "\tinfo\t" in path.read_text(encoding="utf-8"), path
    assert len([path for path in files if path.name.endswith("_ratings.log")]) == 1
    reviews = [path.read_text(encoding="utf-8") for path in files if path.name.endswith("_reviews.log")]
    assert len(reviews) == 3 and any("GET /reviews/0 " in text for text in reviews)
