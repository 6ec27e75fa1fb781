# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every module is run through its main(): one of a kind by test_kinds.py, another by a file of its own name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.gateway_api_kinds import DATA as GATEWAY_API
from tests.istio_kinds import DATA as ISTIO

HERE = Path(__file__).parent
MODULES = sorted(path for path in (HERE.parents[3] / "plugins/modules").glob("*.py") if "def main(" in path.read_text())
# The fixtures that run the module they are given, and the files' own helpers.
RUNNERS = ("call", "predicted", "run", "run_module", "run_for_real")


@pytest.mark.parametrize(
    "module", [one for one in MODULES if one.stem not in {**ISTIO, **GATEWAY_API}], ids=lambda path: path.stem
)
def test_a_file_of_its_name_runs_it(module):
    path = HERE / f"test_{module.stem}.py"
    assert path.exists(), f"{path} is missing"
    text = path.read_text()
    assert re.search(rf"\b({'|'.join(RUNNERS)})\((run_module, )?{module.stem}\b|\b{module.stem}\.main\(", text)


@pytest.mark.parametrize(("shape", "data"), [("kind_module.main(", ISTIO), ("family.main(", GATEWAY_API)])
def test_every_module_of_a_kind_has_its_data(shape, data):
    """test_kinds.py runs those of tests/kinds, test_gateway_api_kinds.py those of tests/gateway_api."""
    assert sorted(one.stem for one in MODULES if shape in one.read_text()) == sorted(data)
