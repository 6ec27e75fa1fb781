# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Policies that lock out more than is meant."""

from __future__ import annotations

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.analyse import analyse


def test_table(case, found):
    assert found == case["expect"]


def test_a_policy_on_trial_has_no_effect():
    metadata = {"name": "a", "namespace": "shop", "annotations": {"istio.io/dry-run": "true"}}
    policy = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": metadata}
    assert analyse([policy]) == []
