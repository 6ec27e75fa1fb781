# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who calls without mutual TLS: a pod without a sidecar is found by its name, a pod with one is not."""

from __future__ import annotations

import mesh_world
import pytest
from conftest import LAB
from mesh_world import CALLER, NAMESPACE, execute, wait_until

from tests.istio_kinds import load
from tests.module_process import run_module

CONFIG = {"kubeconfig": str(LAB / "kubeconfig")}
WEB = "http://web:8000/"


def run(module, **arguments):
    result = run_module(load("modules", module), **arguments, **CONFIG)
    assert "failed" not in result, result
    return result


@pytest.fixture(scope="module", autouse=True)
def _world():
    """client and web have a sidecar, plain has none. The namespace has an access log and takes plain text."""
    run("k8s", resources=[{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
    run("peer_authentication", name="default", namespace=NAMESPACE, mtls={"mode": "PERMISSIVE"})
    run("telemetry", name="log", namespace=NAMESPACE, access_logging=[{"providers": [{"name": "envoy"}]}])
    mesh_world.deploy()
    yield
    mesh_world.remove_namespace()


def call(pod, url):
    done = execute(pod, CALLER, ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", url])
    return done["stdout"].strip()


def callers():
    """Who has called web without mutual TLS, at which port and how."""
    found = run_module(load("modules", "plaintext_callers"), namespaces=[NAMESPACE], since=600, **CONFIG)
    # Before the first call there is no log, which is an error.
    assert "failed" not in found or "has written an access log" in found["msg"], found
    rows = [one for one in found.get("callers", []) if one["workload"] == "web"]
    return [(one["caller"]["kind"], one["caller"]["name"], one["port"], one["transport"]) for one in rows]


@pytest.mark.feature("plaintext-callers")
def test_a_pod_without_a_sidecar_is_found_and_one_with_a_sidecar_is_not():
    wait_until(lambda: call("client", WEB) == "200", "client does not reach web")
    assert call("plain", WEB) == "200"
    # The proxy writes its log every second.
    wait_until(callers, "nobody is found")
    assert callers() == [("pod", "plain", 8000, "plaintext")]


def test_a_call_to_the_address_of_a_pod_is_plain_text_even_with_a_sidecar(api):
    web = api.read_namespaced_pod("web", NAMESPACE).status.pod_ip
    assert call("client", f"http://{web}:8000/") == "200"
    wait_until(lambda: ("pod", "client", 8000, "plaintext") in callers(), "client is not found")
