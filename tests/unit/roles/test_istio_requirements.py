# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role istio says of a cluster that lacks what the mesh needs: its queries, and its variables by Ansible."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jinja2
import jmespath
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ROOT / "roles/istio/vars/main/requirements.yml"
TASKS = ROOT / "roles/istio/tasks/requirements.yml"
FILES = ["meta/defaults.yml", "meta/versions.yml", "roles/istio/defaults/main/main.yml", str(REQUIREMENTS)]
DEFAULT = "kube-system/kube-dns"
# When a cluster was made: long before, and at the first moment at which it counts as new.
OLD, SINCE = "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"


def part(service, *ready, namespace="kube-system", made=OLD):
    """An EndpointSlice, whose addresses have these conditions."""
    labels = {"kubernetes.io/service-name": service}
    endpoints = [{"addresses": [f"10.244.0.{number}"], "conditions": state} for number, state in enumerate(ready)]
    # The slice of a Service without pods has null here.
    meta = {"name": f"{service}-x", "namespace": namespace, "labels": labels, "creationTimestamp": made}
    return {"kind": "EndpointSlice", "metadata": meta, "endpoints": endpoints or None}


def node(name, release="v1.34.2", taints=None):
    status = {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": release}}
    return {"kind": "Node", "metadata": {"name": name}, "spec": {"taints": taints} if taints else {}, "status": status}


READY, NOT, UNKNOWN = {"ready": True}, {"ready": False}, {}
API = part("kubernetes", READY, namespace="default")
NEW = part("kubernetes", READY, namespace="default", made=SINCE)
# Settings, EndpointSlices, nodes (None: not asked for), and the beginnings of what is said.
CASES = {
    "ready": ({}, [API, part("kube-dns", NOT, READY)], None, []),
    "nobody knows": ({}, [API, part("kube-dns", UNKNOWN)], None, []),
    "down": ({}, [API, part("kube-dns", NOT)], None, ["The cluster's DNS, the Service kube-system/kube-dns, has no"]),
    "starts in a new cluster": ({}, [NEW, part("kube-dns", NOT, made="2026-01-01T00:00:01Z")], None, []),
    "starts later in a new cluster": ({}, [NEW, part("kube-dns")], None, []),
    "no service in a new cluster": ({}, [NEW], None, ["The cluster's DNS"]),
    "no pods": ({}, [API, part("kube-dns")], None, ["The cluster's DNS"]),
    "no service": ({}, [API], None, ["The cluster's DNS"]),
    "of another namespace": ({}, [API, part("kube-dns", READY, namespace="shop")], None, ["The cluster's DNS"]),
    "another service": ({"istio_dns_service": "dns/own"}, [API, part("own", READY, namespace="dns")], None, []),
    "not checked": ({"istio_dns_service": ""}, None, None, []),
    "no cluster": ({"istio_required_workers": 2}, [], [], []),
    "site in check mode": ({"bare_mesh_mesh_validated": True}, [API], None, []),
    "check mode": ({}, [API], None, ["The cluster's DNS"]),
    "all at once": (
        {"istio_required_workers": 2},
        [API],
        [node("one", "v1.20.1"), node("main", taints=[{"key": "node-role.kubernetes.io/control-plane"}])],
        [
            "istio_required_workers is 2, and the cluster has 1 ready nodes",
            "The cluster runs Kubernetes 1.20",
            "The clus",
        ],
    ),
}


def answers(settings, slices, nodes):
    """What the two tasks register; a task that is skipped has no result."""
    known = yaml.safe_load(REQUIREMENTS.read_text())
    service = settings.get("istio_dns_service", DEFAULT)
    render = jinja2.Environment().from_string
    name = render(known["__istio_dns_name"]).render(istio_dns_service=service)
    given = {"istio_dns_service": service, "__istio_dns_name": name, "__istio_new_since": SINCE}
    given["__istio_dns_slices"] = render(known["__istio_dns_slices"]).render(given)
    query = render(known["__istio_dns_query"]).render(given)
    found = {"__istio_dns": {"skipped": True}, "__istio_nodes": {"skipped": True}}
    if slices is not None:
        found["__istio_dns"] = {"result": jmespath.search(query, slices)}
        # The task waits until this is true.
        until = yaml.safe_load(TASKS.read_text())[1]["bare.mesh.k8s_info"]["until"]
        result = found["__istio_dns"]["result"]
        reached = jmespath.search(render(until).render(__istio_dns_query=query), slices)
        assert bool(reached) == bool(result["ready"] or result["starting"])
    if nodes is not None:
        found["__istio_nodes"] = {"result": jmespath.search(known["__istio_nodes_query"], nodes)}
    return found


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """The shortages of all cases, by one run, and another one in check mode."""
    folder = tmp_path_factory.mktemp("requirements")
    tasks = [
        {
            "ansible.builtin.copy": {
                "dest": str(folder / name.replace(" ", "-")),
                "content": "{{ __istio_shortages | to_json }}",
                "mode": "0600",
            },
            "vars": {**settings, **answers(settings, slices, nodes)},
            "check_mode": False,
            "when": "ansible_check_mode" if "check mode" in name else "not ansible_check_mode",
        }
        for name, (settings, slices, nodes, _said) in CASES.items()
    ]
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", "__bare_mesh_istioctl": "istioctl"},
        "vars_files": [str(ROOT / name) for name in FILES],
        "tasks": tasks,
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    for options in ([], ["--check"]):
        command = ["ansible-playbook", "-i", "localhost,", str(folder / "play.yml"), *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return {name: json.loads((folder / name.replace(" ", "-")).read_text()) for name in CASES}


@pytest.mark.parametrize("case", CASES)
def test_what_the_cluster_lacks(said, case):
    found, expected = said[case], CASES[case][3]
    assert len(found) == len(expected), found
    assert all(text.startswith(beginning) for text, beginning in zip(found, expected)), found


def test_the_message_says_what_to_do(said):
    (text,) = said["down"]
    assert "has no ready pod after 120 s, so sidecars would not find istiod." in text
    assert "kubectl -n kube-system get pods" in text and "set istio_dns_service to" in text
    assert "after" not in said["check mode"][0]
