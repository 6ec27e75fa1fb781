# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes to an existing cluster: docs/changes.md says which are applied.

Those that are refused are in mistakes.yml.
"""

from __future__ import annotations

from conftest import node
from kubernetes import client

POD_ROUTE = "ip -4 route show 10.244.0.0/24"


def test_the_backend_of_flannel(play, api):
    """When the run ends, flannel has restarted on every node, and back again."""
    apps = client.AppsV1Api(api.api_client)
    for backend, device in (("host-gw", "via 10.87.0.11"), ("vxlan", "dev flannel.1")):
        run = play("playbooks/install_kubernetes.yml", "-e", f"flannel_backend={backend}")
        assert run["code"] == 0 and run["changed"] == {"localhost": ["bare.mesh.flannel : Set up the pod network"]}, (
            run["output"]
        )
        status = apps.read_namespaced_daemon_set("kube-flannel-ds", "kube-flannel").status
        assert status.updated_number_scheduled == status.number_available == 3
        assert device in node("node2").check_output(POD_ROUTE)
        assert play("playbooks/install_kubernetes.yml", "-e", f"flannel_backend={backend}")["changed"] == {}
