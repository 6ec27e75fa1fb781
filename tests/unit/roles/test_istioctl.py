# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which archives a controller downloads: the names are those of the releases of Istio and of Helm."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FILES = (
    "meta/defaults.yml", "meta/sources.yml", "meta/versions.yml", "meta/cluster.yml",
    "roles/istioctl/defaults/main/main.yml", "roles/istioctl/vars/main/main.yml", "roles/istio/vars/main/helm.yml",
)  # fmt: skip


@pytest.fixture
def shown(tmp_path):
    """Ansible's answer for a controller of a system and an architecture, and whether it succeeds."""

    def run(system, architecture):
        tasks = [
            *({"ansible.builtin.include_vars": str(ROOT / file)} for file in FILES if (ROOT / file).exists()),
            {"ansible.builtin.debug": {"msg": "ISTIO {{ __istioctl_url }} HELM {{ __istio_helm_url }}"}},
        ]
        given = {"__istioctl_system": system, "istioctl_architecture": architecture}
        given["__istio_machine"] = f"{system} {architecture}"
        play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
        program = Path(sys.executable).parent / "ansible-playbook"
        command = [program, "-i", "localhost,", "-e", json.dumps(given), tmp_path / "play.yml"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode == 0, " ".join((done.stdout + done.stderr).split())

    return run


@pytest.mark.parametrize(
    ("system", "architecture", "istio", "helm"),
    [
        ("Linux", "x86_64", "linux-amd64", "linux-amd64"),
        ("Linux", "aarch64", "linux-arm64", "linux-arm64"),
        # https://github.com/istio/istio/blob/master/release/downloadIstioCandidate.sh
        ("Darwin", "arm64", "osx-arm64", "darwin-arm64"),
        ("Darwin", "x86_64", "osx", "darwin-amd64"),
    ],
)
def test_the_archives_of_a_controller(shown, system, architecture, istio, helm):
    good, said = shown(system, architecture)
    assert good and f"-{istio}.tar.gz HELM" in said and f"-{helm}.tar.gz" in said.partition("HELM")[2]


def test_a_controller_that_istio_has_nothing_for(shown):
    good, said = shown("FreeBSD", "amd64")
    assert not good and "Istio has no istioctl for FreeBSD amd64: run Ansible on Linux or macOS" in said
