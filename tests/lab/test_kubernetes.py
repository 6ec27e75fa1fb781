# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster that the roles kubeadm and flannel created."""

from __future__ import annotations

import stat
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from conftest import ADDRESSES, KUBERNETES, LAB, PAUSE
from mesh_world import IMAGE


@pytest.fixture(scope="module")
def nodes(api):
    return {node.metadata.name: node for node in api.list_node().items}


def conditions(thing):
    return {condition.type: condition.status for condition in thing.status.conditions}


@pytest.mark.feature("join")
def test_every_host_is_a_ready_node(nodes):
    assert {name: conditions(node)["Ready"] for name, node in nodes.items()} == dict.fromkeys(ADDRESSES, "True")


def test_nodes_run_the_version_and_use_their_address(nodes):
    for name, node in nodes.items():
        assert node.status.node_info.kubelet_version == f"v{KUBERNETES}"
        internal = [entry.address for entry in node.status.addresses if entry.type == "InternalIP"]
        assert internal == [ADDRESSES[name]]


@pytest.mark.feature("control-plane")
def test_pods_of_the_system_become_ready(api):
    for namespace in ("kube-system", "kube-flannel"):
        # The roles wait only until the nodes are ready. coredns starts after that.
        for _second in range(60):
            pods = api.list_namespaced_pod(namespace).items
            unready = {pod.metadata.name for pod in pods if conditions(pod).get("Ready") != "True"}
            if pods and not unready:
                break
            time.sleep(1)
        assert pods
        assert unready == set()


@pytest.mark.feature("flannel")
def test_flannel_is_on_every_node(api):
    pods = api.list_namespaced_pod("kube-flannel").items
    assert sorted(pod.spec.node_name for pod in pods) == sorted(ADDRESSES)


@pytest.mark.feature("kubernetes-pinned")
def test_packages_stay_at_their_version(host):
    if host.system_info.distribution == "debian":
        assert {"kubeadm", "kubelet", "kubectl"} <= set(host.check_output("apt-mark showhold").split())
    else:
        assert host.check_output("dnf -q list --upgrades kubelet || true") == ""
    assert host.package("kubelet").version.startswith(KUBERNETES)


def test_the_kubelet_survives_a_reboot(host):
    assert host.service("kubelet").is_enabled
    assert host.service("kubelet").is_running


def test_no_run_is_left_unfinished(host):
    names = host.check_output(
        "find /etc/kubernetes -maxdepth 1 -name 'bootstrap-kubelet.conf' -o -maxdepth 1 -name '.bare-mesh-*'"
    )
    assert names == ""


@pytest.mark.feature("flannel")
def test_pods_reach_pods_of_other_nodes(node1, api):
    """node1's host network reaches each coredns pod over the vxlan, on any node."""
    for pod in api.list_namespaced_pod("kube-system", label_selector="k8s-app=kube-dns").items:
        assert (
            node1.run(f"python3 -c 'import socket; socket.create_connection((\"{pod.status.pod_ip}\", 53), 5)'").rc == 0
        )


@pytest.fixture
def host_port(api):
    """A pod on node2 that answers at a port of the node."""
    command = ["python3", "-m", "http.server", "8000"]
    ports = [{"containerPort": 8000, "hostPort": 18000}]
    spec = {
        "containers": [{"name": "web", "image": IMAGE, "command": command, "ports": ports}],
        "nodeSelector": {"kubernetes.io/hostname": "node2"},
        "terminationGracePeriodSeconds": 1,
    }
    api.create_namespaced_pod("default", {"metadata": {"name": "host-port"}, "spec": spec})
    yield 18000
    api.delete_namespaced_pod("host-port", "default")


def answers(address, port):
    try:
        with urllib.request.urlopen(f"http://{address}:{port}/", timeout=5) as page:
            return page.status == 200
    except OSError:
        return False


@pytest.mark.feature("flannel-host-ports")
def test_a_host_port_is_reached_at_its_node(api, node1, host_port):
    end = time.monotonic() + 120
    while not answers(ADDRESSES["node2"], host_port):
        assert time.monotonic() < end, api.read_namespaced_pod("host-port", "default").status
        time.sleep(1)
    # The same from another node, and no other node answers.
    url = f"http://{ADDRESSES['node2']}:{host_port}/"
    assert node1.run(f"python3 -c 'import urllib.request; urllib.request.urlopen(\"{url}\", timeout=5)'").rc == 0
    assert not answers(ADDRESSES["node3"], host_port)


@pytest.mark.feature("join")
def test_no_token_is_left(api):
    secrets = api.list_namespaced_secret("kube-system", field_selector="type=bootstrap.kubernetes.io/token").items
    assert [secret.metadata.name for secret in secrets] == []


@pytest.mark.feature("images-mirror")
def test_the_images_are_those_that_kubeadm_lists(host):
    listed = set(host.check_output(f"kubeadm config images list --kubernetes-version v{KUBERNETES}").split())
    there = set(host.check_output("ctr -n k8s.io images ls -q").split())
    assert PAUSE in listed
    assert {image.rsplit("/", 1)[1].split(":")[0] for image in listed - there} <= {
        "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler",
    }  # fmt: skip
    if host.file("/etc/kubernetes/admin.conf").exists:
        assert listed <= there


@pytest.mark.feature("admin-kubeconfig")
def test_the_admin_kubeconfigs_are_their_owners_alone(node1):
    assert stat.S_IMODE(Path(LAB / "kubeconfig").stat().st_mode) == 0o600
    theirs = node1.file("/root/.kube/config")
    assert theirs.mode == 0o600
    assert theirs.user == "root"


def test_the_certificate_authority_is_the_clusters(node1):
    copy = yaml.safe_load((LAB / "kubeconfig").read_text())["clusters"][0]["cluster"]
    admin = yaml.safe_load(node1.file("/etc/kubernetes/admin.conf").content_string)["clusters"][0]["cluster"]
    assert copy["certificate-authority-data"] == admin["certificate-authority-data"]
    assert copy["server"] == f"https://{ADDRESSES['node1']}:6443"
