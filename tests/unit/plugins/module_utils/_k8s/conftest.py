# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fixtures for the tests of the engine."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s import apply


@pytest.fixture
def waits(cluster, monkeypatch):
    """The waits of a run.

    (ready or gone, names of the objects, timeout, number of writes before it, known live objects)
    """
    found = []

    def ready(client, kinds, objects, known, timeout, *more):
        found.append(("ready", [item["metadata"]["name"] for item in objects], timeout, client.writes, known))

    def gone(client, kinds, objects, timeout, *more):
        found.append(("gone", [item["metadata"]["name"] for item in objects], timeout, client.writes, None))
        for item in objects:
            client.objects.pop(kinds.path(item), None)

    monkeypatch.setattr(apply, "wait_ready", ready)
    monkeypatch.setattr(apply, "wait_gone", gone)
    return found
