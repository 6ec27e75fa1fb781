# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Excerpts of what Envoy 1.39 said in Istio 1.31, with other addresses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FILES = Path(__file__).parents[1] / "files"


@pytest.fixture
def sidecar():
    return json.loads((FILES / "config_dump_sidecar.json").read_text())


@pytest.fixture
def gateway():
    return json.loads((FILES / "config_dump_gateway.json").read_text())


@pytest.fixture
def with_one():
    """Makes a dump that has one entry."""

    def make(kind, field, entry):
        return {"configs": [{"@type": f"type.googleapis.com/envoy.admin.v3.{kind}", field: [entry]}]}

    return make
