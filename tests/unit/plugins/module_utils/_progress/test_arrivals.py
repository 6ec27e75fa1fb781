# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a spectator says of a cluster's objects, and how little it asks."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._progress import arrivals


def pod_with(phase, *containers, **metadata):
    status = {"phase": phase, "containerStatuses": list(containers)}
    return {"metadata": metadata, "spec": {"containers": [{}, {}]}, "status": status}


WAITING = {"ready": False, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "secret"}}}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (pod_with("Pending"), ("Pending, 0/2 ready", False)),
        (pod_with("Running", {"ready": True}, {"ready": False}), ("Running, 1/2 ready", False)),
        (pod_with("Running", {"ready": True}), ("Running, 1/1 ready", True)),
        (pod_with("Pending", WAITING, WAITING), ("ImagePullBackOff, 0/2 ready", False)),
        (pod_with("Succeeded"), ("Succeeded", True)),
        (pod_with("Running", deletionTimestamp="now"), ("Terminating", True)),
        ({"metadata": {}, "spec": {}}, ("Unknown, 0/0 ready", False)),
    ],
)
def test_pods(item, expected):
    assert arrivals.pod(item) == expected


def test_sidecars_that_are_init_containers_count():
    item = pod_with("Running", {"ready": True})
    item["spec"]["initContainers"] = [{"name": "istio-init"}, {"name": "istio-proxy", "restartPolicy": "Always"}]
    done, proxy = {"name": "istio-init", "ready": False}, {"name": "istio-proxy", "ready": False}
    item["status"]["initContainerStatuses"] = [done, proxy]
    assert arrivals.pod(item) == ("Running, 1/2 ready", False)
    proxy["ready"] = True
    assert arrivals.pod(item) == ("Running, 2/2 ready", True)
    assert arrivals.pod({**item, "status": {"phase": "Pending"}}) == ("Pending, 0/3 ready", False)


@pytest.mark.parametrize(
    ("replicas", "ready", "expected"),
    [(2, 1, ("1/2 ready", False)), (1, 1, ("1/1 ready", True)), (0, None, ("0/0 ready", True))],
)
def test_components(replicas, ready, expected):
    assert arrivals.deployment({"spec": {"replicas": replicas}, "status": {"readyReplicas": ready}}) == expected


@pytest.mark.parametrize(
    ("spec", "given", "expected"),
    [
        ({"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}, [], "ClusterIP 10.0.0.1 ports 80"),
        ({"type": "NodePort", "clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 31000}, {"port": 443}]}, [],
         "NodePort 10.0.0.1 ports 80:31000,443"),
        ({"type": "LoadBalancer", "clusterIP": "10.0.0.1"}, [], "LoadBalancer 10.0.0.1, external <pending> ports none"),
        ({"type": "LoadBalancer", "clusterIP": "10.0.0.1"}, [{"ip": "192.0.2.1"}, {"hostname": "lb.example"}],
         "LoadBalancer 192.0.2.1,lb.example ports none"),
        ({"type": "ExternalName", "externalName": "db.example"}, [], "ExternalName db.example ports none"),
    ],
)  # fmt: skip
def test_services(spec, given, expected):
    assert arrivals.service({"spec": spec, "status": {"loadBalancer": {"ingress": given}}}) == (expected, True)


@pytest.fixture
def server(tmp_path):
    """An API server that knows three lists, its kubeconfig, and what it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            about = {"name": "x", "namespace": "a"}
            body = json.dumps({"items": [{"metadata": about, "spec": {}}]} if "/a/" in self.path else {"code": 403})
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format, *args):
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{http.server_port}"}}
    chosen = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    config = {"clusters": [cluster], "contexts": [chosen], "users": [{"name": "u", "user": {"token": "t"}}]}
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "c", **config}))
    yield str(path), asked
    http.shutdown()
    http.server_close()


def test_three_lists_are_read(server):
    kubeconfig, asked = server
    found = arrivals.Glance(kubeconfig, "a", threading.RLock()).states()
    assert found == {
        "deployment a/x": ("0/1 ready", False),
        "pod a/x": ("Unknown, 0/0 ready", False),
        "service a/x": ("ClusterIP none ports none", True),
    }
    paths = ["/apis/apps/v1/namespaces/a/deployments", "/api/v1/namespaces/a/pods", "/api/v1/namespaces/a/services"]
    assert asked == [f"{path}?limit=100" for path in paths]


def test_a_refusal_is_an_error_and_is_not_repeated(server):
    kubeconfig, asked = server
    with pytest.raises(KeyError):
        arrivals.Glance(kubeconfig, "", threading.RLock()).states()
    assert asked == ["/apis/apps/v1/deployments?limit=100"]
