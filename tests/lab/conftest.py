# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fixtures of the tests of a converged lab: hosts over SSH, the API server, the page."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import testinfra
import truth
import yaml
from kubernetes import client, config

from lab.artifacts import versions

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / ".lab"

_INVENTORY = yaml.safe_load((ROOT / "inventories/lab/hosts.yml").read_text())
_CLUSTER = _INVENTORY["all"]["children"]["cluster"]["children"]
_VERSIONS = yaml.safe_load((ROOT / "meta/versions.yml").read_text())
KUBERNETES = yaml.safe_load((ROOT / "meta/defaults.yml").read_text())["bare_mesh_kubernetes_version"]
ISTIO = yaml.safe_load((ROOT / "meta/defaults.yml").read_text())["bare_mesh_istio_version"]
CONTAINERD = versions.load().containerd
KUBERNETES_MINOR = ".".join(KUBERNETES.split(".")[:2])
PAUSE = f"registry.k8s.io/pause:{_VERSIONS['__bare_mesh_kubernetes_minors'][KUBERNETES_MINOR]['pause']}"
# The namespace of the modules' examples.
SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
ADDRESSES = {name: host["ansible_host"] for group in _CLUSTER.values() for name, host in group["hosts"].items()}


def node(name):
    """The testinfra host of a node of the lab."""
    return testinfra.get_host(
        f"ssh://root@{ADDRESSES[name]}",
        ssh_identity_file=str(LAB / "ssh/id_ed25519"),
        ssh_extra_args=f"-o UserKnownHostsFile={LAB / 'ssh/known_hosts'} -o StrictHostKeyChecking=yes",
    )


def pytest_generate_tests(metafunc):
    """Run tests with `host` once per node in the module's NODES, or else per node of the cluster."""
    if "host" in metafunc.fixturenames:
        metafunc.parametrize(
            "host", getattr(metafunc.module, "NODES", sorted(ADDRESSES)), indirect=True, scope="module"
        )


@pytest.fixture(scope="module")
def host(request):
    return node(request.param)


@pytest.fixture(scope="session")
def node1():
    return node("node1")


def lab(*arguments):
    """Run `python -m lab`."""
    subprocess.run([sys.executable, "-m", "lab", *arguments], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def api():
    config.load_kube_config(str(LAB / "kubeconfig"))
    return client.CoreV1Api()


@pytest.fixture(scope="module")
def custom_api(api):
    return client.CustomObjectsApi(api.api_client)


@pytest.fixture
def play(tmp_path):
    """Run a playbook on the lab. Returns the changed tasks, the exit code and the output."""
    return partial(truth.play, tmp_path / "runs.jsonl")


@pytest.fixture(scope="module")
def page_url():
    done = subprocess.run([sys.executable, ROOT / "tools/bookinfo_url.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def tasks(play, tmp_path):
    """Run tasks on the controller with the lab's kubeconfig. Returns the registered results and the output."""

    def run(steps, *options):
        defaults = {"group/bare.mesh.k8s": {"kubeconfig": str(LAB / "kubeconfig")}}
        names = [step["register"] for step in steps if "register" in step]
        results = tmp_path / "results.json"
        keep = {
            "ansible.builtin.copy": {
                "dest": str(results),
                "content": "{{ dict(names | zip(values)) | to_json }}",
                "mode": "0600",
            }
        }
        keep |= {
            "vars": {"names": names, "values": [f"{{{{ {name} }}}}" for name in names]},
            "check_mode": False,
            "diff": False,
        }
        book = tmp_path / "book.yml"
        book.write_text(
            yaml.safe_dump(
                [{"hosts": "localhost", "gather_facts": False, "module_defaults": defaults, "tasks": [*steps, keep]}]
            )
        )
        done = play(str(book), *options)
        assert done["code"] == 0, done["errors"]
        return json.loads(results.read_text()), done["output"]

    return run
