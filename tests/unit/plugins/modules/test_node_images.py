# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""node_images against a played containerd."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.modules import node_images


@pytest.fixture
def containerd(machine, monkeypatch):
    """containerd has one image; a pull brings another unless its registry refuses it."""
    machine.programs = {"ctr"}
    machine.images, machine.refusals = ["r/a:1"], {}
    machine.looks = {"ctr -n k8s.io images ls -q": lambda _command: "".join(f"{image}\n" for image in machine.images)}

    def pull(command):
        image = command.split()[-1]
        reasons = machine.refusals.get(image, [])
        reason = reasons.pop(0) if reasons else ""
        if not reason:
            machine.images.append(image)
        return (1, "", reason) if reason else ""

    machine.acts = {"ctr -n k8s.io images pull": pull, "docker pull": pull, "docker --config": pull}
    return machine


def test_check_mode_predicts_the_run(containerd, predicted):
    done = predicted(node_images, images=["r/b:1", "r/a:1", "r/b:1"])
    assert done["pulled"] == ["r/b:1"] and done["diff"] == {"before": "r/a:1\n", "after": "r/a:1\nr/b:1\n"}
    assert containerd.ran == ["ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d r/b:1"]


def test_a_registry_that_falters_is_asked_again(containerd, call):
    containerd.refusals = {"r/b:1": ["reset", "reset"]}
    assert call(node_images, images=["r/b:1"])["changed"] and len(containerd.ran) == 3


def test_an_image_that_cannot_be_pulled_is_named(containerd, call):
    containerd.refusals = {"r/b:1": ["one\nnot found"] * 3}
    failed = call(node_images, images=["r/b:1", "r/c:1"])
    assert "r/b:1: one\nnot found" in failed["msg"] and "r/c:1" not in failed["msg"]
    assert "bare_mesh_source" in failed["msg"]
    # What could be pulled is there.
    assert call(node_images, check=True, images=["r/b:1", "r/c:1"])["pulled"] == ["r/b:1"]


def test_a_full_disk_is_not_blamed_on_the_registry(containerd, call):
    containerd.refusals = {"r/b:1": ["write /var/lib/containerd/x: no space left on device"] * 3}
    failed = call(node_images, images=["r/b:1"])["msg"]
    assert "no space left on device" in failed and "Free space in /var/lib/containerd." in failed
    assert "bare_mesh_source" not in failed


LISTED = "".join(
    f"registry.k8s.io/{image}\n"
    for image in (
        "kube-apiserver:v1.36.5",
        "kube-controller-manager:v1.36.5",
        "kube-scheduler:v1.36.5",
        "kube-proxy:v1.36.5",
        "coredns/coredns:v1.14.2",
        "pause:3.10.2",
        "etcd:3.6.8-0",
    )
)
WORKER = [
    "registry.k8s.io/coredns/coredns:v1.14.2",
    "registry.k8s.io/kube-proxy:v1.36.5",
    "registry.k8s.io/pause:3.10.2",
]


def test_the_images_of_kubernetes_are_those_that_kubeadm_lists(containerd, call, predicted):
    containerd.programs.add("kubeadm")
    containerd.looks["kubeadm config images list --kubernetes-version v1.36.5"] = LISTED
    assert predicted(node_images, kubernetes_version="1.36.5")["pulled"] == WORKER
    everything = call(node_images, check=True, kubernetes_version="1.36.5", control_plane=True, images=["r/b:1"])
    assert everything["pulled"] == sorted({*LISTED.split(), "r/b:1"} - set(WORKER))
    containerd.looks["kubeadm config images list"] = (1, "", "no such release")
    containerd.looks.pop("kubeadm config images list --kubernetes-version v1.36.5")
    assert "images of Kubernetes 1.36.5: no such release" in call(node_images, kubernetes_version="1.36.5")["msg"]


def test_without_kubeadm_only_check_mode_goes_on(containerd, call):
    predicted = call(node_images, check=True, kubernetes_version="1.36.5")
    assert predicted["pulled"] == ["registry.k8s.io/kube-proxy:v1.36.5"]
    assert "kubeadm is not installed" in call(node_images, kubernetes_version="1.36.5")["msg"]


def test_without_containerd_only_check_mode_goes_on(machine, call):
    for programs, message in (
        (set(), "ctr is not installed"),
        ({"ctr"}, "containerd does not answer: no socket; see: systemctl"),
    ):
        machine.programs = programs
        machine.looks = {"ctr": (1, "", "no socket")}
        assert call(node_images, check=True, images=["r/a:1"])["pulled"] == ["r/a:1"]
        assert message in call(node_images, images=["r/a:1"])["msg"]


def test_docker_lists_short_names(containerd, call, predicted):
    containerd.programs.add("docker")
    containerd.images = ["docker.io/istio/pilot:1", "docker.io/library/busybox:1", "ghcr.io/a/b:1"]
    containerd.looks["docker image ls --format {{.Repository}}:{{.Tag}}"] = lambda _command: "".join(
        image.removeprefix("docker.io/").removeprefix("library/") + "\n" for image in containerd.images
    )
    wanted = ["docker.io/istio/pilot:1", "docker.io/library/busybox:1", "ghcr.io/a/b:1", "docker.io/istio/pilot:2"]
    assert predicted(node_images, images=wanted, runtime="docker")["pulled"] == ["docker.io/istio/pilot:2"]
    assert containerd.ran[-1] == "docker pull --quiet docker.io/istio/pilot:2"
    # The names and passwords for registries, which the role docker has written.
    containerd.put("/etc/docker/bare-mesh/config.json", "{}")
    assert predicted(node_images, images=["docker.io/mine/a:1"], runtime="docker")["pulled"] == ["docker.io/mine/a:1"]
    assert containerd.ran[-1] == "docker --config /etc/docker/bare-mesh pull --quiet docker.io/mine/a:1"
    containerd.programs.discard("docker")
    assert (
        "docker is not installed on this host; run the role docker"
        in call(node_images, images=wanted, runtime="docker")["msg"]
    )
