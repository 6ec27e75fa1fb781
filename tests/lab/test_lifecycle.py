# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scenarios that are too long for every run: `make test-lifecycle`. Latest results: docs/lifecycle.md."""

from __future__ import annotations

import shutil
import time

import pytest
from conftest import ADDRESSES, ISTIO, LAB, ROOT, lab, node
from kubernetes import client, config
from test_interrupted import completes, kill_when
from truth import disagreements

from lab.artifacts.versions import OTHERS

pytestmark = pytest.mark.lifecycle


# site.yml takes 75 s on bare nodes if the computer is idle. After that there is nothing to kill.
@pytest.mark.parametrize("seconds", range(7, 71, 7))
def test_killed_at_any_time(play, seconds):
    lab("reset", *ADDRESSES)
    until = time.monotonic() + seconds
    kill_when(lambda: time.monotonic() > until)
    completes(play)


@pytest.fixture
def docker_on_node3(tmp_path):
    """Arguments for an inventory in which node3 runs docker."""
    shutil.copytree(ROOT / "inventories/lab", tmp_path / "inventory")
    (tmp_path / "inventory/host_vars").mkdir()
    (tmp_path / "inventory/host_vars/node3.yml").write_text("bare_mesh_container_runtime: docker\n")
    return ["-i", str(tmp_path / "inventory"), "-e", f"__lab_dir={ROOT}/.lab"]


def node3():
    """What the kubelet of node3 reports. The cluster may be a new one."""
    config.load_kube_config(str(LAB / "kubeconfig"))
    return client.CoreV1Api().read_node("node3").status.node_info


def runtime_of_node3():
    return node3().container_runtime_version.split(":")[0]


def test_a_node_changes_its_container_runtime(play, docker_on_node3):
    remove = ["playbooks/remove_node.yml", "-e", "kubeadm_node=node3", "-e", "kubeadm_drain_force=true"]
    run = play("site.yml")
    assert run["code"] == 0, run["errors"]
    run = play("site.yml", *docker_on_node3, inventory=False)
    assert run["code"] != 0 and run["changed"] == {} and "node3 [cluster]: runs on containerd" in run["output"]
    for arguments, inventory, runtime in ((docker_on_node3, False, "docker"), ([], True, "containerd")):
        run = play(*remove, *arguments, inventory=inventory)
        assert run["code"] == 0, run["errors"]
        predicted = play("site.yml", "--check", *arguments, inventory=inventory)
        run = play("site.yml", *arguments, inventory=inventory)
        assert run["code"] == 0, run["errors"]
        assert disagreements(predicted, run) == [] and set(run["changed"]) <= {*ADDRESSES, "localhost"}
        assert runtime_of_node3() == runtime
        again = play("site.yml", *arguments, inventory=inventory)
        assert (again["code"], again["changed"]) == (0, {}), again["errors"]
        if runtime == "docker":
            example = play("--check", "--limit", "node3", "docs/examples/docker.yml", *arguments, inventory=False)
            assert (example["code"], example["changed"]) == (0, {}), example["errors"]


@pytest.mark.feature("docker")
def test_the_whole_site_on_docker(play):
    """On nodes that had containerd before."""
    run = play("playbooks/reset.yml")
    assert run["code"] == 0, run["errors"]
    docker = ["-e", "bare_mesh_container_runtime=docker"]
    for arguments in (["site.yml"], ["playbooks/verify.yml"]):
        run = play(*arguments, *docker)
        assert run["code"] == 0, run["errors"]
    assert play("site.yml", *docker)["changed"] == {}
    assert runtime_of_node3() == "docker"
    run = play("playbooks/reset.yml", *docker)
    assert run["code"] == 0, run["errors"]
    assert play("playbooks/reset.yml", *docker)["changed"] == {}
    assert node("node3").check_output("docker ps --all --quiet") == ""


@pytest.mark.parametrize("minor", OTHERS)
def test_other_releases_reach_the_page(play, minor):
    other = OTHERS[minor]
    lab("artifacts", "--other", minor)
    lab("reset", *ADDRESSES)
    releases = [word for name, version in other.items() for word in ("-e", f"bare_mesh_{name}_version={version}")]
    predicted = play("site.yml", "--check", *releases)
    run = play("site.yml", *releases)
    assert run["code"] == 0, run["errors"]
    assert disagreements(predicted, run) == []
    old = "Kubernetes 1.34" if minor == "1.34" else "Istio 1.29"
    assert f"{old} has had no security fixes since" in run["output"]
    assert node3().kubelet_version == f"v{other['kubernetes']}"
    again = play("site.yml", *releases)
    assert (again["code"], again["changed"]) == (0, {}), again["errors"]
    run = play("playbooks/verify.yml", *releases)
    assert run["code"] == 0, run["errors"]
    # An upgrade of the cluster is not a setting.
    run = play("site.yml")
    assert run["code"] != 0 and run["changed"] == {} and "bare_mesh_kubernetes_version [upgrade]" in run["output"]
    # One of the mesh is, in place: docs/upgrade.md.
    cluster = ["-e", f"bare_mesh_kubernetes_version={other['kubernetes']}"]
    predicted = play("site.yml", "--check", *cluster)
    run = play("site.yml", *cluster)
    assert run["code"] == 0, run["errors"]
    assert disagreements(predicted, run) == []
    assert bool(run["changed"]) == (other["istio"] != ISTIO) and set(run["changed"]) <= {"localhost"}
    assert play("site.yml", *cluster)["changed"] == {}


@pytest.mark.feature("mesh-namespace", "mesh-revision", "profile-demo")
@pytest.mark.parametrize("more", [["istio_profile=demo"], ["istio_method=helm"]], ids=["istioctl", "helm"])
def test_a_mesh_with_another_name(play, more):
    """Namespace and revision are set once: everything that belongs to the mesh follows."""
    lab("reset", *ADDRESSES)
    chosen = ["istio_namespace=mesh", "istio_revision=blue", *more]
    arguments = [word for one in chosen for word in ("-e", one)]
    predicted = play("site.yml", "--check", *arguments)
    run = play("site.yml", *arguments)
    assert run["code"] == 0, run["errors"]
    assert disagreements(predicted, run) == []
    again = play("site.yml", *arguments)
    assert (again["code"], again["changed"]) == (0, {}), again["errors"]
    run = play("playbooks/verify.yml", *arguments)
    assert run["code"] == 0, run["errors"]
    config.load_kube_config(str(LAB / "kubeconfig"))
    api = client.CoreV1Api()
    pods = {pod.metadata.labels["app"]: pod for pod in api.list_namespaced_pod("mesh").items}
    assert {"istiod", "istio-ingressgateway"} <= set(pods)
    assert pods["istiod"].metadata.labels["istio.io/rev"] == "blue"
    assert "istio-system" not in {one.metadata.name for one in api.list_namespace().items}
    for pod in api.list_namespaced_pod("bookinfo").items:
        address = {
            one.name: one.value
            for container in [*pod.spec.containers, *pod.spec.init_containers]
            if container.name == "istio-proxy"
            for one in container.env
        }["CA_ADDR"]
        assert address == "istiod-blue.mesh.svc:15012"


def test_the_whole_site_with_nftables(play):
    """As on hosts of EL 10: kube-proxy and flannel write no rule of iptables."""
    lab("reset", *ADDRESSES)
    mode = ["-e", "bare_mesh_proxy_mode=nftables"]
    predicted = play("site.yml", "--check", *mode)
    run = play("site.yml", *mode)
    assert run["code"] == 0, run["errors"]
    assert disagreements(predicted, run) == []
    again = play("site.yml", *mode)
    assert (again["code"], again["changed"]) == (0, {}), again["errors"]
    run = play("playbooks/verify.yml", *mode)
    assert run["code"] == 0, run["errors"]
    tables = node("node2").check_output("nft list tables")
    assert "table ip kube-proxy" in tables and "table ip flannel-ipv4" in tables
    assert "KUBE-SVC" not in node("node2").run("iptables-save").stdout
