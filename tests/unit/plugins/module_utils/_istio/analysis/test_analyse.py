# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The analysis of objects that have as little as the API server accepts."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.analyse import analyse
from ansible_collections.bare.mesh.plugins.module_utils._istio.kinds import KINDS

EMPTY = {
    "VirtualService": {"hosts": None, "http": [{"match": None, "route": None}], "tcp": [{"route": [{}]}]},
    "Gateway": {"selector": None, "servers": [{"port": {}, "hosts": None}]},
    "ServiceEntry": {"hosts": None, "ports": None},
    "DestinationRule": {"host": None, "trafficPolicy": None, "subsets": [{"name": None, "trafficPolicy": None}]},
}


@pytest.mark.parametrize(("group", "kind"), KINDS)
def test_fields_without_values(group, kind):
    """Live objects need not be valid."""
    live = [
        {"apiVersion": f"{owner}/v1", "kind": other, "metadata": {"name": "b", "namespace": "a"}, "spec": spec}
        for owner, other in KINDS
        for spec in (EMPTY.get(other, {}), None)
    ]
    for spec in (EMPTY.get(kind, {}), None):
        one = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "a", "namespace": "a"}, "spec": spec}
        assert {found.rule for found in analyse([one], live)} <= {"allow-nothing"}
