# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import types

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._failure import Failure
from ansible_collections.bare.mesh.plugins.modules import pod_exec


def pod(name, ready=True, going=False):
    metadata = {"name": name, **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if going else {})}
    return {"metadata": metadata, "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}}


class Channel:
    """What the kubernetes client gives for an exec, already ended or still open."""

    def __init__(self, is_open=False, code=0):
        self.open, self.returncode, self.closed = is_open, code, False

    def run_forever(self, timeout):
        pass

    def is_open(self):
        return self.open

    def close(self):
        self.closed = True

    def read_stdout(self, timeout):
        return "out"

    def read_stderr(self, timeout):
        return ""


@pytest.fixture
def channel(monkeypatch):
    channel = Channel()

    def library(name, package):
        if name == "kubernetes.stream":
            return types.SimpleNamespace(stream=lambda *arguments, **more: channel)
        api = types.SimpleNamespace(connect_get_namespaced_pod_exec=None)
        return types.SimpleNamespace(CoreV1Api=lambda client: api, ApiException=OSError)

    monkeypatch.setattr(pod_exec, "library", library)
    return channel


def test_the_first_ready_pod_is_taken():
    assert pod_exec.choose([pod("c"), pod("a", ready=False), pod("b"), pod("aa", going=True)], "ns", "app=x") == "b"


def test_no_pod_and_no_ready_pod_are_told_apart():
    with pytest.raises(Failure, match="has no pod with the labels app=x"):
        pod_exec.choose([], "ns", "app=x")
    with pytest.raises(Failure, match=r"is ready \(there are: a\)"):
        pod_exec.choose([pod("a", ready=False)], "ns", "app=x")


def execute():
    client = types.SimpleNamespace(api_client=None)
    return pod_exec.execute(client, "ns", "a", "main", ["true"], 5)


def test_the_result_carries_output_and_status(channel):
    channel.returncode = 3
    assert execute() == {"pod": "a", "rc": 3, "stdout": "out", "stderr": ""}


def test_a_command_without_end_is_given_up(channel):
    channel.open = True
    with pytest.raises(Failure, match="did not end within 5 seconds"):
        execute()
    assert channel.closed
