# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
from urllib.parse import urlencode

import kubernetes.client
import kubernetes.stream.ws_client
import pytest
import websocket
from ansible_collections.bare.mesh.plugins.modules import k8s_exec


def pod(name, ready=True, going=False):
    metadata = {"name": name, **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if going else {})}
    return {"metadata": metadata, "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}}


class Channel:
    """What the kubernetes client gives for an exec, already ended or still open."""

    def __init__(self, is_open=False):
        self.open, self.closed = is_open, False
        self.status = '{"status": "Success"}'
        self.error: Exception | None = None
        self.asked: tuple = ()

    def run_forever(self, timeout):
        for error in [self.error] if self.error else []:
            raise error

    def read_channel(self, number):
        assert number == 3
        return self.status

    def is_open(self):
        return self.open

    def close(self):
        self.closed = True

    def read_stdout(self, timeout):
        return "out"

    def read_stderr(self, timeout):
        return ""


@pytest.fixture
def channel(monkeypatch, cluster):
    channel = Channel()
    cluster.credentials = dict
    cluster.host = "https://127.0.0.1:1"
    cluster.settings = kubernetes.client.Configuration(host=cluster.host)
    monkeypatch.setattr(k8s_exec, "Client", lambda params: cluster)

    def call(settings, method, url, **more):
        channel.asked = method, url, more["headers"], urlencode(more["query_params"])
        return channel

    monkeypatch.setattr(kubernetes.stream.ws_client, "websocket_call", call)
    return channel


ARGUMENTS = {"namespace": "ns", "pod": "a", "command": ["true", "x"], "timeout": 5}


def test_output_and_status(channel, run_module):
    assert run_module(k8s_exec, **ARGUMENTS) == {"changed": True, "pod": "a", "rc": 0, "stdout": "out", "stderr": ""}
    channel.status = '{"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}}'
    result = run_module(k8s_exec, **ARGUMENTS)
    assert result["failed"] and result["changed"] and (result["rc"], result["stdout"]) == (3, "out")
    assert result["msg"] == "true x in a ended with status 3: out"


def test_what_the_api_server_is_asked(channel, cluster, run_module):
    cluster.credentials = lambda: {"authorization": "Bearer x"}
    run_module(k8s_exec, container="c", **{**ARGUMENTS, "namespace": "n/s"})
    method, url, headers, query = channel.asked
    assert (method, url) == ("GET", f"{cluster.host}/api/v1/namespaces/n%2Fs/pods/a/exec")
    assert headers == {"authorization": "Bearer x"}
    assert query == "command=true&command=x&stdout=true&stderr=true&container=c"


def test_an_output_that_is_as_expected_is_not_returned(channel, run_module):
    done = {"changed": True, "pod": "a", "rc": 0, "stderr": ""}
    assert run_module(k8s_exec, expect=["^o", "[tu]"], **ARGUMENTS) == done
    assert run_module(k8s_exec, expect=["[tu]"], expect_count=2, **ARGUMENTS) == done


@pytest.mark.parametrize(
    ("expect", "count", "message"),
    [
        (["out", "in"], 1, "the output of true x in a matches in 0 times, not 1 times as expected"),
        (["[tu]"], 3, "the output of true x in a matches [tu] 2 times, not 3 times as expected"),
    ],
)
def test_an_output_that_is_not_as_expected(channel, run_module, expect, count, message):
    result = run_module(k8s_exec, expect=expect, expect_count=count, **ARGUMENTS)
    assert result["failed"] and result["changed"] and (result["msg"], result["stdout"]) == (message, "out")


def test_an_expression_that_is_none_is_refused_before_the_command_runs(channel, run_module):
    result = run_module(k8s_exec, expect=["("], **ARGUMENTS)
    assert result["msg"].startswith("expect: ( is not a valid regular expression: missing )")
    assert "rc" not in result


def test_pod_by_its_labels(channel, cluster, run_module):
    one = pod("a")
    one["metadata"]["labels"] = {"app": "x"}
    cluster.objects["/api/v1/namespaces/ns/pods/a"] = one
    arguments = {name: value for name, value in ARGUMENTS.items() if name != "pod"}
    assert run_module(k8s_exec, label_selectors=["app=x"], **arguments)["pod"] == "a"


def test_a_command_that_does_not_end_in_time(channel, run_module):
    channel.open = True
    assert "did not end within 5 seconds" in run_module(k8s_exec, **ARGUMENTS)["msg"]
    assert channel.closed


def test_program_that_is_missing(channel, run_module):
    message = 'exec: "tru": executable file not found in $PATH'
    channel.status = json.dumps({"status": "Failure", "reason": "InternalError", "message": message})
    assert run_module(k8s_exec, **ARGUMENTS)["msg"] == "there is no program true in the container of the pod ns/a"


@pytest.mark.parametrize(
    "error", [None, websocket.WebSocketConnectionClosedException("closed"), ConnectionResetError("reset")]
)
def test_connection_that_is_lost(channel, run_module, error):
    channel.error, channel.status = error, ""
    assert "the connection to the pod ns/a was lost" in run_module(k8s_exec, **ARGUMENTS)["msg"]


def test_api_server_s_refusal(channel, run_module):
    channel.error = kubernetes.client.ApiException(status=403, reason="Forbidden")
    assert run_module(k8s_exec, **ARGUMENTS)["msg"] == "no command can be run in the pod ns/a: Forbidden"
    status = {"kind": "Status", "message": 'pods "a" not found'}
    text = f"Handshake status 404 Not Found -+-+- {{'date': 'x'}} -+-+- {json.dumps(status)}\n"
    channel.error = kubernetes.client.ApiException(status=0, reason=text)
    assert run_module(k8s_exec, **ARGUMENTS)["msg"] == 'no command can be run in the pod ns/a: pods "a" not found'
    for body in ("no JSON", "{}", "{", "[]"):
        channel.error = kubernetes.client.ApiException(
            status=0, reason=f"Handshake status 502 Bad Gateway -+-+- {{}} -+-+- {body}"
        )
        assert run_module(k8s_exec, **ARGUMENTS)["msg"].endswith(": Handshake status 502 Bad Gateway")
