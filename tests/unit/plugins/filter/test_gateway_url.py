# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from pathlib import Path

import jmespath
import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.bare.mesh.plugins.filter.gateway_url import FilterModule

gateway_url = FilterModule().filters()["gateway_url"]
QUERY = yaml.safe_load((Path(__file__).resolve().parents[4] / "meta/cluster.yml").read_text())[
    "__bare_mesh_gateway_query"
]


def service(kind="NodePort", node_port=31380, target=8080, ingress=None):
    port = {"name": "http2", "port": 80, "targetPort": target, **({"nodePort": node_port} if node_port else {})}
    return {
        "kind": "Service",
        "metadata": {"name": "istio-ingressgateway", "namespace": "istio-system"},
        "spec": {"type": kind, "ports": [{"name": "status-port", "port": 15021, "nodePort": 30021}, port]},
        "status": {"loadBalancer": {"ingress": ingress} if ingress else {}},
    }


def pod(host="192.0.2.12", phase="Running", host_network=False, **metadata):
    container = {"name": "istio-proxy", "ports": [{"name": "http", "containerPort": 8080}]}
    return {
        "kind": "Pod",
        "metadata": {"name": "gateway", **metadata},
        "spec": {"containers": [container], **({"hostNetwork": True} if host_network else {})},
        "status": {"phase": phase, "hostIP": host},
    }


@pytest.mark.parametrize(
    ("balancer", "url"),
    [
        ({"ip": "198.51.100.7"}, "http://198.51.100.7:80"),
        ({"hostname": "lb.example.org"}, "http://lb.example.org:80"),
        ({"ip": "2001:db8::7"}, "http://[2001:db8::7]:80"),
    ],
)
def test_load_balancer(balancer, url):
    assert gateway_url([pod(), service("LoadBalancer", ingress=[balancer])]) == url


def test_pending_load_balancer_falls_back_to_its_node_port():
    assert gateway_url([service("LoadBalancer"), pod()]) == "http://192.0.2.12:31380"


def test_node_port_is_asked_for_where_a_pod_runs():
    pods = [
        pod("192.0.2.11", phase="Pending"),
        pod("192.0.2.10", deletionTimestamp="now"),
        pod("192.0.2.13"),
        pod("192.0.2.12"),
    ]
    assert gateway_url([service(), *pods]) == "http://192.0.2.12:31380"


@pytest.mark.parametrize("target", [8080, "http"])
def test_host_network(target):
    found = gateway_url([service("ClusterIP", node_port=None, target=target), pod(host_network=True)])
    assert found == "http://192.0.2.12:8080"


@pytest.mark.parametrize(
    "objects",
    [
        [service("LoadBalancer", ingress=[{"ip": "198.51.100.7"}])],
        [service(), pod("192.0.2.11", phase="Pending"), pod("192.0.2.10", deletionTimestamp="now"), pod("192.0.2.13")],
        [service("ClusterIP", node_port=None, target="http"), pod(host_network=True)],
    ],
)
def test_what_the_roles_read_of_the_objects_is_enough(objects):
    assert gateway_url(jmespath.search(QUERY, objects)) == gateway_url(objects)
    with pytest.raises(AnsibleFilterError, match="no ingress gateway with these labels"):
        gateway_url(jmespath.search(QUERY, []))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([service("ClusterIP", node_port=None), pod()],), "of type ClusterIP and cannot be reached from outside"),
        (([service(), pod(phase="Pending")],), "no pod of the service istio-system/istio-ingressgateway is running"),
        (([service(), pod()], 443), "has no port 443"),
        (([pod()],), "no ingress gateway with these labels"),
    ],
)
def test_what_cannot_be_reached_says_so(arguments, message):
    with pytest.raises(AnsibleFilterError, match=message):
        gateway_url(*arguments)


def host(name, ssh_address, node_ip=""):
    """An entry of cluster_hosts. Without facts, its node_ip is the address of SSH."""
    return {"name": name, "node_name": name.lower(), "ssh_address": ssh_address, "node_ip": node_ip or ssh_address}


def on(node, address, **options):
    found = pod(address, **options)
    found["spec"]["nodeName"] = node
    return found


CLOUD = [host("CP1", "203.0.113.1"), host("W1", "203.0.113.2"), host("w2", "w2.example.com")]
NODE_PORT = service()
HOST_NETWORK = service("ClusterIP", node_port=None)


@pytest.mark.parametrize(
    ("objects", "url"),
    [
        ([NODE_PORT, on("w1", "10.0.0.2"), on("w2", "10.0.0.3")], "http://203.0.113.2:31380"),
        ([NODE_PORT, on("w2", "10.0.0.3")], "http://w2.example.com:31380"),
        ([HOST_NETWORK, on("w1", "10.0.0.2", host_network=True)], "http://203.0.113.2:8080"),
        ([service("LoadBalancer"), on("w1", "10.0.0.2")], "http://203.0.113.2:31380"),
        # A load balancer that gives the addresses of nodes, and one that has its own.
        ([service("LoadBalancer", ingress=[{"ip": "10.0.0.2"}]), on("w1", "10.0.0.2")], "http://203.0.113.2:80"),
        ([service("LoadBalancer", ingress=[{"ip": "10.0.0.99"}]), on("w1", "10.0.0.2")], "http://10.0.0.99:80"),
        # A node that somebody else has added.
        ([NODE_PORT, on("other", "10.0.0.9")], "http://10.0.0.9:31380"),
    ],
)
def test_hosts_that_are_reached_by_other_addresses(objects, url):
    assert gateway_url(objects, hosts=CLOUD) == url
    assert gateway_url(jmespath.search(QUERY, objects), hosts=CLOUD) == url
    assert "203.0.113" not in gateway_url(objects) and "example.com" not in gateway_url(objects)


@pytest.mark.parametrize(
    "hosts",
    [
        # Machines behind one address, a machine behind a port of this computer, and names that only ssh may know.
        [host("w1", "203.0.113.9"), host("w2", "203.0.113.9")],
        [host("w1", "127.0.0.1")],
        [host("w1", "localhost")],
        [host("w1", "w1")],
        [],
        # The address of the node itself.
        [host("w1", "10.0.0.2")],
    ],
)
def test_hosts_of_which_only_ssh_is_reached(hosts):
    assert gateway_url([NODE_PORT, on("w1", "10.0.0.2")], hosts=hosts) == "http://10.0.0.2:31380"


def test_inventory_names_that_are_addresses():
    hosts = [host("203.0.113.2", "203.0.113.2"), host("2001:db8::2", "2001:db8::2")]
    hosts[1]["node_name"] = "w2"
    assert gateway_url([NODE_PORT, on("203.0.113.2", "10.0.0.2")], hosts=hosts) == "http://203.0.113.2:31380"
    assert gateway_url([NODE_PORT, on("w2", "10.0.0.3")], hosts=hosts) == "http://[2001:db8::2]:31380"


def test_the_load_balancer_of_a_node_without_a_pod():
    hosts = [host("w1", "203.0.113.2", "10.0.0.2")]
    assert gateway_url([service("LoadBalancer", ingress=[{"ip": "10.0.0.2"}])], hosts=hosts) == "http://203.0.113.2:80"
