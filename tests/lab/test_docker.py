# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nodes whose container runtime is docker: the role docker, and the cluster on it."""

from __future__ import annotations

import json

import pytest
import yaml
from conftest import ADDRESSES, PAUSE, ROOT
from kubernetes.stream import stream

VERSIONS = yaml.safe_load((ROOT / "meta/versions.yml").read_text())
DOCKER, CRI_DOCKERD = (VERSIONS[f"__bare_mesh_{name}_version"] for name in ("docker", "cri_dockerd"))


@pytest.mark.feature("docker")
@pytest.mark.parametrize("name", ["docker-ce", "docker-ce-cli"])
def test_packages_are_of_the_pinned_version_and_held(host, name):
    assert host.package(name).version.startswith(DOCKER)
    if host.exists("apt-mark"):
        assert name in host.check_output("apt-mark showhold").split()
    else:
        assert host.run(f"dnf -q list --upgrades {name}").stdout == ""


@pytest.mark.parametrize("name", ["docker", "cri-docker"])
def test_services_run_now_and_at_boot(host, name):
    assert host.service(name).is_running
    assert host.service(name).is_enabled


@pytest.mark.feature("docker-settings")
def test_docker_has_its_settings(host):
    info = json.loads(host.check_output("docker info --format '{{json .}}'"))
    assert info["ServerVersion"] == DOCKER
    assert (info["CgroupDriver"], info["LoggingDriver"], info["LiveRestoreEnabled"]) == ("cgroupfs", "json-file", True)
    assert ["driver-type", "io.containerd.snapshotter.v1"] in info["DriverStatus"]


def test_cri_dockerd_is_the_pinned_one(host):
    program = f"/opt/cri-dockerd/{CRI_DOCKERD}/cri-dockerd"
    # It prints its version as an error.
    assert CRI_DOCKERD in host.run(f"{program} --version 2>&1").stdout
    assert PAUSE in host.check_output("tr '\\0' ' ' < /proc/$(pidof cri-dockerd)/cmdline")


@pytest.mark.feature("docker-settings")
@pytest.mark.parametrize("image", ["registry.k8s.io/pause", "docker.io/istio/proxyv2", "ghcr.io/flannel-io/flannel"])
def test_images_of_every_registry_come_through_the_mirror(host, image):
    registry = image.split("/")[0]
    hosts = host.file(f"/etc/docker/certs.d/{registry}/hosts.toml").content_string
    assert json.dumps(f"https://10.87.0.10:5000/v2/{registry}") in hosts and "skip_verify" not in hosts
    if image == "docker.io/istio/proxyv2":
        istio = yaml.safe_load((ROOT / "meta/defaults.yml").read_text())["bare_mesh_istio_version"]
        host.check_output(f"docker pull --quiet {image}:{istio}")
    names = host.check_output("docker image ls --format '{{.Repository}}'").split()
    assert image.removeprefix("docker.io/") in names


@pytest.mark.feature("docker")
def test_the_nodes_run_on_docker(api):
    found = {node.metadata.name: node.status.node_info.container_runtime_version for node in api.list_node().items}
    assert found == dict.fromkeys(ADDRESSES, f"docker://{DOCKER}")


def test_commands_run_in_pods(api):
    """The API server and cri-dockerd understand each other, on every node."""
    pods = api.list_namespaced_pod("kube-flannel").items
    assert sorted(pod.spec.node_name for pod in pods) == sorted(ADDRESSES)
    for pod in pods:
        said = stream(
            api.connect_get_namespaced_pod_exec, pod.metadata.name, "kube-flannel", container="kube-flannel",
            command=["cat", "/run/flannel/subnet.env"], stdout=True, stderr=True, stdin=False, tty=False,
        )  # fmt: skip
        assert "FLANNEL_NETWORK=10.244.0.0/16" in said
