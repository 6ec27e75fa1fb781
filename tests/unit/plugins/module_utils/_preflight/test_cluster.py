# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes that a cluster which is there cannot follow."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._preflight import cluster

HOSTS = [
    {"name": "one", "node_name": "one", "control_plane": True, "container_runtime": "containerd"},
    {"name": "two", "node_name": "two", "control_plane": False, "container_runtime": "docker"},
]
MADE_WITH = {
    "pod_cidr": "10.244.0.0/16", "service_cidr": "10.96.0.0/12", "dns_domain": "cluster.local",
    "api_server": "10.0.0.1:6443", "node_name": "one", "kubernetes_version": "1.36.5",
    "feature_gates": "A=true,ExtendWebSocketsToKubelet=false",
}  # fmt: skip
CONFIG = "kubeadm_cluster_config"
REPORTS = {
    "one": {"cluster": MADE_WITH},
    "two": {"cluster": {**MADE_WITH, "pod_cidr": "", "service_cidr": "", "node_name": "two"}},
}
SETTINGS = {
    "bare_mesh_pod_cidr": "10.244.0.0/16",
    "bare_mesh_service_cidr": "10.96.0.0/12",
    "cluster_config": {},
    "kubernetes_version": "1.36.5",
    "cri_sockets": {"containerd": "unix:///c", "docker": "unix:///d"},
}


def findings(hosts=None, reports=None, **settings):
    found = list(
        cluster.fixed_settings(hosts or HOSTS, REPORTS if reports is None else reports, {**SETTINGS, **settings})
    )
    assert all(one.check in ("cluster", "docker_exec", "upgrade") for one in found)
    return [(one.where, one.what) for one in found]


def test_what_the_cluster_was_made_with_is_fine():
    assert findings() == []
    same = {
        "networking": {"dnsDomain": "cluster.local", "podSubnet": "10.244.0.0/16"},
        "controlPlaneEndpoint": "10.0.0.1:6443",
    }
    assert findings(cluster_config=same) == []


@pytest.mark.parametrize(
    ("settings", "where", "words"),
    [
        (
            {"bare_mesh_pod_cidr": "10.1.0.0/16"},
            "bare_mesh_pod_cidr",
            "is 10.1.0.0/16, but the cluster was made with 10.244.0.0/16",
        ),
        ({"bare_mesh_service_cidr": "10.2.0.0/16"}, "bare_mesh_service_cidr", "is 10.2.0.0/16"),
        (
            {"cluster_config": {"networking": {"podSubnet": "10.1.0.0/16"}}},
            f"{CONFIG}, networking.podSubnet",
            "10.244.0.0/16",
        ),
        ({"cluster_config": {"networking": {"dnsDomain": "a.b"}}}, f"{CONFIG}, networking.dnsDomain", "is a.b"),
        ({"cluster_config": {"controlPlaneEndpoint": "lb:6443"}}, f"{CONFIG}, controlPlaneEndpoint", "is lb:6443"),
    ],
)
def test_a_setting_that_cannot_change(settings, where, words):
    ((found, what),) = findings(**settings)
    assert found == where and words in what


def test_a_node_cannot_be_renamed():
    hosts = copy.deepcopy(HOSTS)
    hosts[1]["node_name"] = "three"
    assert findings(hosts) == [("two", "is the node two of the cluster, and would become three")]


@pytest.mark.parametrize("reports", [{}, {"one": {"cluster": {}}, "two": REPORTS["two"]}, {"two": REPORTS["two"]}])
def test_a_cluster_that_will_be_made_anew_takes_every_setting(reports):
    hosts = [*HOSTS[:1], {**HOSTS[1], "node_name": "three"}]
    assert findings(hosts, reports, bare_mesh_pod_cidr="10.1.0.0/16") == []


def test_what_no_file_tells_is_not_judged():
    reports = {"one": {"cluster": dict.fromkeys(MADE_WITH, "")}}
    assert findings(reports=reports, bare_mesh_pod_cidr="10.1.0.0/16") == []


@pytest.mark.parametrize(
    ("wanted", "refused"),
    [("1.36.4", False), ("1.36.5", False), ("1.36.6", True), ("1.36.10", True), ("1.35.9", True), ("1.37.0", True)],
)
def test_a_cluster_is_not_upgraded(wanted, refused):
    what = f"is {wanted}, but the cluster runs 1.36.5, and this collection does not upgrade a cluster"
    expected = [("bare_mesh_kubernetes_version", what)] if refused else []
    assert findings(kubernetes_version=wanted) == expected


def test_a_setting_that_only_a_new_cluster_takes():
    documents = {"kubelet_config": "maxPods: 110"}
    reports = {**REPORTS, "one": {"cluster": {**MADE_WITH, "documents": documents}}}
    (warned,) = cluster.fixed_settings(HOSTS, reports, {**SETTINGS, "kubelet_config": {"maxPods": 50}})
    assert (warned.check, warned.where) == (
        "creation",
        "kubeadm_kubelet_config, maxPods",
    ) and "no effect" in warned.what


def test_a_cluster_whose_release_is_unknown():
    unknown = {"one": {"cluster": {**MADE_WITH, "kubernetes_version": ""}}, "two": REPORTS["two"]}
    assert findings(reports=unknown, kubernetes_version="1.37.0") == []


@pytest.mark.parametrize(
    ("used", "fault"),
    [
        ("", None),
        ("unix:///d", None),
        ("unix:///c", "runs on containerd, and bare_mesh_container_runtime is docker"),
        ("unix:///other", "runs on unix:///other, and bare_mesh_container_runtime is docker"),
    ],
)
def test_a_node_keeps_its_container_runtime(used, fault):
    reports = {**REPORTS, "two": {"cluster": {**REPORTS["two"]["cluster"], "cri_socket": used}}}
    assert findings(reports=reports) == ([("two", fault)] if fault else [])


@pytest.mark.parametrize(
    ("version", "gates", "warned"), [("1.36.5", "A=true", True), ("1.36.5", "", True), ("1.35.8", "", False)]
)
def test_exec_on_docker_needs_a_feature_gate(version, gates, warned):
    one = {"cluster": {**MADE_WITH, "kubernetes_version": version, "feature_gates": gates}}
    found = findings(reports={**REPORTS, "one": one}, kubernetes_version=version)
    assert [where for where, _what in found] == (["two"] if warned else [])
