# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of a converged lab share: its hosts over SSH, its API server, its page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import testinfra
import yaml
from kubernetes import client, config

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / ".lab"
sys.path.insert(0, str(Path(__file__).parent))  # for truth.py, however pytest imports the tests

_INVENTORY = yaml.safe_load((ROOT / "inventories/lab/hosts.yml").read_text())
_CLUSTER = _INVENTORY["all"]["children"]["cluster"]["children"]
_VERSIONS = yaml.safe_load((ROOT / "meta/versions.yml").read_text())
KUBERNETES = yaml.safe_load((ROOT / "meta/defaults.yml").read_text())["bare_mesh_kubernetes_version"]
ISTIO = yaml.safe_load((ROOT / "meta/defaults.yml").read_text())["bare_mesh_istio_version"]
CONTAINERD = _VERSIONS["__bare_mesh_containerd_version"]
PAUSE = f"registry.k8s.io/pause:{_VERSIONS['__bare_mesh_kubernetes_releases'][KUBERNETES]['pause']}"
ADDRESSES = {name: host["ansible_host"] for group in _CLUSTER.values() for name, host in group["hosts"].items()}


def node(name):
    """A node of the lab as testinfra sees it."""
    return testinfra.get_host(
        f"ssh://root@{ADDRESSES[name]}",
        ssh_identity_file=str(LAB / "ssh/id_ed25519"),
        ssh_extra_args=f"-o UserKnownHostsFile={LAB / 'ssh/known_hosts'} -o StrictHostKeyChecking=yes",
    )


def pytest_generate_tests(metafunc):
    """`host` is each node that the module names in NODES, or else each node of the cluster."""
    if "host" in metafunc.fixturenames:
        metafunc.parametrize("host", getattr(metafunc.module, "NODES", sorted(ADDRESSES)), indirect=True, scope="module")


@pytest.fixture(scope="module")
def host(request):
    return node(request.param)


@pytest.fixture(scope="session")
def node1():
    return node("node1")


@pytest.fixture(scope="session")
def api():
    config.load_kube_config(str(LAB / "kubeconfig"))
    return client.CoreV1Api()


@pytest.fixture(scope="session")
def custom_api(api):
    return client.CustomObjectsApi(api.api_client)


@pytest.fixture(scope="session")
def page_url():
    done = subprocess.run([sys.executable, ROOT / "tools/bookinfo_url.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
