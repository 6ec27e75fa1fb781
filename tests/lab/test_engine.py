# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine with the real API server: the result is the desired state, and check mode predicts it."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.diff import visible
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from conftest import LAB
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from tests.shapes import SHAPES, edited

NAMESPACE = "engine-test"
HOME = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


class Cluster:
    """The engine with one namespace of the lab's cluster."""

    def __init__(self):
        self.client = Client({"kubeconfig": str(LAB / "kubeconfig")})
        self.client.reach()

    def engine(self, check=False, wait=False):
        return Engine(self.client, "bare-mesh", check=check, namespace=NAMESPACE, wait=wait, timeout=60)

    def present(self, definition, check=False):
        (change,) = self.engine(check).present([copy.deepcopy(definition)])
        return change

    def absent(self, definition):
        self.engine(wait=True).absent([copy.deepcopy(definition)])

    def read(self, definition):
        engine = self.engine()
        (live,) = engine.read(engine.prepare([copy.deepcopy(definition)])).values()
        return live


@pytest.fixture(scope="module")
def cluster():
    there = Cluster()
    there.absent(HOME)
    there.present(HOME)
    yield there
    there.absent(HOME)


def content(one):
    """The content of an object, without the fields that differ in every new object."""
    shown = copy.deepcopy(visible(one))
    if one["kind"] == "Deployment":
        # Revision that the controller writes.
        shown["metadata"].pop("annotations", None)
    if one["kind"] == "Service":
        # Assigned once, and never changed.
        for field in ("clusterIP", "clusterIPs", "internalTrafficPolicy", "ipFamilies", "ipFamilyPolicy"):
            shown["spec"].pop(field, None)
    return shown


def refused(work, *arguments, **more):
    """The result. If the server refuses the object, Hypothesis skips this example."""
    try:
        return work(*arguments, **more)
    except Failure:
        reject()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["kind"])
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_second_definition_is_what_there_is_after_it(cluster, shape, data):
    first, second = data.draw(edited(shape)), data.draw(edited(shape))
    cluster.absent(shape)
    refused(cluster.present, second, check=True)
    refused(cluster.present, first)
    before = cluster.read(shape)
    predicted = refused(cluster.present, second, check=True)
    assert content(cluster.read(shape)) == content(before)
    done = cluster.present(second)
    after = cluster.read(shape)
    assert predicted.action == done.action
    assert content(before) == content(after) or done.action == "updated"
    assert cluster.present(second, check=True).action == cluster.present(second).action == "unchanged"
    # The expected result comes from the server: the same definition, created as a new object.
    cluster.absent(shape)
    cluster.present(second)
    assert content(after) == content(cluster.read(shape))
