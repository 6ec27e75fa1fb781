# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a cluster was made with, from kubeadm's files."""

from __future__ import annotations

import datetime
import json

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm import cluster
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

FILES = {
    "CONTROLLER_MANAGER": "    - --cluster-cidr=10.244.0.0/16\n    - --service-cluster-ip-range=10.96.0.0/12\n"
    "    image: registry.example/k8s/kube-controller-manager:v1.36.5\n",
    "API_SERVER_MANIFEST": "    - --enable-x=true\n    - --feature-gates=A=true,B=false\n",
    "KUBELET_CONFIG": "cgroupDriver: systemd\nclusterDomain: cluster.local\n",
    "KUBELET_CONF": "clusters:\n- cluster:\n    server: https://10.0.0.1:6443\n  name: kubernetes\n",
}


def certificate(name):
    """A kubelet's certificate, with its key, as the kubelet writes both into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [(x509.NameOID.ORGANIZATION_NAME, "system:nodes"), (x509.NameOID.COMMON_NAME, f"system:node:{name}")]
    subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in attributes])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
    )
    made = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (made.public_bytes(serialization.Encoding.PEM) + private).decode()


@pytest.fixture
def files(tmp_path, monkeypatch):
    for name in (*FILES, "KUBELET_CERTIFICATE", "UNFINISHED", "INSTANCE_CONFIG", "KUBELET_FLAGS", "ADMIN_CONF"):
        monkeypatch.setattr(cluster, name, str(tmp_path / name))
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "KUBELET_CERTIFICATE").write_text(certificate("node-1.example"))
    return tmp_path


def test_a_control_plane_host_tells_everything(files):
    assert cluster.read_settings() == {
        "pod_cidr": "10.244.0.0/16",
        "service_cidr": "10.96.0.0/12",
        "kubernetes_version": "1.36.5",
        "dns_domain": "cluster.local",
        "cri_socket": "",
        "feature_gates": "A=true,B=false",
        "api_server": "10.0.0.1:6443",
        "node_name": "node-1.example",
        "documents": {},
    }


def test_a_worker_does_not_know_the_ranges(files):
    (files / "CONTROLLER_MANAGER").unlink()
    found = cluster.read_settings()
    assert (found["pod_cidr"], found["service_cidr"], found["dns_domain"]) == ("", "", "cluster.local")


def test_a_host_without_a_cluster(files):
    (files / "UNFINISHED").write_text("kubeadm was started")
    assert cluster.read_settings() == {}
    (files / "UNFINISHED").unlink()
    (files / "KUBELET_CONF").unlink()
    assert cluster.read_settings() == {}


@pytest.mark.parametrize("name", ["a", "x" * 50])
def test_names_of_nodes(name):
    assert cluster.node_name(certificate(name)) == name


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", "nonsense"])
def test_a_text_that_is_not_a_certificate(text):
    assert cluster.node_name(text) == ""


def test_a_certificate_that_is_cut_short():
    assert cluster.node_name(certificate("a")[:90]) == ""


def test_the_socket_of_the_container_runtime(files):
    flags = 'KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///run/a.sock --node-ip=10.0.0.1"\n'
    (files / "KUBELET_FLAGS").write_text(flags)
    assert cluster.cri_socket() == "unix:///run/a.sock"
    (files / "INSTANCE_CONFIG").write_text('containerRuntimeEndpoint: "unix:///run/b.sock"\n')
    assert cluster.cri_socket() == cluster.read_settings()["cri_socket"] == "unix:///run/b.sock"


CLUSTER = "apiServer: {}\nclusterName: kubernetes\nkubelet:\n  syncFrequency: 0s\n  maxPods: 50"
NONE = (404, "{}")


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        (
            [(200, json.dumps({"data": {"ClusterConfiguration": CLUSTER}})), NONE, NONE],
            {"cluster_config": "clusterName: kubernetes\nkubelet:\n  maxPods: 50\n"},
        ),
        (
            [(200, "{}"), NONE, (200, json.dumps({"data": {"config.conf": "mode: x"}}))],
            {"kube_proxy_config": "mode: x\n"},
        ),
        ([OSError("timed out")], {}),
        ([(200, "no JSON")], {}),
    ],
)
def test_the_documents_that_the_cluster_keeps(files, monkeypatch, answers, found):
    """Without the fields that are not set. A silent API server is asked once."""
    asked = []

    class Server:
        def request(self, path, timeout):
            asked.append(path.rpartition("/")[2])
            answer = answers[len(asked) - 1]
            if isinstance(answer, OSError):
                raise answer
            return answer

    monkeypatch.setattr(cluster.ApiServer, "of", lambda kubeconfig: Server())
    assert cluster.read_settings()["documents"] == found
    assert asked == ["kubeadm-config", "kubelet-config", "kube-proxy"][: len(answers)]
