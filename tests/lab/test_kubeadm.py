# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster that the kubeadm and flannel roles leave."""

from __future__ import annotations

import stat

from conftest import ADDRESSES, CONTAINERD, KUBERNETES, LAB


def ready(node):
    return any(condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions)


def test_every_host_is_a_ready_node(api):
    nodes = {node.metadata.name: node for node in api.list_node().items}
    assert set(nodes) == set(ADDRESSES)
    for name, node in nodes.items():
        assert ready(node), name
        assert node.status.node_info.kubelet_version == f"v{KUBERNETES}"
        assert node.status.node_info.container_runtime_version == f"containerd://{CONTAINERD}"
        assert ADDRESSES[name] in [address.address for address in node.status.addresses]


def test_system_pods_run_and_do_not_restart(api):
    for namespace in ("kube-system", "kube-flannel"):
        pods = api.list_namespaced_pod(namespace).items
        assert pods
        for pod in pods:
            assert pod.status.phase == "Running", pod.metadata.name
            assert all(container.ready for container in pod.status.container_statuses), pod.metadata.name


def test_kubeconfig_on_the_controller_is_private():
    assert stat.S_IMODE((LAB / "kubeconfig").stat().st_mode) == 0o600


def test_user_of_the_control_plane_can_use_kubectl(node1):
    assert "node1" in node1.check_output("kubectl get nodes -o name")
    assert node1.file("/root/.kube/config").mode == 0o600


def test_no_join_token_is_left(api):
    secrets = api.list_namespaced_secret("kube-system", field_selector="type=bootstrap.kubernetes.io/token").items
    usable = [secret for secret in secrets if "usage-bootstrap-authentication" in (secret.data or {})]
    assert not usable


def test_packages_are_held(host):
    if host.exists("apt-mark"):
        assert {"kubeadm", "kubelet", "kubectl"} <= set(host.check_output("apt-mark showhold").split())
    else:
        assert host.run("dnf -q list --upgrades kubeadm kubelet kubectl").stdout == ""


def test_services_are_reached_from_every_node(host):
    connect = "import socket; socket.create_connection(('10.96.0.1', 443), 10); print('connected')"
    assert host.check_output(f'python3 -c "{connect}"') == "connected"


def test_pods_are_reached_from_every_node(host, api):
    """Flannel's vxlan carries it: coredns runs on some nodes, and all the others must get there."""
    pods = api.list_namespaced_pod("kube-system", label_selector="k8s-app=kube-dns").items
    for pod in pods:
        fetch = f"import urllib.request as r; print(r.urlopen('http://{pod.status.pod_ip}:8080/health', timeout=10).status)"
        assert host.check_output(f'python3 -c "{fetch}"') == "200"
