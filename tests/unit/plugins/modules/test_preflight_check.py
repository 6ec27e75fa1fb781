# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""preflight_check with played hosts and a played source."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._preflight import hosts, source
from ansible_collections.bare.mesh.plugins.modules import preflight_check

WANTED = {
    "inspections": {},
    "hosts": [],
    "ports": {"node": [], "control_plane": []},
    "limits": {},
    "settings": {
        "bare_mesh_pod_cidr": "10.244.0.0/16",
        "bare_mesh_service_cidr": "10.96.0.0/12",
        "kubernetes_version": "1.36.5",
        "kubernetes_minors": {"1.36": {}},
        "istio_version": "1.31.0",
        "istio_minors": {"1.31": {}},
        "istio_profile": "default",
        "source": {"registries": {}},
        "fingerprints": {},
    },
}
FAULT = hosts.Finding("memory", "w1", "has 1 MiB", "Give it more")


@pytest.fixture
def judged(monkeypatch):
    """The faults that are found."""
    faults: list = []
    monkeypatch.setattr(hosts, "judge_hosts", lambda *_case: (list(faults), {}))
    monkeypatch.setattr(hosts, "judge_settings", lambda *_case: [])
    monkeypatch.setattr(source, "source", lambda *_arguments: [])
    return faults


@pytest.mark.parametrize("check", [True, False])
def test_faults_are_one_message_and_allowed_ones_are_warnings(machine, call, judged, check):
    machine.programs = {"gpgv"}
    done = call(preflight_check, check=check, **WANTED)
    assert done["changed"] is False
    judged += [FAULT, FAULT._replace(check="disk", where="w2")]
    failed = call(preflight_check, check=check, **WANTED)
    assert failed["msg"].startswith(
        "2 faults, and nothing was changed:\n- w1 [memory]: has 1 MiB. Give it more.\n- w2 [disk]"
    )
    failed = call(preflight_check, check=check, allow=["disk"], **WANTED)
    assert failed["msg"].startswith("1 fault,") and "w2 [disk]" in str(failed["warnings"])
    assert "failed" not in call(preflight_check, check=check, allow=["disk", "memory"], **WANTED)
    judged[:] = [FAULT._replace(check="end_of_life", where="bare_mesh_istio_version")]
    assert "bare_mesh_istio_version [end_of_life]" in str(call(preflight_check, check=check, **WANTED)["warnings"])


def test_wrong_values_leave_the_rest_unchecked(machine, call, judged):
    case = {name: value for name, value in WANTED.items() if name not in ("limits", "settings")}
    wrong = FAULT._replace(check="settings", where="bare_mesh_source")._asdict()
    failed = call(preflight_check, **case, findings=[wrong])
    assert failed["msg"].splitlines()[0].startswith("1 fault,")
    assert failed["msg"].splitlines()[-1] == preflight_check.UNCHECKED
    allowed = call(preflight_check, **case, findings=[wrong], allow=["settings"])
    assert "failed" not in allowed and preflight_check.UNCHECKED in str(allowed["warnings"])
    # Where everything was checked, nothing is said.
    failed = call(preflight_check, **WANTED, findings=[wrong])
    assert preflight_check.UNCHECKED not in failed["msg"]


def test_a_user_that_the_control_plane_does_not_have(machine, call, judged, monkeypatch):
    monkeypatch.setattr(hosts, "judge_hosts", lambda *_case: ([FAULT], {"cp1": {"missing_users": ["nosuchuser"]}}))
    monkeypatch.setattr(source, "repositories", lambda *_arguments: [])
    failed = call(preflight_check, **WANTED)["msg"]
    assert failed.startswith("2 faults") and "kubeadm_user [settings]: cp1 has no user nosuchuser." in failed


def test_a_controller_without_gpgv_and_with_a_bad_certificate(machine, call, judged):
    assert "no gpgv" in str(call(preflight_check, **WANTED)["warnings"])
    settings = copy.deepcopy(WANTED)
    for text in (None, "no certificate"):
        if text:
            machine.put("/etc/ca.crt", text)
        settings["settings"]["ca_file"] = "/etc/ca.crt"
        assert "bare_mesh_mirror_ca_file [source]" in call(preflight_check, **settings)["msg"]
    assert "missing required arguments" in call(preflight_check)["msg"]


@pytest.mark.parametrize("check", [True, False])
def test_a_kubeconfig_of_the_user_s(machine, call, judged, check):
    settings = copy.deepcopy(WANTED)
    settings["settings"] |= {"kubeconfig": "/etc/mine", "api_url": "https://192.0.2.10:6443"}
    assert "failed" not in call(preflight_check, check=check, **settings)
    machine.put("/etc/mine", "clusters: [{cluster: {server: https://other}}]")
    failed = call(preflight_check, check=check, **settings)
    where = "bare_mesh_kubeconfig [kubeconfig]: /etc/mine"
    assert f"{where} is not a copy that bare.mesh made: it is for https://other." in failed["msg"]
    machine.put("/etc/mine", "clusters: [{cluster: {server: 'https://192.0.2.10:6443'}}]")
    assert "failed" not in call(preflight_check, check=check, **settings)


def test_credentials_that_cannot_be_used(machine, call, judged):
    machine.programs = {"gpgv"}
    wrong = {"credentials": [["https://docker.io", "me", "yes"], ["quay.io", "me", ""]]}
    failed = call(preflight_check, **{**WANTED, "settings": {**WANTED["settings"], **wrong}})["msg"]
    assert failed.startswith("2 faults") and "entry 1 (https://docker.io) [settings]: the registry is not" in failed
    assert "entry 2 (quay.io) [settings]: the password is empty" in failed


def test_misspelt_fields_of_kubelet_and_cluster_are_named_together(machine, call, judged):
    machine.programs = {"gpgv"}
    config = {"kubelet_config": {"maxPodz": 50}, "cluster_config": {"networking": {"podSubnt": "10.1.0.0/16"}}}
    failed = call(preflight_check, **{**WANTED, "settings": {**WANTED["settings"], **config}})
    assert failed["msg"].startswith("2 faults, and nothing was changed:")
    assert "kubeadm_kubelet_config, maxPodz [settings]: unknown field. Did you mean maxPods?" in failed["msg"]
    assert (
        "kubeadm_cluster_config, networking.podSubnt [settings]: unknown field. Did you mean podSubnet?"
        in (failed["msg"])
    )
    wrong = {**WANTED["settings"], "cluster_config": {"networking": "podSubnet"}}
    assert "networking [settings]: must be a mapping" in call(preflight_check, **{**WANTED, "settings": wrong})["msg"]
