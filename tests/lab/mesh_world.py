# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pods with which test_mesh_settings.py looks at a mesh, in the namespace settings.

client and web ask for a sidecar, plain has none. collector counts what arrives by the protocols of Zipkin and of
OpenTelemetry. A lookalike has what the CNI plugin knows a pod with a sidecar by, but nothing that listens.
"""

from __future__ import annotations

import contextlib
import json
import time
from types import SimpleNamespace

import yaml
from conftest import LAB, ROOT
from kubernetes import client, config

from tests.istio_kinds import load
from tests.module_process import run_module

NAMESPACE, EXCLUDED = "settings", "settings-excluded"
CALLER = "app"
# Counts the traces of requests to web. OpenTelemetry's spans are binary, with the URLs as text.
COLLECTOR = """
import http.server, json, re
seen = {"zipkin": set(), "otlp": set()}

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.body()
        if self.path == "/v1/traces":
            seen["otlp"] |= set(re.findall(rb"counted=[0-9]+", body))
        else:
            seen["zipkin"] |= {span["traceId"] for span in json.loads(body) if "counted" in json.dumps(span)}
        self.answer({})

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers["Content-Length"]))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        return whole

    def do_GET(self):
        self.answer({protocol: len(found) for protocol, found in seen.items()})

    def answer(self, found):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, *_arguments):
        pass

http.server.ThreadingHTTPServer(("", 9411), Handler).serve_forever()
"""
_VERSION = yaml.safe_load((ROOT / "meta/versions.yml").read_text())["__bare_mesh_bookinfo_version"]
# One of Bookinfo's images, which has Python and curl.
IMAGE = f"docker.io/istio/examples-bookinfo-ratings-v1:{_VERSION}"
PROGRAMS = {
    "client": ["sleep", "infinity"],
    "plain": ["sleep", "infinity"],
    "web": ["python3", "-m", "http.server", "8000", "--directory", "/usr/share"],
    "collector": ["python3", "-c", COLLECTOR],
}
PORTS = {"web": 8000, "collector": 9411}
WITH_SIDECAR = ("client", "web")


def clients():
    """Clients of the lab's API server."""
    config.load_kube_config(str(LAB / "kubeconfig"))
    return SimpleNamespace(
        core=client.CoreV1Api(),
        policy=client.PolicyV1Api(),
        apps=client.AppsV1Api(),
        custom=client.CustomObjectsApi(),
        scaling=client.AutoscalingV2Api(),
    )


def _pod(name, silent=()):
    labels = {"app": name, "sidecar.istio.io/inject": "true" if name in WITH_SIDECAR else "false"}
    if name in silent:
        # Without a word about the sidecar, so that the mesh decides.
        del labels["sidecar.istio.io/inject"]
    container = {"name": CALLER, "image": IMAGE, "command": PROGRAMS[name]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }


def _service(name):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": PORTS[name]}]},
    }


def _run(module, **arguments):
    result = run_module(load("modules", module), kubeconfig=str(LAB / "kubeconfig"), **arguments)
    assert "failed" not in result, result
    return result


def deploy(silent=()):
    """Start all pods anew, as the mesh now wants them."""
    remove()
    pods = [_pod(name, silent) for name in PROGRAMS]
    _run("k8s", resources=[*map(_service, PORTS), *pods], wait=True, wait_timeout=120)


def remove():
    _run("k8s", resources=[_pod(name) for name in PROGRAMS], state="absent", wait=True, wait_timeout=120)


def _lookalike(namespace):
    containers = [{"name": name, "image": IMAGE, "command": ["sleep", "infinity"]} for name in (CALLER, "istio-proxy")]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "lookalike",
            "namespace": namespace,
            "annotations": {"sidecar.istio.io/status": "{}"},
        },
        "spec": {"containers": containers, "terminationGracePeriodSeconds": 1},
    }


@contextlib.contextmanager
def lookalikes():
    """A lookalike in each of the two namespaces."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": EXCLUDED}}
    pods = [_lookalike(namespace) for namespace in (NAMESPACE, EXCLUDED)]
    _run("k8s", resources=[space])
    accounts = clients().core.list_namespaced_service_account
    wait_until(lambda: accounts(EXCLUDED).items, "the namespace has no account for pods")
    try:
        _run("k8s", resources=pods, wait=True, wait_timeout=120)
        yield
    finally:
        _run("k8s", resources=[*pods, space], state="absent", wait=True, wait_timeout=120)


def remove_namespace():
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    _run("k8s", resources=[space], state="absent", wait=True, wait_timeout=120)


def execute(pod, container, command, namespace=NAMESPACE):
    """Run a command in a pod."""
    return run_module(
        load("modules", "k8s_exec"),
        kubeconfig=str(LAB / "kubeconfig"),
        namespace=namespace,
        pod=pod,
        container=container,
        command=command,
    )


def count_traces(protocol):
    """How much the collector has got."""
    done = execute("client", CALLER, ["curl", "-s", "http://collector:9411/"])
    return json.loads(done["stdout"])[protocol]


def wait_until(check, otherwise):
    """Wait a minute for what takes a moment to reach pods and nodes."""
    end = time.monotonic() + 60
    while not check():
        assert time.monotonic() < end, otherwise
        time.sleep(1)
