# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""After a run is killed at a critical moment, the next plain run completes. A reset leaves no state of the cluster."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.request

import pytest
from conftest import ADDRESSES, LAB, ROOT, lab, node
from kubernetes import client, config


def title():
    """The title of the page at the address that `make url` prints."""
    url = subprocess.run(["make", "-s", "url"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    with urllib.request.urlopen(url, timeout=30) as answer:
        return "<title>Simple Bookstore App</title>" in answer.read().decode()


def kill_when(moment):
    """Start site.yml, and kill it and kubeadm on the nodes when the condition is true."""
    command = ["ansible-playbook", "-i", "inventories/lab", "site.yml"]
    with subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        deadline = time.monotonic() + 600
        while not moment():
            assert run.poll() is None, run.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        os.killpg(run.pid, signal.SIGKILL)
    for name in ADDRESSES:
        node(name).run("pids=$(pgrep -x kubeadm) && kill -9 $pids")


def completes(play):
    run = play("site.yml")
    assert run["code"] == 0, run["errors"]
    assert title()
    again = play("site.yml", "--check")
    assert again["changed"] == {}


@pytest.mark.feature("reset")
def test_reset_leaves_nothing(play):
    node("node1").check_output("cp /etc/kubernetes/admin.conf /root/earlier.conf")
    # A route as the backend host-gw of flannel adds it. If it stayed, and this node got that range in the next
    # cluster, it would no longer reach its own pods.
    node("node2").check_output("ip route replace 10.244.77.0/24 via 10.87.0.11")
    run = play("playbooks/reset.yml")
    assert run["code"] == 0, run["errors"]
    assert not (LAB / "kubeconfig").exists()
    for name in ADDRESSES:
        host = node(name)
        links = host.check_output("ls /sys/class/net").split()
        assert not {"cni0", "flannel.1"} & set(links)
        assert not [link for link in links if link.startswith("veth")]
        assert not host.run("find /etc/kubernetes/manifests /etc/cni/net.d /var/lib/etcd -type f").stdout
        assert "10.244." not in host.check_output("ip route")
        assert "KUBE-" not in host.check_output("iptables-save")
        assert "/var/lib/kubelet/" not in host.check_output("cat /proc/mounts")
        assert not host.service("kubelet").is_running
        if host.service("firewalld").is_running:
            assert not re.search("bare-mesh|10250/tcp|10.244.0.0", host.check_output("firewall-cmd --list-all-zones"))
            assert host.run("grep -r 'bare-mesh\\|10.244.0.0' /etc/firewalld --include '*.xml'").rc == 1
    assert play("playbooks/reset.yml")["changed"] == {}


@pytest.mark.feature("preflight-images")
@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("istio_tag=9.9.9", "node1, node2, node3 .registry.: cannot pull docker.io/istio/proxyv2:9.9.9: .*404"),
        ("bare_mesh_mirror_registry_url=https://10.87.0.10:5001", "node1, node2, node3 .source.: cannot reach"),
    ],
    ids=["image", "registry"],
)
def test_bare_hosts_ask_the_registries(play, variable, words):
    run = play("site.yml", "-e", variable)
    assert run["code"] != 0 and run["changed"] == {}
    assert re.search(words, " ".join(run["output"].split())), run["errors"]


def test_an_error_of_the_control_plane_is_not_hidden_by_others(play):
    """The checks of kubeadm refuse the lab's nodes, so init fails."""
    run = play("site.yml", "-e", json.dumps({"kubeadm_ignore_preflight_errors": []}))
    assert run["code"] != 0 and set(run["failed"]) == {"node1", "localhost"}, run["errors"]
    (at_the_end,) = run["failed"]["localhost"]
    assert "node1 failed: fix the error shown above" in at_the_end


def test_site_after_reset(play):
    """A kubeconfig of an earlier cluster, which kubeadm would read first, is not in the way, and is kept."""
    first = node("node1")
    first.check_output("mkdir -p /root/.kube && mv /root/earlier.conf /root/.kube/config")
    completes(play)
    first.check_output("rm /root/.kube/config.*~")


def test_killed_during_init(play):
    assert play("playbooks/reset.yml")["code"] == 0
    starting = node("node1")
    kill_when(lambda: starting.file("/etc/kubernetes/manifests/kube-apiserver.yaml").exists)
    completes(play)


@pytest.fixture
def cluster():
    config.load_kube_config(str(LAB / "kubeconfig"))
    return client.CoreV1Api()


def test_killed_during_join(play, cluster):
    lab("reset", "node3")
    cluster.delete_node("node3")
    joining = node("node3")
    kill_when(lambda: joining.run("pgrep -x kubeadm").rc == 0)
    completes(play)


def test_killed_during_the_istio_install(play, cluster):
    # Also remove Bookinfo, because its sidecars trust the certificate authority that is deleted with istio-system.
    namespaces = ("bookinfo", "istio-system")
    for name in namespaces:
        cluster.delete_namespace(name)
    deadline = time.monotonic() + 120
    while any(one.metadata.name in namespaces for one in cluster.list_namespace().items):
        assert time.monotonic() < deadline
        time.sleep(1)
    apps = client.AppsV1Api(cluster.api_client)
    kill_when(lambda: apps.list_namespaced_deployment("istio-system").items)
    completes(play)
