# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the API server refuses, in words with a fix."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s import refusals
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError

from tests.unit.plugins.module_utils._k8s.objects import one


@pytest.mark.parametrize(
    ("status", "message", "reason", "causes", "fix"),
    [
        (404, 'namespaces "shop" not found', "", (), "create the namespace shop first"),
        (404, "the server could not find it", "", (), "the cluster serves no kind ConfigMap in v1"),
        (403, "forbidden", "", ("NamespaceTerminating",), "the namespace shop is being deleted"),
        (403, "refused because it is being terminated", "", (), "the namespace shop is being deleted"),
        (403, "exceeded quota: q", "", (), "raise the ResourceQuota of the namespace shop"),
        (403, 'User "x" cannot patch', "", (), "the credentials lack this right"),
        (403, 'User "x" is odd', "", (), ""),
        (403, "it cannot be", "", (), ""),
        (400, "exceeded quota", "", (), ""),
        (400, "because it is being terminated", "", (), ""),
        (400, 'User "x" cannot patch', "", (), ""),
    ],
)
def test_refusals_have_a_fix(status, message, reason, causes, fix):
    error = ApiError(status, message, reason, causes)
    error.given_up = True
    explained = refusals.explained(error, one("ConfigMap", "a"))
    assert str(explained).startswith(f"{message}: {fix}") if fix else explained is error
    assert explained.given_up is True
