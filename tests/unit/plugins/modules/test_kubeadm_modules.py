# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What kubeadm_init, kubeadm_join and kubeadm_token make of what they find on a host."""

from __future__ import annotations

import base64
import datetime
import http.server
import ipaddress
import json
import ssl
import threading
import types

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm import SIGN_OF_LIFE, ApiServer, KubeadmError, left_tokens
from ansible_collections.bare.mesh.plugins.modules import kubeadm_init, kubeadm_join, kubeadm_token
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

# Next to none.
PATIENCE = 0.001
HASH = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host's directories; names of the modules' constants lead there."""
    kubernetes = tmp_path / "kubernetes"
    (kubernetes / "manifests").mkdir(parents=True)
    paths = {
        "KUBERNETES": kubernetes,
        "ADMIN_CONF": kubernetes / "admin.conf",
        "KUBELET_CONF": kubernetes / "kubelet.conf",
        "BOOTSTRAP_CONF": kubernetes / "bootstrap-kubelet.conf",
        "API_SERVER_MANIFEST": kubernetes / "manifests/kube-apiserver.yaml",
        "UNFINISHED": kubernetes / ".unfinished",
        "CA": kubernetes / "ca.crt",
        "ETCD": tmp_path / "etcd/member/snap/db",
    }
    paths["ETCD"].parent.mkdir(parents=True)
    for module in (kubeadm_init, kubeadm_join, kubeadm_token):
        for name, path in paths.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, str(path))
    return paths


def touch(host, names, content=b""):
    for name in names:
        host[name].write_bytes(SIGN_OF_LIFE if name == "ETCD" else content)


STARTED = ["ADMIN_CONF", "KUBELET_CONF", "API_SERVER_MANIFEST"]


@pytest.mark.parametrize(("files", "answers", "state"), [
    ([], False, "absent"),
    (["UNFINISHED"], False, "broken"),
    ([*STARTED, "UNFINISHED"], False, "broken"),
    ([*STARTED, "UNFINISHED"], True, "unfinished"),
    ([*STARTED, "UNFINISHED", "ETCD"], False, "stopped"),
    (STARTED, True, "ready"),
    ([*STARTED, "ETCD"], True, "ready"),
    ([*STARTED, "ETCD"], False, "stopped"),
    # Some or all of its files are lost, its data is not.
    (["ADMIN_CONF", "KUBELET_CONF", "ETCD"], False, "stopped"),
    (["ETCD"], False, "stopped"),
])
def test_control_plane_states(host, monkeypatch, files, answers, state):
    touch(host, files)
    monkeypatch.setattr(kubeadm_init, "api_ready", lambda: answers)
    assert kubeadm_init.find_state(str(host["ETCD"].parents[2])) == state


def test_only_what_was_begun_here_is_started_over(host, monkeypatch):
    """A control plane with its data elsewhere may only be down for a moment."""
    touch(host, STARTED)
    monkeypatch.setattr(kubeadm_init, "api_ready", lambda: False)
    with pytest.raises(KubeadmError, match=r"did not begin.*reset"):
        kubeadm_init.find_state(str(host["ETCD"].parents[2]))


def test_a_worker_is_not_made_a_control_plane(host):
    touch(host, ["KUBELET_CONF"])
    with pytest.raises(KubeadmError, match="worker of a cluster already"):
        kubeadm_init.find_state("/nonexistent")


def test_the_token_of_init_is_ours_and_short_lived():
    config = [{"kind": "ClusterConfiguration"}, {"kind": "InitConfiguration", "nodeRegistration": {"ignorePreflightErrors": ["Swap"]}}]
    cluster, init = kubeadm_init.with_token(config, "abcdef.0123456789abcdef", "15m", ["Port-6443"])
    assert cluster == config[0]
    assert init["bootstrapTokens"][0]["ttl"] == "15m"
    assert init["nodeRegistration"]["ignorePreflightErrors"] == ["Swap", "Port-6443"]
    assert config[1]["nodeRegistration"]["ignorePreflightErrors"] == ["Swap"]


@pytest.mark.parametrize(("config", "directory"), [
    ([], "/var/lib/etcd"),
    ([{"kind": "ClusterConfiguration", "etcd": {"local": {"dataDir": "/data/etcd"}}}], "/data/etcd"),
    ([{"kind": "ClusterConfiguration", "etcd": {"external": {}}}], "/var/lib/etcd"),
])
def test_where_etcd_keeps_its_data(config, directory):
    assert kubeadm_init.etcd_directory(config) == directory


class Server:
    """An API server that gives one answer, or raises it."""

    url = "https://192.0.2.10:6443"

    def __init__(self, answer):
        self.given = answer
        self.seen = []

    def request(self, path, method="GET"):
        self.seen.append((method, path))
        if isinstance(self.given, Exception):
            raise self.given
        return self.given


@pytest.mark.parametrize(("files", "answer", "state"), [
    ([], None, "absent"),
    (["CA"], None, "broken"),
    (["BOOTSTRAP_CONF"], None, "broken"),
    (["UNFINISHED"], None, "broken"),
    (["KUBELET_CONF"], (200, ""), "joined"),
    (["KUBELET_CONF", "BOOTSTRAP_CONF"], (200, ""), "unfinished"),
    (["KUBELET_CONF", "UNFINISHED"], (200, ""), "unfinished"),
    (["KUBELET_CONF"], (404, ""), "deleted"),
    (["KUBELET_CONF"], ValueError("certificate cut short"), "broken"),
])
def test_worker_states(host, monkeypatch, files, answer, state):
    touch(host, files)

    def server(*arguments):
        # An authority that does not match shows in an answer, a spoilt certificate before any.
        if isinstance(answer, ValueError) and not isinstance(answer, ssl.SSLError):
            raise answer
        return Server(answer)

    monkeypatch.setattr(kubeadm_join.ApiServer, "of", server)
    assert kubeadm_join.find_state("192.0.2.10:6443", "w1", patience=PATIENCE) == state


def certificate(subject, key, issuer, issuer_key, begins=-1, ends=1, address="127.0.0.1", authority=False):
    """A certificate from and until so many days from now, made as kubeadm's authorities are: each is called kubernetes."""
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=begins))
        .not_valid_after(now + datetime.timedelta(days=ends))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def tls(tmp_path):
    """Start a TLS server on the loopback interface; give an ApiServer that trusts the authority of the cluster."""
    ours, others, key = (ec.generate_private_key(ec.SECP256R1()) for _number in range(3))
    authority = certificate("kubernetes", ours, "kubernetes", ours, begins=-9, ends=9, authority=True).decode()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(running.status)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    def start(status=200, foreign=False, **validity):
        file = tmp_path / "server.pem"
        file.write_bytes(certificate("kube-apiserver", key, "kubernetes", others if foreign else ours, **validity) + secret)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        running.status = status
        running.socket = context.wrap_socket(running.socket, server_side=True)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        started.append(running)
        return ApiServer(f"https://127.0.0.1:{running.server_port}", authority)

    started: list = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.handle_error = lambda *arguments: None
        yield start
        if started:
            running.shutdown()


@pytest.mark.parametrize(
    ("server", "outcome"),
    [
        ({}, "joined"),
        ({"foreign": True}, "foreign"),
        ({"ends": -0.5}, r"certificate has expired.*Nothing was touched.*kubeadm certs renew all"),
        ({"begins": 0.5}, r"not yet valid.*Nothing was touched.*clocks"),
        ({"address": "192.0.2.1"}, r"mismatch.*Nothing was touched.*api_server"),
        ({"status": 401}, r"refuses the node's certificate .*Nothing was touched.*clock"),
    ],
)
def test_only_another_authority_makes_a_worker_one_of_another_cluster(host, monkeypatch, tls, server, outcome):
    touch(host, ["KUBELET_CONF"])
    api = tls(**server)
    monkeypatch.setattr(kubeadm_join.ApiServer, "of", lambda *arguments: api)
    address = api.url.removeprefix("https://")
    if " " not in outcome and ".*" not in outcome:
        assert kubeadm_join.find_state(address, "w1", patience=PATIENCE) == outcome
        return
    for patience in (0, PATIENCE):
        with pytest.raises(KubeadmError, match=outcome):
            kubeadm_join.find_state(address, "w1", patience=patience)


def test_a_node_of_another_cluster_is_left_alone(host, monkeypatch):
    touch(host, ["KUBELET_CONF"])
    monkeypatch.setattr(kubeadm_join.ApiServer, "of", lambda *arguments: Server((200, "")))
    with pytest.raises(KubeadmError, match=r"node of the cluster at https://192\.0\.2\.10:6443.*reset"):
        kubeadm_join.find_state("192.0.2.99:6443", "w1", patience=PATIENCE)


def test_a_control_plane_is_not_made_a_worker(host):
    touch(host, ["API_SERVER_MANIFEST"])
    with pytest.raises(KubeadmError, match="control plane already"):
        kubeadm_join.find_state("192.0.2.10:6443", "w1", patience=PATIENCE)


def test_a_node_of_another_name_is_left_alone(host, monkeypatch):
    touch(host, ["KUBELET_CONF"])
    monkeypatch.setattr(kubeadm_join.ApiServer, "of", lambda *arguments: Server((403, "")))
    with pytest.raises(KubeadmError, match=r"may not read the node w1.*reset"):
        kubeadm_join.find_state("192.0.2.10:6443", "w1", patience=PATIENCE)


@pytest.mark.parametrize("answer", [ConnectionRefusedError("refused"), (429, ""), (500, ""), (503, "")])
def test_a_silent_api_server_is_no_reason_to_reset(host, monkeypatch, answer):
    touch(host, ["KUBELET_CONF"])
    monkeypatch.setattr(kubeadm_join.ApiServer, "of", lambda *arguments: Server(answer))
    monkeypatch.setattr(kubeadm_join.time, "sleep", lambda seconds: None)
    with pytest.raises(KubeadmError, match="does not answer this host"):
        kubeadm_join.find_state("192.0.2.10:6443", "w1", patience=PATIENCE)


def test_a_first_look_does_not_wait(host, monkeypatch):
    touch(host, ["KUBELET_CONF"])
    monkeypatch.setattr(kubeadm_join.ApiServer, "of", lambda *arguments: Server(ConnectionRefusedError("refused")))
    assert kubeadm_join.find_state("192.0.2.10:6443", "w1", patience=0) == "unknown"


@pytest.mark.parametrize(("address", "deleted"), [("192.0.2.11", True), ("192.0.2.77", False)])
def test_only_the_nodes_own_remains_are_deleted(monkeypatch, address, deleted):
    body = '{"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.11"}]}}'
    server = Server((200, body))
    monkeypatch.setattr(kubeadm_token.ApiServer, "of", lambda *arguments: server)
    kubeadm_token.forget("w1", address)
    assert (("DELETE", "/api/v1/nodes/w1") in server.seen) is deleted


def test_only_our_own_tokens_are_left_overs():
    texts = {"ours": "bare.mesh: w1 joins", "kubeadm's": "The default bootstrap token", "bare": None}
    items = [
        {"metadata": {"name": name}, "data": {"description": base64.b64encode(text.encode()).decode()} if text else {}}
        for name, text in texts.items()
    ]
    assert left_tokens(Server((200, json.dumps({"items": items})))) == ["ours"]
    assert left_tokens(Server((403, ""))) == []


class Kubeadm:
    def run(self, *arguments, config):
        self.arguments, self.config = arguments, config
        return f"kubeadm join 192.0.2.10:6443 --token t --discovery-token-ca-cert-hash {HASH} \n"


def test_a_token_is_on_no_command_line(host):
    touch(host, ["ADMIN_CONF", "CA"])
    kubeadm = Kubeadm()
    params = {"token": "abcdef.0123456789abcdef", "ttl": "15m", "node": "", "node_ip": ""}
    assert kubeadm_token.create(kubeadm, params) == {"ca_certificate": "", "ca_cert_hash": HASH}
    assert params["token"] not in " ".join(kubeadm.arguments)
    assert kubeadm.config[0]["bootstrapTokens"][0]["token"] == params["token"]


@pytest.mark.parametrize("last", [(200, '{"data": {"jws-kubeconfig-abcdef": "x"}}'), (403, "anonymous"), ConnectionRefusedError()])
def test_a_join_waits_until_its_token_is_known(monkeypatch, last):
    answers = iter([(200, "{}"), (200, '{"data": {"jws-kubeconfig-other": "x"}}'), last])
    server = Server(None)

    def request(path):
        server.given = next(answers)
        return Server.request(server, path)

    waiting = type("Waiting", (), {"request": staticmethod(request)})
    monkeypatch.setattr(kubeadm_join.time, "sleep", lambda seconds: None)
    kubeadm_join.wait_signed(waiting, "abcdef")
    assert next(answers, "none") == "none"


@pytest.mark.parametrize("token", [None, "abcdef.0123456789abcdef"])
def test_init_leaves_no_token_but_the_callers(host, monkeypatch, token):
    touch(host, ["CA"])
    ran = []

    class Init:
        module = types.SimpleNamespace(no_log_values=set())

        def run(self, *arguments, config=None):
            ran.append(arguments)
            return f"--discovery-token-ca-cert-hash {HASH}"

    monkeypatch.setattr(kubeadm_init, "begin", lambda: None)
    monkeypatch.setattr(kubeadm_init, "finish", lambda: None)
    kubelet = type("Kubelet", (), {"do": lambda self, verb: None})()
    params = {"token": token, "token_ttl": "15m", "config": [{"kind": "InitConfiguration"}]}
    assert kubeadm_init.initialise(Init(), kubelet, params, resume=False)["ca_cert_hash"] == HASH
    assert len(Init.module.no_log_values) == 1
    assert [arguments[:2] for arguments in ran] == [("init",), *([] if token else [("token", "delete")])]


@pytest.mark.parametrize("files", [[], ["ADMIN_CONF", "UNFINISHED"]])
def test_a_token_needs_a_finished_control_plane(host, files):
    touch(host, files)
    with pytest.raises(KubeadmError, match="is not there"):
        kubeadm_token.create(Kubeadm(), {"node": ""})
