# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The images that the role lets the hosts look for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
VARIABLES = ROOT / "roles/preflight/vars/main/main.yml"
DEFAULTS = yaml.safe_load((ROOT / "meta/defaults.yml").read_text())
VERSIONS = yaml.safe_load((ROOT / "meta/versions.yml").read_text())
ROLE = {"ansible.builtin.import_role": {"name": "bare.mesh.common"}}
KUBERNETES = f"registry.k8s.io/kube-proxy:v{DEFAULTS['bare_mesh_kubernetes_version']}"
FLANNEL = f"ghcr.io/flannel-io/flannel:{VERSIONS['__bare_mesh_flannel_version']}"
ISTIO = f"docker.io/istio/proxyv2:{DEFAULTS['bare_mesh_istio_version']}"
NEWEST = f"{next(iter(VERSIONS['__bare_mesh_istio_minors']))}.99"


@pytest.mark.parametrize(
    ("settings", "images"),
    [
        ({}, [KUBERNETES, FLANNEL, ISTIO]),
        ({"bare_mesh_istio_version": NEWEST}, [KUBERNETES, FLANNEL, f"docker.io/istio/proxyv2:{NEWEST}"]),
        # These versions are faults themselves.
        ({"bare_mesh_kubernetes_version": "v1.36.5"}, [FLANNEL, ISTIO]),
        ({"bare_mesh_kubernetes_version": 1.36, "bare_mesh_istio_version": None}, [FLANNEL]),
        ({"bare_mesh_istio_version": "1.30.1"}, [KUBERNETES, FLANNEL]),
        (
            {"bare_mesh_istio_version": "1.30.1", "istio_hub": "r/i", "istio_tag": "x"},
            [KUBERNETES, FLANNEL, "r/i/proxyv2:x"],
        ),
    ],
)
def test_images_of_refused_versions_are_not_looked_for(tmp_path, settings, images):
    check = {"ansible.builtin.assert": {"that": [f"__preflight_images == {json.dumps(images)}"]}}
    tasks = [ROLE, {"ansible.builtin.include_vars": str(VARIABLES)}, check]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", json.dumps(settings), tmp_path / "play.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("wrong", [[], [{"check": "settings"}]])
def test_what_is_told_of_credentials(tmp_path, wrong):
    """preflight_check gets no password, and host_inspect no values of the wrong kind."""
    entries = [
        {"registry": "docker.io", "username": "me", "password": "s3cret"},
        {"registry": "r.example:5000", "username": "robot", "password": ""},
        {"registry": "quay.io", "username": "robot", "password": 123},
    ]
    logins = {
        "registry-1.docker.io": "bWU6czNjcmV0",
        "r.example:5000": "cm9ib3Q6",
        "quay.io": "cm9ib3Q6MTIz",
    }
    told = [["docker.io", "me", "yes"], ["r.example:5000", "robot", ""], ["quay.io", "robot", "yes"]]
    known = {} if wrong else logins
    checks = [f"__preflight_credentials == {told}", f"__preflight_logins == {known}"]
    check = {"ansible.builtin.assert": {"that": checks}}
    tasks = [ROLE, {"ansible.builtin.include_vars": str(VARIABLES)}, check]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", "@vars.yml", "play.yml"]
    given = {"bare_mesh_registry_credentials": entries, "__preflight_wrong_values": wrong}
    (tmp_path / "vars.yml").write_text(yaml.safe_dump(given))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
