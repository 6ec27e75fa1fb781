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
