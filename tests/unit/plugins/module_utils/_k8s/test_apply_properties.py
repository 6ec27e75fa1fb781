# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine: whatever the definition was before, the object becomes what it is now."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s import ownership
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from tests.shapes import SHAPES, edited
from tests.unit.plugins.conftest import Cluster


@pytest.fixture(scope="module", autouse=True)
def no_defaults():
    """The server in memory adds none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ownership, "_DEFAULTS", {})
        yield


def content(one):
    """What an object says: all but its identity and what the server writes. Its own kinds' empty values say nothing."""
    meta = {name: one["metadata"][name] for name in ("labels", "annotations") if one["metadata"].get(name)}
    rest = {
        name: value for name, value in one.items() if name not in ("apiVersion", "kind", "metadata") and value != {}
    }
    return filled({**rest, "metadata": meta}) if "istio.io" not in one["apiVersion"] else {**rest, "metadata": meta}


def filled(value):
    if not isinstance(value, dict):
        return value
    return {name: inner for name, item in value.items() if (inner := filled(item)) not in ({}, [])}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["kind"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_second_definition_is_what_there_is_after_it(shape, data):
    first, second = data.draw(edited(shape)), data.draw(edited(shape))
    cluster = Cluster()

    def present(definition, check=False):
        try:
            (change,) = Engine(cluster, "me", check=check).present([copy.deepcopy(definition)])
        except Failure:
            reject()
        return change

    assert present(first).action == "created"
    predicted, done = present(second, check=True), present(second)
    (live,) = cluster.objects.values()
    assert content(live) == content(second)
    assert predicted.action == done.action
    if first == second or content(first) != content(second):
        assert done.action == ("unchanged" if first == second else "updated")
    writes = cluster.writes
    assert present(second).action == "unchanged" and cluster.writes == writes
