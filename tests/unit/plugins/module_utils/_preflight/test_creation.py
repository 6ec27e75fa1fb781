# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings that the cluster that is there does not have."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._preflight import creation

DOCUMENTS = {
    "cluster_config": """
apiServer:
  certSANs: [10.0.0.1, node1]
  extraArgs:
  - {name: audit-log-path, value: "-"}
apiVersion: kubeadm.k8s.io/v1beta4
certificateValidityPeriod: 8760h0m0s
kubernetesVersion: v1.36.5
""",
    "kubelet_config": """
apiVersion: kubelet.config.k8s.io/v1beta1
containerRuntimeEndpoint: ""
evictionHard: {memory.available: 100Mi}
failSwapOn: false
imageGCHighThresholdPercent: 100
logging:
""",
    "kube_proxy_config": "conntrack:\n  maxPerCore: 0\n",
}


def found(documents=None, **settings):
    findings = list(creation.unused_settings(settings, DOCUMENTS if documents is None else documents))
    assert all(one.check == "creation" and creation.RECONFIGURE in one.fix for one in findings)
    return [one.where for one in findings]


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("cluster_config", {}),
        ("cluster_config", {"certificateValidityPeriod": "8760h", "apiServer": {"certSANs": ["10.0.0.1", "node1"]}}),
        ("cluster_config", {"apiServer": {"extraArgs": [{"name": "audit-log-path", "value": "-"}]}}),
        # Other checks judge these.
        (
            "cluster_config",
            {"kubernetesVersion": "1.36.4", "networking": {"dnsDomain": "a"}, "controlPlaneEndpoint": "b"},
        ),
        ("cluster_config", {"apiVersion": "kubeadm.k8s.io/v1beta3", "clusterName": "other"}),
        ("kubelet_config", {"failSwapOn": "False", "imageGCHighThresholdPercent": "100", "syncFrequency": "0s"}),
        ("kubelet_config", {"logging": {"options": {}, "format": ""}, "evictionHard": {"memory.available": "100Mi"}}),
        ("kubelet_config", {"containerRuntimeEndpoint": "unix:///a", "registerWithTaints": []}),
        ("kube_proxy_config", {"conntrack": {"maxPerCore": 0}}),
    ],
)
def test_what_the_cluster_was_made_with(name, config):
    assert found(**{name: config}) == []


@pytest.mark.parametrize(
    ("name", "config", "paths"),
    [
        ("cluster_config", {"apiServer": {"certSANs": ["10.0.0.1"]}}, "apiServer.certSANs"),
        (
            "cluster_config",
            {"apiServer": {"extraArgs": [{"name": "audit-log-path", "value": "/a"}]}},
            "apiServer.extraArgs",
        ),
        ("cluster_config", {"featureGates": {"NodeLocalCRISocket": True}}, "featureGates.NodeLocalCRISocket"),
        ("cluster_config", {"certificateValidityPeriod": "24h"}, "certificateValidityPeriod"),
        ("kubelet_config", {"maxPods": 50, "failSwapOn": True}, "maxPods, failSwapOn"),
        ("kubelet_config", {"evictionHard": {"memory.available": "200Mi"}}, "evictionHard.memory.available"),
        ("kubelet_config", {"logging": {"format": "json"}, "evictionHard": []}, "logging.format, evictionHard"),
        ("kube_proxy_config", {"mode": "nftables"}, "mode"),
        ("kubelet_config", dict.fromkeys("abcdefg", 1), "a, b, c, d, e and 2 more"),
    ],
)
def test_what_has_no_effect(name, config, paths):
    assert found(**{name: config}) == [f"kubeadm_{name}, {paths}"]


@pytest.mark.parametrize("documents", [{}, {"kubelet_config": "a: ["}, {"kubelet_config": "text"}])
def test_what_is_not_known_is_not_judged(documents):
    assert found(documents, kubelet_config={"maxPods": 50}) == []


IPTABLES, NFTABLES, IPVS = ("iptables", 'mode: ""\n'), ("nftables", "mode: nftables\n"), ("ipvs", "mode: ipvs\n")


@pytest.mark.parametrize(
    ("asked", "auto", "running", "told"),
    [
        ("nftables", "iptables", IPTABLES, "is nftables, but kube-proxy of the cluster has the mode iptables"),
        ("iptables", "nftables", NFTABLES, "is iptables, but kube-proxy of the cluster has the mode nftables"),
        ("iptables", "iptables", IPVS, "is iptables, but kube-proxy of the cluster has the mode ipvs"),
        # A host of EL 10 that is to join a cluster whose rules it cannot write.
        ("auto", "nftables", IPTABLES, "is auto, which means nftables with these hosts, but"),
        ("auto", "nftables", IPVS, "has the mode ipvs, and flannel follows that"),
        ("auto", "nftables", NFTABLES, ""),
        # Every host can write these rules.
        ("auto", "iptables", NFTABLES, ""),
        ("auto", "iptables", IPVS, ""),
        ("iptables", "iptables", IPTABLES, ""),
        ("nftables", "nftables", NFTABLES, ""),
    ],
)
def test_the_mode_of_kube_proxy(asked, auto, running, told):
    mode, text = running
    settings = {"proxy_mode": asked, "auto_proxy_mode": auto, "kube_proxy_config": {}}
    findings = list(creation.unused_settings(settings, {"kube_proxy_config": f"kind: x\n{text}"}))
    assert len(findings) == bool(told)
    for one in findings:
        assert one.where == "bare_mesh_proxy_mode" and told in one.what and one.check == "creation"
        # Back to what such a host cannot have is no way out.
        assert one.fix.startswith("Set mode: nftables in the ConfigMap" if asked == "auto" else f"Set it to {mode}, or")


def test_the_mode_in_kubeadms_own_setting_goes_first():
    settings = {"proxy_mode": "iptables", "auto_proxy_mode": "iptables", "kube_proxy_config": {"mode": "ipvs"}}
    assert list(creation.unused_settings(settings, {"kube_proxy_config": "mode: ipvs\n"})) == []
    (only,) = creation.unused_settings(settings, {"kube_proxy_config": "mode: nftables\n"})
    assert only.where == "kubeadm_kube_proxy_config, mode"
    assert list(creation.unused_settings({"proxy_mode": "nftables"}, {"kube_proxy_config": "mode: ["})) == []
    assert list(creation.unused_settings({"proxy_mode": "nftables"}, {})) == []
