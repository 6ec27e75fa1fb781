# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What kubeadm_join makes of what it finds on a host."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import json
import ssl
import threading

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.node import ApiServer
from ansible_collections.bare.mesh.plugins.modules import kubeadm_join
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

# Next to none.
WAIT = 0.001
USAGE = {
    **dict.fromkeys(("digital_signature", "key_encipherment"), True),
    **dict.fromkeys(("content_commitment", "data_encipherment", "key_agreement"), False),
    **dict.fromkeys(("encipher_only", "decipher_only"), False),
}


@pytest.mark.parametrize(
    ("files", "answer", "state"),
    [
        ([], None, "absent"),
        (["CA"], None, "broken"),
        (["BOOTSTRAP_CONF"], None, "broken"),
        (["UNFINISHED"], None, "broken"),
        (["KUBELET_CONF"], (200, ""), "joined"),
        (["KUBELET_CONF", "BOOTSTRAP_CONF"], (200, ""), "unfinished"),
        (["KUBELET_CONF", "UNFINISHED"], (200, ""), "unfinished"),
        (["KUBELET_CONF"], (404, ""), "deleted"),
        (["KUBELET_CONF"], ValueError("certificate cut short"), "broken"),
    ],
)
def test_worker_states(touch, answering, monkeypatch, files, answer, state):
    touch(files)

    def server(*arguments):
        # An authority that does not match shows in an answer, a spoilt certificate before any.
        if isinstance(answer, ValueError) and not isinstance(answer, ssl.SSLError):
            raise answer
        return answering(answer)

    monkeypatch.setattr(kubeadm_join.ApiServer, "of", server)
    assert kubeadm_join.find_state("192.0.2.10:6443", "w1", wait_timeout=WAIT) == state


def certificate(subject, key, issuer, issuer_key, begins=-1, ends=1, address="127.0.0.1", authority=False):
    """A certificate from and until so many days from now.

    It is made as kubeadm's authorities are: each is called kubernetes.
    """
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
        # Python 3.13 refuses an authority without it.
        .add_extension(x509.KeyUsage(**USAGE, key_cert_sign=authority, crl_sign=authority), critical=True)
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
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(running.status)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    def start(status=200, foreign=False, **validity):
        file = tmp_path / "server.pem"
        file.write_bytes(
            certificate("kube-apiserver", key, "kubernetes", others if foreign else ours, **validity) + secret
        )
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
def test_only_another_authority_makes_a_worker_one_of_another_cluster(touch, monkeypatch, tls, server, outcome):
    touch(["KUBELET_CONF"])
    api = tls(**server)
    monkeypatch.setattr(kubeadm_join.ApiServer, "of", lambda *arguments: api)
    address = api.url.removeprefix("https://")
    if " " not in outcome and ".*" not in outcome:
        assert kubeadm_join.find_state(address, "w1", wait_timeout=WAIT) == outcome
        return
    for wait_timeout in (0, WAIT):
        with pytest.raises(Failure, match=outcome):
            kubeadm_join.find_state(address, "w1", wait_timeout=wait_timeout)


def test_a_node_of_another_cluster_is_left_alone(touch, answering, monkeypatch):
    touch(["KUBELET_CONF"])
    monkeypatch.setattr(kubeadm_join.ApiServer, "of", lambda *arguments: answering((200, "")))
    with pytest.raises(Failure, match=r"node of the cluster at https://192\.0\.2\.10:6443.*reset"):
        kubeadm_join.find_state("192.0.2.99:6443", "w1", wait_timeout=WAIT)


def test_a_control_plane_is_not_made_a_worker(touch):
    touch(["API_SERVER_MANIFEST"])
    with pytest.raises(Failure, match="control plane already"):
        kubeadm_join.find_state("192.0.2.10:6443", "w1", wait_timeout=WAIT)


def test_a_node_of_another_name_is_left_alone(touch, answering, monkeypatch):
    touch(["KUBELET_CONF"])
    monkeypatch.setattr(kubeadm_join.ApiServer, "of", lambda *arguments: answering((403, "")))
    with pytest.raises(Failure, match=r"may not read the node w1.*reset"):
        kubeadm_join.find_state("192.0.2.10:6443", "w1", wait_timeout=WAIT)


@pytest.mark.parametrize("answer", [ConnectionRefusedError("refused"), (429, ""), (500, ""), (503, "")])
def test_a_silent_api_server_is_no_reason_to_reset(touch, answering, monkeypatch, answer):
    touch(["KUBELET_CONF"])
    monkeypatch.setattr(kubeadm_join.ApiServer, "of", lambda *arguments: answering(answer))
    monkeypatch.setattr(kubeadm_join.time, "sleep", lambda seconds: None)
    with pytest.raises(Failure, match="does not answer this host"):
        kubeadm_join.find_state("192.0.2.10:6443", "w1", wait_timeout=WAIT)


def test_a_first_look_does_not_wait(touch, answering, monkeypatch):
    touch(["KUBELET_CONF"])
    monkeypatch.setattr(kubeadm_join.ApiServer, "of", lambda *arguments: answering(ConnectionRefusedError("refused")))
    assert kubeadm_join.find_state("192.0.2.10:6443", "w1", wait_timeout=0) == "unknown"


@pytest.mark.parametrize(
    "last", [(200, '{"data": {"jws-kubeconfig-abcdef": "x"}}'), (403, "anonymous"), ConnectionRefusedError()]
)
def test_a_join_waits_until_its_token_is_known(answering, monkeypatch, last):
    answers = iter([(200, "{}"), (200, '{"data": {"jws-kubeconfig-other": "x"}}'), last])
    server = answering(None)

    def request(path):
        server.given = next(answers)
        return answering.request(server, path)

    waiting = type("Waiting", (), {"request": staticmethod(request)})
    monkeypatch.setattr(kubeadm_join.time, "sleep", lambda seconds: None)
    kubeadm_join.wait_signed(waiting, "abcdef")
    assert next(answers, "none") == "none"


TOKEN = "abcdef.0123456789abcdef"
NODE = "/api/v1/nodes/w1"


@pytest.fixture
def wanted(ca_cert_hash):
    return {
        "api_server": "192.0.2.10:6443",
        "token": TOKEN,
        "ca_cert_hash": ca_cert_hash,
        "node_registration": {"name": "w1"},
        "wait_timeout": 0,
    }


@pytest.fixture
def worker(member, machine):
    """A host that is no node yet, and becomes one by kubeadm join."""
    member.unit = {"ActiveState": "inactive", "UnitFileState": "disabled"}

    def join(_command):
        machine.put("/etc/kubernetes/kubelet.conf")
        machine.put("/etc/kubernetes/pki/ca.crt")
        member.unit["ActiveState"] = "active"
        member.objects[NODE] = (200, "{}")

    machine.acts["kubeadm join"] = join
    return member


def test_check_mode_predicts_a_join(worker, machine, predicted, wanted):
    done = predicted(kubeadm_join, **wanted)
    assert (done["state"], done["join"], done["node"]) == ("absent", True, "w1")
    assert machine.ran[0] == "systemctl enable kubelet"
    assert machine.ran[1].startswith("kubeadm join --config /proc/self/fd/")
    document = json.loads(machine.inputs[0])
    assert document["discovery"]["bootstrapToken"]["token"] == TOKEN and document["nodeRegistration"] == {
        "name": "w1",
        "kubeletExtraArgs": [{"name": "resolv-conf", "value": "/etc/resolv.conf"}],
    }
    assert not machine.path(kubeadm_join.UNFINISHED).exists()


def joined(worker, machine):
    machine.acts["kubeadm join"]("")
    worker.unit["UnitFileState"] = "enabled"


@pytest.mark.parametrize("state", ["broken", "foreign"])
def test_what_is_no_node_any_more_is_reset_first(worker, machine, predicted, wanted, state):
    if state == "broken":
        machine.put(kubeadm_join.UNFINISHED)
        machine.put("/etc/kubernetes/pki/ca.crt")
    else:
        joined(worker, machine)
        error = ssl.SSLCertVerificationError(1, "self-signed certificate in certificate chain")
        error.verify_code = 19
        worker.objects[NODE] = error
    machine.put("/var/lib/kubelet/config.yaml")
    done = predicted(kubeadm_join, **wanted)
    assert (done["state"], done["join"]) == (state, True)
    words = [command.split(" --config")[0] for command in machine.ran]
    assert words.index("kubeadm reset") < words.index("kubeadm join")
    assert not machine.path("/var/lib/kubelet/config.yaml").exists()


def test_a_join_that_was_killed_late_is_finished(worker, machine, predicted, wanted):
    joined(worker, machine)
    machine.put(kubeadm_join.UNFINISHED)
    machine.put("/etc/kubernetes/bootstrap-kubelet.conf")
    done = predicted(kubeadm_join, **wanted)
    assert (done["state"], done["join"]) == ("unfinished", False) and machine.ran == ["systemctl enable --now kubelet"]
    assert not machine.path("/etc/kubernetes/bootstrap-kubelet.conf").exists()


def test_a_node_that_was_deleted_registers_again(worker, machine, predicted, wanted):
    joined(worker, machine)
    worker.objects.clear()
    machine.acts["systemctl restart kubelet"] = lambda _command: worker.objects.update({NODE: (200, "{}")})
    assert predicted(kubeadm_join, **wanted)["state"] == "deleted"
    assert machine.ran == ["systemctl enable kubelet", "systemctl restart kubelet"]


def test_a_kubelet_that_stands_still_is_started(worker, machine, predicted, wanted):
    joined(worker, machine)
    worker.unit["ActiveState"] = "failed"
    done = predicted(kubeadm_join, **wanted)
    assert (done["state"], done["join"]) == ("joined", False) and machine.ran == ["systemctl enable --now kubelet"]


def test_check_mode_before_the_new_cluster_is_there(worker, machine, call, wanted):
    joined(worker, machine)
    worker.objects[NODE] = ConnectionRefusedError("refused")
    done = call(kubeadm_join, check=True, **wanted)
    assert (done["changed"], done["state"], done["join"]) == (False, "unknown", False)
    worker.unit["ActiveState"] = "inactive"
    assert call(kubeadm_join, check=True, **wanted)["changed"] is True
    done = call(kubeadm_join, check=True, cluster_pending=True, **wanted)
    assert (done["changed"], done["state"], done["join"]) == (True, "foreign", True)
    assert machine.ran == []


def test_the_token_is_printed_nowhere(worker, machine, call, wanted):
    machine.acts["kubeadm join"] = (1, f"token {TOKEN}", f"could not use {TOKEN}")
    assert "kubeadm join failed with code 1" in call(kubeadm_join, **wanted)["msg"] and TOKEN not in call.printed
    assert machine.path(kubeadm_join.UNFINISHED).exists()
    call(kubeadm_join, check=True, **wanted)
    assert TOKEN not in call.printed


def test_failures_are_messages(worker, machine, call, wanted):
    failed = call(kubeadm_join, **{**wanted, "token": None})
    assert "the node is to join (it is absent): token and ca_cert_hash are needed" in failed["msg"]
    assert machine.ran == []
    # By this the action plugin knows that a token is all that is missing.
    assert (failed["join"], failed["node"]) == (True, "w1")
    assert "ca_cert_hash" in call(kubeadm_join, **{**wanted, "ca_cert_hash": None})["msg"]
    assert "missing required arguments: api_server" in call(kubeadm_join)["msg"]
    machine.put("/etc/kubernetes/manifests/kube-apiserver.yaml")
    for check in (True, False):
        assert "control plane already" in call(kubeadm_join, check=check, **wanted)["msg"]
    machine.path("/etc/kubernetes/manifests/kube-apiserver.yaml").unlink()
    machine.programs = {"systemctl"}
    assert "kubeadm is not installed" in call(kubeadm_join, **wanted)["msg"]


RESOLVER = {"name": "resolv-conf", "value": "/etc/resolv.conf"}
NODE_IP = {"name": "node-ip", "value": "192.0.2.11"}


@pytest.mark.parametrize(
    ("resolved", "own_resolver", "arguments"),
    [(False, True, [NODE_IP, RESOLVER]), (True, True, [NODE_IP]), (False, False, [NODE_IP])],
)
def test_each_host_has_its_own_name_servers(worker, machine, call, wanted, resolved, own_resolver, arguments):
    """A path of the control plane's host in the cluster's configuration is no path of this one."""
    if resolved:
        machine.put("/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.53\n")
    wanted["node_registration"] = {"name": "w1", "kubeletExtraArgs": [NODE_IP]}
    assert call(kubeadm_join, **wanted, own_resolver=own_resolver)["join"]
    registered = json.loads(machine.inputs[0])["nodeRegistration"]
    assert registered == {"name": "w1", "kubeletExtraArgs": arguments}
