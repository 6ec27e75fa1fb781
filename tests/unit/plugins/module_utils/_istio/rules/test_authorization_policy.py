# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What depends on the metadata of an AuthorizationPolicy; all else is in the table tests/kinds."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.modules import authorization_policy, request_authentication

ANNOTATION = "metadata.annotations['istio.io/dry-run']"


@pytest.mark.parametrize(
    ("value", "action", "message"),
    [
        ("true", "ALLOW", None),
        ("0", "DENY", None),
        ("yes", "ALLOW", f"{ANNOTATION}: 'yes' is neither true nor false"),
        ("", "ALLOW", f"{ANNOTATION}: '' is neither true nor false"),
        ("true", "AUDIT", f"{ANNOTATION}: is for the actions ALLOW and DENY, not for AUDIT"),
    ],
)
def test_a_dry_run(cluster, run_module, value, action, message):
    result = run_module(
        authorization_policy, name="x", annotations={"istio.io/dry-run": value}, action=action, rules=[{}]
    )
    assert message in result["msg"] if message else result["changed"]


def test_no_other_kind_has_a_dry_run(cluster, run_module):
    result = run_module(request_authentication, name="x", annotations={"istio.io/dry-run": "true"})
    assert f"{ANNOTATION}: is only for AuthorizationPolicy" in result["msg"]
