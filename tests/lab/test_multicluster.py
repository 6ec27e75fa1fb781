# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two clusters of the lab's nodes as one mesh of two networks. The hosts are bare afterwards."""

from __future__ import annotations

import base64
import shutil
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
import truth
import yaml
from certificates import Authority
from conftest import ADDRESSES, LAB, ROOT, lab
from mesh_world import IMAGE
from test_traffic import until

from tests.istio_kinds import load
from tests.module_process import run_module

pytestmark = pytest.mark.lifecycle
NAMESPACE = "shop"
# Answers with the name of its cluster.
SERVER = """
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())

http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
# kubeadm keeps usual pods, and MetalLB's announcements, away from nodes of the control plane.
OPEN = {
    "metadata": {"labels": {"node.kubernetes.io/exclude-from-external-load-balancers": None}},
    "spec": {"taints": None},
}


class Cluster(NamedTuple):
    name: str
    control_plane: str
    workers: list[str]
    pod_cidr: str
    balancer: str
    folder: Path

    @property
    def kubeconfig(self):
        return str(self.folder / "kubeconfig")

    @property
    def inventory(self):
        return str(self.folder / "inventory")

    def run(self, module, /, **arguments):
        done = run_module(load("modules", module), kubeconfig=self.kubeconfig, **arguments)
        assert "failed" not in done, done
        return done

    def write(self):
        """An inventory with the lab's settings and those of a cluster of its own."""
        shutil.copytree(ROOT / "inventories/lab", self.inventory)
        path = Path(self.inventory, "hosts.yml")
        hosts = yaml.safe_load(path.read_text())
        groups = hosts["all"]["children"]["cluster"]["children"]
        for group, names in (("control_plane", [self.control_plane]), ("workers", self.workers)):
            groups[group]["hosts"] = {name: {"ansible_host": ADDRESSES[name]} for name in names}
        path.write_text(yaml.safe_dump(hosts))
        spec = yaml.safe_load(Path(self.inventory, "group_vars/all/settings.yml").read_text())["istio_operator_spec"]
        spec["values"]["global"] = {
            "meshID": "lab",
            "multiCluster": {"clusterName": self.name},
            "network": self.name,
        }
        settings = {
            "__lab_dir": str(LAB),
            "bare_mesh_kubeconfig": self.kubeconfig,
            "bare_mesh_pod_cidr": self.pod_cidr,
            "load_balancer_addresses": [f"{self.balancer}/32"],
            "istio_operator_spec": spec,
            "istio_gateway_gateways": [{"name": "eastwest", "network": self.name}],
        }
        # After settings.yml, which it replaces in part.
        Path(self.inventory, "group_vars/all/two.yml").write_text(yaml.safe_dump(settings))

    def build(self, play, authority):
        play = partial(play, "-i", self.inventory, inventory=False)
        for book in ("prepare_hosts", "install_kubernetes"):
            assert_ran(play(f"playbooks/{book}.yml"))
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.control_plane, **OPEN["metadata"]}}
        self.run("k8s", state="patched", resources=[{**node, "spec": OPEN["spec"]}])
        self.run("k8s", resources=self.root(authority))
        for book in ("install_load_balancer", "install_mesh"):
            assert_ran(play(f"playbooks/{book}.yml"))
        again = play("playbooks/install_mesh.yml")
        assert (again["code"], again["changed"]) == (0, {}), again["errors"]

    def root(self, authority):
        """The namespace of the mesh, and the certificate authority by which its istiod signs."""
        files = {
            "root-cert.pem": authority.path,
            "cert-chain.pem": authority.path,
            "ca-cert.pem": authority.path,
            "ca-key.pem": authority.key_file(self.folder),
        }
        data = {name: base64.b64encode(Path(path).read_bytes()).decode() for name, path in files.items()}
        labels = {"topology.istio.io/network": self.name}
        meta = {"name": "cacerts", "namespace": "istio-system"}
        return [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system", "labels": labels}},
            {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": meta, "data": data},
        ]

    def deploy(self, name, command):
        """A Deployment with a sidecar. Each cluster has the Service of the server, whether it serves it or not."""
        labels = {"app": name}
        container = {"name": name, "image": IMAGE, "command": command}
        meta = {"name": name, "namespace": NAMESPACE}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        namespace = {"name": NAMESPACE, "labels": {"istio-injection": "enabled"}}
        port = {"name": "http", "port": 8000}
        objects = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": namespace},
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "server", "namespace": NAMESPACE},
                "spec": {"selector": {"app": "server"}, "ports": [port]},
            },
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": meta,
                "spec": {"selector": {"matchLabels": labels}, "template": template},
            },
        ]
        self.run("k8s", resources=objects, wait=True, wait_timeout=180)

    def ask(self):
        """What the server answers to the client of this cluster."""
        command = ["curl", "-s", "--max-time", "5", f"http://server.{NAMESPACE}:8000/"]
        done = run_module(
            load("modules", "k8s_exec"), kubeconfig=self.kubeconfig, namespace=NAMESPACE,
            label_selectors=["app=client"], container="client", command=command,
        )  # fmt: skip
        return done.get("stdout", "")


def assert_ran(done):
    assert done["code"] == 0, done["errors"]
    return done


@pytest.fixture(scope="module")
def meshes(tmp_path_factory):
    """Two clusters with a mesh each, and one certificate authority."""
    folder = tmp_path_factory.mktemp("clusters")
    play = partial(truth.play, folder / "runs.jsonl")
    lab("reset", *ADDRESSES)
    authority = Authority(folder / "authority")
    found = []
    for name, first, workers, cidr, balancer in (
        ("east", "node1", ["node2"], "10.244.0.0/16", "10.87.0.201"),
        ("west", "node3", [], "10.245.0.0/16", "10.87.0.202"),
    ):
        found.append(Cluster(name, first, workers, cidr, balancer, folder / name))
        found[-1].folder.mkdir()
        found[-1].write()
        found[-1].build(play, authority)
    yield found
    lab("reset", *ADDRESSES)


@pytest.fixture
def join(play, tmp_path):
    """Run the playbook for some of the clusters."""

    def run(*clusters, check=()):
        listed = [{"name": one.name, "kubeconfig": one.kubeconfig} for one in clusters]
        path = tmp_path / "clusters.yml"
        path.write_text(yaml.safe_dump({"mesh_clusters": listed}))
        return assert_ran(play("playbooks/join_meshes.yml", "-e", f"@{path}", *check))

    return run


@pytest.mark.feature("clusters")
def test_two_clusters_are_one_mesh(meshes, join):
    east, west = meshes
    west.deploy("server", ["python3", "-c", SERVER, "west"])
    east.deploy("client", ["sleep", "infinity"])
    assert east.ask() != "west"
    predicted = join(east, west, check=["--check"])
    done = join(east, west)
    assert done["changed"] and truth.disagreements(predicted, done) == []
    assert join(east, west)["changed"] == {}
    until(lambda: east.ask() == "west", 90)
    # Both ends serve, and the callers of one cluster get both.
    east.deploy("server", ["python3", "-c", SERVER, "east"])
    until(lambda: {east.ask() for _request in range(20)} == {"east", "west"}, 90)
    # A cluster that leaves the mesh is forgotten.
    assert join(east)["changed"]
    until(lambda: {east.ask() for _request in range(20)} == {"east"}, 90)
    assert join(east)["changed"] == {}
