# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page, as a user gets it, and the mesh that serves it."""

from __future__ import annotations

import subprocess
import urllib.request

import pytest
from conftest import ISTIO, ROOT


@pytest.mark.feature("page-outside")
def test_page_answers_with_title_details_and_reviews(page_url):
    with urllib.request.urlopen(page_url, timeout=30) as answer:
        page = answer.read().decode()
        assert answer.status == 200
        assert answer.headers["server"] == "istio-envoy"
    assert "<title>Simple Bookstore App</title>" in page
    assert "William Shakespeare" in page or "PublisherA" in page
    assert "Reviewer1" in page


@pytest.mark.feature("gateway-address")
def test_make_url_prints_the_address_alone(page_url):
    done = subprocess.run(["make", "-s", "url"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == page_url + "\n"


@pytest.mark.feature("injection-automatic", "bookinfo-automatic")
def test_every_pod_of_bookinfo_has_its_sidecar(api):
    pods = api.list_namespaced_pod("bookinfo").items
    assert len(pods) == 6
    for pod in pods:
        names = [container.name for container in [*pod.spec.containers, *(pod.spec.init_containers or [])]]
        assert "istio-proxy" in names, pod.metadata.name


@pytest.mark.feature("bookinfo-rules")
def test_every_service_of_bookinfo_has_its_versions(api, custom_api):
    found = custom_api.list_namespaced_custom_object("networking.istio.io", "v1", "bookinfo", "destinationrules")
    rules = {one["spec"]["host"]: one["spec"]["subsets"] for one in found["items"]}
    versions = {"productpage": ["v1"], "details": ["v1"], "ratings": ["v1"], "reviews": ["v1", "v2", "v3"]}
    assert {host: [subset["name"] for subset in rules.get(host, [])] for host in versions} == versions
    for host in versions:
        for subset in rules[host]:
            labels = {"app": host, **subset["labels"]}
            selector = ",".join(f"{name}={value}" for name, value in labels.items())
            (pod,) = api.list_namespaced_pod("bookinfo", label_selector=selector).items
            assert pod.status.phase == "Running"


def test_mesh_is_of_the_wanted_version(api):
    (istiod,) = api.list_namespaced_pod("istio-system", label_selector="app=istiod").items
    assert istiod.spec.containers[0].image.endswith(f":{ISTIO}")


def test_istio_resources_are_found_by_their_kind(custom_api):
    found = custom_api.list_namespaced_custom_object("networking.istio.io", "v1", "bookinfo", "virtualservices")
    assert [item["metadata"]["name"] for item in found["items"]]


@pytest.mark.feature("verify", "page-inside")
def test_verify_playbook_passes_and_changes_nothing(play):
    run = play("playbooks/verify.yml")
    assert run["code"] == 0, run["errors"]
    assert run["changed"] == {}
