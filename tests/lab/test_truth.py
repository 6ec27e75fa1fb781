# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The four runs of a Molecule scenario: --check on bare nodes, the real run, --check again, the run again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from truth import disagreements, runs


@pytest.fixture(scope="module")
def four():
    recorded = runs(Path(os.environ["BARE_MESH_RUN_LOG"]), "converge.yml")
    assert [run["check"] for run in recorded] == [True, False, True, False]
    return recorded


@pytest.mark.feature("offline")
def test_no_run_failed(four):
    assert not any(run["failed"] for run in four)


@pytest.mark.feature("plan")
def test_check_mode_predicts_the_real_run(four):
    predicted, done, _check, _again = four
    assert done["changed"], "the nodes were not bare"
    assert not disagreements(predicted, done)


@pytest.mark.feature("plan-again")
def test_check_mode_of_the_converged_nodes_predicts_nothing(four):
    assert four[2]["changed"] == {}


@pytest.mark.feature("plan-again")
def test_second_run_changes_nothing(four):
    assert four[3]["changed"] == {}
