# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes to an existing cluster: docs/changes.md says which are applied.

Those that are refused are in mistakes.yml.
"""

from __future__ import annotations

import pytest
from conftest import node
from kubernetes import client

POD_ROUTE = "ip -4 route show 10.244.0.0/24"


def trusted(name):
    """The ranges that firewalld trusts on a node."""
    return node(name).check_output("firewall-cmd --zone=trusted --list-sources").split()


@pytest.fixture
def restored(request, play):
    """Whatever the test has left, the tests after it find the cluster as the inventory describes it."""
    failures = request.session.testsfailed
    yield
    if request.session.testsfailed > failures:
        assert play("site.yml")["code"] == 0


@pytest.mark.feature("flannel", "control-plane")
@pytest.mark.usefixtures("restored")
def test_the_backend_of_flannel(play, api):
    """When the run ends, flannel has restarted everywhere, and the API server reaches the webhook that routes need."""
    apps = client.AppsV1Api(api.api_client)
    for backend, routing, route in (("host-gw", "all-v1", "via 10.87.0.11"), ("vxlan", "default", "dev flannel.1")):
        settings = ["-e", f"flannel_backend={backend}", "-e", f"bookinfo_routing={routing}"]
        run = play("site.yml", *settings)
        assert run["code"] == 0, run["errors"]
        assert "bare.mesh.flannel : Set up the pod network" in run["changed"]["localhost"]
        status = apps.read_namespaced_daemon_set("kube-flannel-ds", "kube-flannel").status
        assert status.updated_number_scheduled == status.number_available == 3
        assert route in node("node2").check_output(POD_ROUTE)
        assert ("10.87.0.11" in trusted("node2")) == (backend == "host-gw")
        assert play("site.yml", "--check", *settings)["changed"] == {}
