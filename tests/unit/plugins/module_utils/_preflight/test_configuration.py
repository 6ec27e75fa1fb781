# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fields of the kubelet and of kubeadm that do not exist, and values of the wrong type."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._preflight.configuration import unknown_fields

KUBELET = "https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/"
CLUSTER = "https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/"


def faults(release="1.36.5", **settings):
    found = unknown_fields(
        {"kubernetes_version": release, "kubelet_config": {}, "cluster_config": {}, "kube_proxy_config": {}, **settings}
    )
    return [(fault.where, fault.what, fault.fix) for fault in found if fault.check == "settings"]


@pytest.mark.parametrize(
    ("config", "where", "what", "fix"),
    [
        ({"maxPodz": 50}, "maxPodz", "unknown field", "Did you mean maxPods?"),
        ({"maxpods": 50}, "maxpods", "unknown field", "Did you mean maxPods?"),
        ({"x; y": 50}, "x; y", "unknown field", f"Remove it; {KUBELET} names all fields"),
        ({"logging": {"verbosityy": 1}}, "logging.verbosityy", "unknown field", "Did you mean verbosity?"),
        (
            {"authorization": {"x": 1}},
            "authorization.x",
            "unknown field",
            "Remove it; the fields there are mode, webhook",
        ),
        (
            {"registerWithTaints": [{"keys": "a"}]},
            "registerWithTaints[0].keys",
            "unknown field",
            "Did you mean key?",
        ),
        ({"maxPods": "50"}, "maxPods", "must be an integer, is '50'", f"Set it as {KUBELET} says"),
        ({"failSwapOn": "no"}, "failSwapOn", "must be true or false, is 'no'", f"Set it as {KUBELET} says"),
        ({"clusterDNS": "; "}, "clusterDNS", "must be a list, is '; '", f"Set it as {KUBELET} says"),
        (
            {"systemReserved": {"cpu": 1}},
            "systemReserved['cpu']",
            "must be a string, is 1, so quote it",
            f"Set it as {KUBELET} says",
        ),
        (
            {"syncFrequency": "10"},
            "syncFrequency",
            "'10' is not a duration such as 500ms, 10s or 1h",
            f"Set it as {KUBELET} says",
        ),
    ],
)
def test_a_field_of_the_kubelet(config, where, what, fix):
    assert faults(kubelet_config=config) == [(f"kubeadm_kubelet_config, {where}", what, fix)]


def test_fields_of_kube_proxy():
    config = {"mode": "nftables", "conntrack": {"maxPerCore": 0, "min": None}, "iptable": {"syncPeriod": "30s"}}
    assert faults(kube_proxy_config=config) == [
        ("kubeadm_kube_proxy_config, iptable", "unknown field", "Did you mean iptables?")
    ]


def test_fields_of_the_cluster():
    config = {
        "networking": {"podsubnet": "10.1.0.0/16"},
        "apiServer": {"extraArgs": {"v": "4"}},
        "etcd": {"local": {"dataDirectory": "/data"}},
    }
    assert faults(cluster_config=config) == [
        ("kubeadm_cluster_config, networking.podsubnet", "unknown field", "Did you mean podSubnet?"),
        ("kubeadm_cluster_config, apiServer.extraArgs", "must be a list, is {'v': '4'}", f"Set it as {CLUSTER} says"),
        ("kubeadm_cluster_config, etcd.local.dataDirectory", "unknown field", "Did you mean dataDir?"),
    ]


def test_a_field_that_the_release_does_not_have():
    newer = {"memoryReservationPolicy": "None"}
    where = "kubeadm_kubelet_config, memoryReservationPolicy"
    fix = "Remove it, or choose a Kubernetes of 1.36"
    assert faults("1.35.8", kubelet_config=newer) == [(where, "Kubernetes 1.35.8 does not have this field", fix)]
    assert faults("1.36.5", kubelet_config=newer) == []
    external = {"etcd": {"external": {"httpEndpoints": ["https://10.0.0.1:2379"]}}}
    ((where, _what, fix),) = faults("1.34.9", cluster_config=external)
    assert where == "kubeadm_cluster_config, etcd.external.httpEndpoints" and fix.endswith(" of 1.35, 1.36")
    assert faults("1.34.9", cluster_config={"etcd": {"external": None}}) == []
    assert faults("1.99.0", kubelet_config=newer) == [], "another check reports the release"


def test_a_field_of_the_items_of_a_list_that_the_release_does_not_have(monkeypatch):
    schema = "ansible_collections.bare.mesh.plugins.module_utils._kubeadm.schemas.cluster.ABSENT"
    monkeypatch.setattr(schema, {"1.36": [], "1.35": [("apiServer", "certSANs", "[]")], "1.34": []})
    ((where, _what, _fix),) = faults("1.35.8", cluster_config={"apiServer": {"certSANs": ["a"]}})
    assert where == "kubeadm_cluster_config, apiServer.certSANs[]"
    assert faults("1.35.8", cluster_config={"apiServer": {"certSANs": []}}) == []


def test_good_settings():
    kubelet = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "failSwapOn": False,
        "maxPods": None,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "2%"},
        "shutdownGracePeriod": "0s",
        "logging": {"flushFrequency": 5, "options": {"json": {"infoBufferSize": "1Mi"}}},
        "reservedMemory": [{"numaNode": 0, "limits": {"memory": "1Gi"}}],
        "featureGates": {"Any": True},
    }
    cluster = {
        "apiServer": {"extraArgs": [{"name": "v", "value": "4"}], "certSANs": ["a"]},
        "proxy": {"disabled": True},
    }
    assert faults(kubelet_config=kubelet, cluster_config=cluster) == []


def test_another_version_has_other_fields():
    older = {"apiVersion": "kubeadm.k8s.io/v1beta3", "apiServer": {"extraArgs": {"v": "4"}}}
    assert faults(cluster_config=older) == []
