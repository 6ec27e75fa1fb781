# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which pod runs a command; how it runs there is in test_k8s_exec.py."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s import commands
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure


def pod(name, ready=True, going=False):
    metadata = {"name": name, **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if going else {})}
    return {"metadata": metadata, "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}}


def test_the_first_ready_pod_is_taken():
    assert commands.choose([pod("c"), pod("a", ready=False), pod("b"), pod("aa", going=True)], "ns", "app=x") == "b"


def test_no_pod_and_no_ready_pod_are_different_errors():
    with pytest.raises(Failure, match="has no pod with the labels app=x"):
        commands.choose([], "ns", "app=x")
    with pytest.raises(Failure, match=r"is ready \(there are: a\)"):
        commands.choose([pod("a", ready=False)], "ns", "app=x")
