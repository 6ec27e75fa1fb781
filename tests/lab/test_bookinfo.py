# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A second Bookinfo in its own namespace: sidecars added by istioctl, and the removal."""

from __future__ import annotations

import pytest
from kubernetes.client.exceptions import ApiException

NAMESPACE = "bookinfo-manual"
SETTINGS = ("playbooks/deploy_bookinfo.yml", "-e", f"bookinfo_namespace={NAMESPACE}", "-e", "bookinfo_injection=manual")


@pytest.fixture(scope="module")
def clean(api):
    yield
    try:
        api.delete_namespace(NAMESPACE)
    except ApiException as error:
        assert error.status == 404, error


@pytest.mark.feature("bookinfo-manual", "bookinfo-removed")
def test_manual_injection_and_removal(play, api, custom_api, clean):
    predicted = play(*SETTINGS, "--check")
    done = play(*SETTINGS)
    assert done["code"] == 0, done["errors"]
    assert predicted["changed"] == done["changed"]
    for pod in api.list_namespaced_pod(NAMESPACE).items:
        names = [container.name for container in [*pod.spec.containers, *(pod.spec.init_containers or [])]]
        assert "istio-proxy" in names, pod.metadata.name
    assert api.read_namespace(NAMESPACE).metadata.labels["istio-injection"] == "disabled"
    assert play(*SETTINGS)["changed"] == {}

    removal = (*SETTINGS, "-e", "bookinfo_state=absent")
    predicted = play(*removal, "--check")
    done = play(*removal)
    assert done["code"] == 0, done["errors"]
    assert predicted["changed"] == done["changed"] != {}
    assert not api.list_namespaced_service(NAMESPACE).items
    for plural in ("gateways", "virtualservices", "destinationrules"):
        assert not custom_api.list_namespaced_custom_object("networking.istio.io", "v1", NAMESPACE, plural)["items"]
    assert play(*removal)["changed"] == {}


def test_a_page_that_the_controller_does_not_reach(play, api):
    """Nothing listens there: the message has the address, what happened, and the port to open."""
    address = api.list_node().items[0].status.addresses[0].address
    changed = ["-e", f"__bookinfo_url=http://{address}:9/productpage", "-e", "__bookinfo_attempts=1"]
    run = play("playbooks/deploy_bookinfo.yml", *changed)
    assert run["code"] != 0 and run["changed"] == {}
    said = " ".join(run["output"].split())
    assert f"http://{address}:9/productpage does not answer as it should: Status code was -1" in said
    assert f"open port 9 of {address} for this machine" in said
