# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the analysis says, in one line."""

from __future__ import annotations

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.finding import finding

RULE = {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "a", "namespace": "b"}}


def test_line():
    one = finding("some-rule", RULE, "spec.host", "'x' is wrong", "Write y", "page/#part")
    assert one.line() == "DestinationRule b/a: spec.host: 'x' is wrong. Write y"
    assert one.source == "https://istio.io/latest/docs/page/#part" and one.rule == "some-rule"
