# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""istioctl on the controller, and the mesh roles on a cluster that already has a mesh."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import ISTIO
from kubernetes import client

from tests.istio_kinds import load
from tests.module_process import run_module

PREFIX = Path.home() / ".local"


@pytest.mark.feature("istioctl")
def test_istioctl_is_the_wanted_version():
    done = subprocess.run(
        [PREFIX / "bin/istioctl", "version", "--remote=false"], capture_output=True, text=True, check=True
    )
    assert ISTIO in done.stdout


def test_current_leads_to_one_of_the_versions():
    current = Path(os.path.realpath(PREFIX / "bin/istioctl")).parents[1]
    assert current.name == ISTIO
    assert (current.parent / "current").is_symlink()


@pytest.mark.feature("completion")
def test_bash_completes_the_commands():
    # Debian's bash-completion finds the file by its name. The content of the file comes from istioctl.
    script = PREFIX / "share/bash-completion/completions/istioctl"
    ask = f"source {script} && complete -p istioctl"
    assert "istioctl" in subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True).stdout


@pytest.mark.feature("completion")
def test_zsh_completion_names_its_command():
    assert (PREFIX / "share/zsh/site-functions/_istioctl").read_text().startswith("#compdef istioctl")


@pytest.mark.feature("report-services", "report-pods")
def test_a_second_run_changes_nothing_and_reports_the_mesh(play, api):
    run = play("playbooks/install_mesh.yml")
    assert run["code"] == 0, run["errors"]
    assert run["changed"] == {}
    assert f"Istio {ISTIO}, profile default, in istio-system" in run["output"]
    assert "service istio-ingressgateway: NodePort" in run["output"]
    said, pods = " ".join(run["output"].split()), api.list_namespaced_pod("istio-system").items
    assert {pod.metadata.labels["app"] for pod in pods} >= {"istiod", "istio-ingressgateway"}
    for pod in pods:
        assert f"pod {pod.metadata.name}: 1/1 ready on {pod.spec.node_name}, {pod.spec.containers[0].image}" in said


@pytest.mark.feature("profile-differences")
def test_the_differences_between_two_profiles():
    """By the real istioctl, without a cluster: demo has an egress gateway and more."""

    def compare(profile, other):
        done = run_module(
            load("modules", "istio_operator"),
            istioctl=str(PREFIX / "bin/istioctl"),
            profile=profile,
            state="rendered",
            compare_with={"profile": other},
        )
        assert "failed" not in done and not done["changed"], done
        return {f"{one['kind']} {one['name']}": one for one in done["differences"]}

    found = compare("demo", "default")
    assert found["Deployment istio-egressgateway"]["action"] == "created"
    mesh = found["ConfigMap istio"]
    assert mesh["action"] == "updated"
    assert "accessLogFile: /dev/stdout" in mesh["after"] and "accessLogFile" not in mesh["before"]
    assert compare("default", "demo")["Deployment istio-egressgateway"]["action"] == "deleted"
    assert compare("demo", "demo") == {}


@pytest.mark.parametrize(
    ("extra", "culprit"),
    [
        ("istio_profile=nonesuch", "nonesuch"),
        ('{"istio_operator_spec": {"values": {}, "compnents": {}}}', "compnents"),
        ("bare_mesh_istio_version=9.9.9", "9.9.9"),
        ("bookinfo_routing=nonesuch", "nonesuch"),
        (f"istioctl_version=1.29.0-none istioctl_checksum={'0' * 64}", "1.29.0-none"),
    ],
)
def test_wrong_settings_are_refused_by_name(play, extra, culprit):
    run = play("playbooks/validate_mesh.yml", "-e", extra)
    assert run["code"] != 0
    assert culprit in run["output"]
    assert run["changed"] == {}


@pytest.mark.feature("verify")
def test_verify_misses_istiod(play, api):
    apps = client.AppsV1Api(api.api_client)
    apps.delete_namespaced_deployment("istiod", "istio-system")
    try:
        run = play("playbooks/verify.yml")
        assert run["code"] != 0 and "There is no istiod" in run["output"], run["errors"]
    finally:
        run = play("site.yml", "--tags", "mesh")
    assert run["code"] == 0 and run["changed"] == {"localhost": ["bare.mesh.istio : Install Istio"]}, run["errors"]
    assert play("playbooks/verify.yml")["code"] == 0
