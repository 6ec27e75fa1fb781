# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The address of the page if the gateway is not a NodePort. The test changes the mesh, and restores it."""

from __future__ import annotations

import json

import pytest
from conftest import ADDRESSES

# On node3, because it has no firewall. host_prep does not open the gateway's port on the other nodes.
ON_THE_HOST = {
    "istio_ingress_service_type": "ClusterIP",
    "istio_ingress_host_network": True,
    "istio_ingress_node_selector": {"kubernetes.io/hostname": "node3"},
}


@pytest.fixture
def gateway(play, tmp_path):
    """Change the settings of the gateway, deploy Bookinfo again, and return the output."""

    def change(settings):
        extra = tmp_path / "settings.json"
        extra.write_text(json.dumps(settings))
        mesh = play("playbooks/install_mesh.yml", "-e", f"@{extra}")
        assert mesh["code"] == 0, mesh["errors"]
        page = play("playbooks/deploy_bookinfo.yml")
        assert page["code"] == 0, page["errors"]
        assert page["changed"] == {}
        return page["output"]

    yield change
    restored = play("playbooks/install_mesh.yml")
    assert restored["code"] == 0, restored["errors"]


@pytest.mark.feature("gateway-address")
def test_addresses(gateway, api):
    assert f"Bookinfo: http://{ADDRESSES['node3']}:8080/productpage" in gateway(ON_THE_HOST)
    # There is no load balancer, so the Service stays pending, and the node port is used.
    output = gateway({"istio_ingress_service_type": "LoadBalancer"})
    ports = api.read_namespaced_service("istio-ingressgateway", "istio-system").spec.ports
    (node_port,) = [port.node_port for port in ports if port.port == 80]
    assert any(f"Bookinfo: http://{address}:{node_port}/productpage" in output for address in ADDRESSES.values())
