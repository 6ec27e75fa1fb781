# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the API modules warn of: kinds that look like a slip, namespaces that do not exist."""

from __future__ import annotations

import pytest
from ansible.module_utils import basic
from ansible_collections.bare.mesh.plugins.module_utils._k8s import discovery
from ansible_collections.bare.mesh.plugins.modules import k8s, k8s_info, virtual_service

HOME = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


@pytest.fixture
def warned(run_module, monkeypatch):
    """The warnings; the cluster serves no kind that is not in the table."""
    warnings: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda self, warning, **more: warnings.append(warning))

    def unknown(self, api_version, kind):
        raise discovery.UnknownKind(discovery.not_served(api_version, kind))

    monkeypatch.setattr(discovery.Kinds, "_discover", unknown)
    return warnings


@pytest.mark.parametrize(
    ("api_version", "kind", "hint"),
    [
        ("networking.istio.io/v1", "VirtualServce", "Did you mean VirtualService?"),
        ("v1", "Deployment", "Did you mean the Deployment of the API group apps?"),
        ("apps/v1", "Pod", "Did you mean the Pod of the API group v1?"),
        ("apps/v1", "Deployment", ""),
        ("example.com/v1", "Widget", ""),
    ],
)
def test_the_kind_that_is_probably_meant(api_version, kind, hint):
    assert discovery.suggest(api_version, kind) == hint
    assert discovery.not_served(api_version, kind).endswith(hint or "or correct apiVersion and kind")


@pytest.mark.parametrize("check", [True, False])
def test_reading_a_kind_that_is_not_there(cluster, run_module, warned, check):
    found = run_module(k8s_info, check=check, api_version="v1", kind=["Deployment", "Pod"], namespace="shop")
    assert found["resources"] == []
    assert warned == ["the cluster serves no kind Deployment in v1. Did you mean the Deployment of the API group apps?"]
    found = run_module(k8s_info, check=check, api_version="example.com/v1", kind="Widget")
    assert found["resources"] == [] and len(warned) == 1


def test_waiting_for_a_kind_that_is_not_there_warns_once(cluster, run_module, warned):
    run_module(k8s_info, kind="Pood", until="length(@) > `0`", wait_timeout=3)
    assert len(warned) <= 1


@pytest.mark.parametrize(("state", "check"), [("present", True), ("absent", True), ("absent", False)])
def test_an_object_of_a_kind_that_is_not_there(cluster, run_module, warned, state, check):
    slip = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualServce", "metadata": {"name": "x"}}
    assert "failed" not in run_module(k8s, check=check, resources=[slip], state=state)
    assert warned == [
        "VirtualServce x: the cluster serves no kind VirtualServce in networking.istio.io/v1. Did you mean"
        " VirtualService?"
    ]


def test_a_slip_ends_a_real_run(cluster, run_module, warned):
    slip = {"apiVersion": "v1", "kind": "Deployment", "metadata": {"name": "x"}}
    failed = run_module(k8s, resources=[slip])
    assert "Did you mean the Deployment of the API group apps?" in failed["msg"] and warned == []
    assert cluster.objects == {}


NOTE = "the namespace shop does not exist: unless an earlier task creates it, the run fails here"


def test_check_mode_says_that_a_namespace_does_not_exist(cluster, run_module, warned):
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}}
    assert run_module(k8s, check=True, resources=[settings])["changed"] and warned == [NOTE]
    route = {"name": "x", "namespace": "shop", "hosts": ["a"], "http": [{"route": [{"destination": {"host": "a"}}]}]}
    assert run_module(virtual_service, check=True, **route)["changed"] and warned == [NOTE, NOTE]


def test_a_namespace_that_is_there_or_comes_with_the_task(cluster, run_module, warned):
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}}
    run_module(k8s, check=True, resources=[settings, HOME])
    run_module(k8s, resources=[HOME])
    run_module(k8s, check=True, resources=[settings])
    run_module(k8s, resources=[{**settings, "metadata": {"name": "a", "namespace": "other"}}])
    assert warned == []
