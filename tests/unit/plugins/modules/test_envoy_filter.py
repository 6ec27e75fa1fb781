# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What envoy_filter prints; what it does is in test_kinds.py."""

from __future__ import annotations

from ansible_collections.bare.mesh.plugins.modules import envoy_filter

from tests.istio_kinds import DATA

WANTED = {"name": "x", "proxy": "http://user:correct-horse@p:1", **DATA["envoy_filter"]["first"]}


def test_the_password_of_a_proxy_is_not_printed(cluster, run_for_real):
    for check in (True, False):
        printed = run_for_real(envoy_filter, check=check, **WANTED)
        assert "correct-horse" not in printed and '"changed": true' in printed
