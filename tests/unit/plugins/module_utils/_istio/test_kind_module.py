# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Faults of the structure and faults by the rules come together, without the consequences of each other."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.kind_module import faults_of
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import virtual_service as rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import virtual_service as schema

REVIEWS = {"destination": {"host": "reviews"}}
RATINGS = {"destination": {"host": "ratings"}}


def paths(spec):
    definition = {"metadata": {"name": "x", "namespace": "default"}, "spec": spec}
    return sorted(fault.path for fault in faults_of(definition, schema, rules.faults))


@pytest.mark.parametrize(("http", "found"), [
    # One of each, in one route.
    (
        [{"timeout": "soon", "fault": {"abort": {"httpStatus": 700}}, "route": [REVIEWS]}],
        ["http[0].fault.abort.httpStatus", "http[0].timeout"],
    ),
    # In different routes.
    (
        [{"timeout": "soon", "route": [REVIEWS]}, {"route": [REVIEWS], "redirect": {"uri": "/x"}}],
        ["http[0].timeout", "http[1].route"],
    ),
    # The sum of the weights is not known while one of them is wrong, and an unknown field is not a missing one.
    ([{"route": [{**REVIEWS, "weight": "most"}, {**RATINGS, "weight": 0}]}], ["http[0].route[0].weight"]),
    ([{"rout": [REVIEWS]}], ["http[0].rout"]),
    # Without its destination, or with a null, nothing can be said about the others.
    ([{"route": [{"weight": 1}, {**RATINGS, "weight": 0}]}], ["http[0].route[0].destination"]),
    ([{"route": [None, REVIEWS]}], ["http[0].route[0]"]),
    # The names of headers are quoted in a path.
    (
        [{"headers": {"request": {"set": {"a.b": ["x"]}}}, "route": [{"destination": {"host": "no host"}}]}],
        ["http[0].headers.request.set['a.b']", "http[0].route[0].destination.host"],
    ),
])  # fmt: skip
def test_faults_of_both_kinds(http, found):
    assert paths({"hosts": ["reviews"], "http": http}) == [f"spec.{path}" for path in found]


def test_rules_wait_where_a_field_that_they_depend_on_is_wrong():
    """Whether the host * is possible depends on the gateways."""
    http = [{"route": [REVIEWS]}]
    assert paths({"hosts": ["*"], "gateways": [5], "http": http}) == ["spec.gateways[0]"]
    assert paths({"hosts": ["*"], "http": http}) == ["spec.hosts[0]"]
    assert paths({"hosts": ["*"], "http": http, "tsl": []}) == ["spec.tsl"]
