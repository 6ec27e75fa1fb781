# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role kubeadm tells kubeadm."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = {
    "bare_mesh_kubernetes_version": "1.36.5",
    "bare_mesh_pod_cidr": "10.244.0.0/16",
    "bare_mesh_service_cidr": "10.96.0.0/12",
    "bare_mesh_node_ip": "192.0.2.1",
    "kubeadm_api_url": "https://box_1:6443",
    "kubeadm_cluster_config": {},
    "__bare_mesh_hosts": [],
    "__bare_mesh_host": {"node_name": "box-1"},
}


def test_a_name_with_an_underscore_is_not_in_the_certificate(tmp_path):
    """kubeadm init refuses it. The name that host_prep_hostname gives the node is there."""
    show = {
        "ansible.builtin.copy": {"dest": str(tmp_path / "names"), "mode": "0600", "content": "{{ names | to_json }}"}
    }
    names = "{{ __kubeadm_cluster_configuration.apiServer.certSANs }}"
    one = {
        "hosts": "box_1",
        "connection": "local",
        "gather_facts": False,
        "vars": {**SETTINGS, "names": names, "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "vars_files": [str(ROOT / "roles/kubeadm/vars/main/main.yml")],
        "tasks": [show],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([one]))
    command = ["ansible-playbook", "-i", "box_1,", str(tmp_path / "play.yml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "names").read_text()) == ["box-1", "192.0.2.1"]
