# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module k8s with wait: what it waits for, and how often it reads."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.modules import k8s

from tests.unit.plugins.module_utils._k8s.objects import WEB_PATH, actions, settings, web


@pytest.mark.parametrize("state", ["present", "patched"])
def test_a_condition_is_waited_for(cluster, run_module, state):
    paused = {"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused"}
    arguments = {"resources": [web(spec={"paused": True})], "state": state, "wait": True, "wait_timeout": 0}
    run_module(k8s, resources=[web()])
    assert not run_module(k8s, check=True, wait_condition=paused, **arguments).get("failed")
    result = run_module(k8s, wait_condition=paused, **arguments)
    assert "Deployment shop/web: it has no condition Progressing" in result["msg"] and result["changed"]
    cluster.objects[WEB_PATH]["status"] = {"conditions": [paused]}
    assert actions(run_module(k8s, wait_condition=paused, **arguments)) == {"web": "unchanged"}
    message = run_module(k8s, wait_condition={"type": "Progressing", "status": True}, **arguments)["msg"]
    assert "the condition Progressing is Unknown (DeploymentPaused)" in message
    assert not run_module(k8s, wait_condition={"type": "Other"}, **{**arguments, "wait": False}).get("failed")
    assert "type" in run_module(k8s, wait_condition={"reason": "Other"}, **arguments)["msg"]


def test_patched_waits_for_what_it_has_patched_alone(cluster, run_module):
    run_module(k8s, resources=[settings(a="1")])
    result = run_module(k8s, resources=[settings(a="2"), web()], state="patched", wait=True, wait_timeout=0)
    assert actions(result) == {"settings": "updated", "web": "absent"}


def test_seconds_between_two_reads(cluster, run_module, monkeypatch):
    slept = []
    monkeypatch.setattr("ansible_collections.bare.mesh.plugins.module_utils._k8s.waiter.time.sleep", slept.append)
    run_module(k8s, resources=[settings(a="1")])
    cluster.delete = lambda *arguments: True
    arguments = {"resources": [settings()], "state": "absent", "wait": True}
    answers = [settings()] * 3
    monkeypatch.setattr(cluster, "get", lambda path: answers.pop() if answers else None)
    assert actions(run_module(k8s, wait_sleep=2.5, **arguments)) == {"settings": "deleted"}
    assert slept == [2.5, 2.5]
    for number in (0, -1):
        assert "give a number of seconds above 0" in run_module(k8s, wait_sleep=number, **arguments)["msg"]
