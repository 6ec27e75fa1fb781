# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible loads all filters of the collection in each worker that uses one, so loading them must cost little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FILTERS = sorted(path.stem for path in (Path(__file__).resolve().parents[4] / "plugins/filter").glob("*.py"))
PACKAGE = "ansible_collections.bare.mesh.plugins"
SCRIPT = f"""
import importlib, sys
for name in {FILTERS}:
    importlib.import_module("{PACKAGE}.filter." + name)
print([name for name in sys.modules if name.startswith("{PACKAGE}.module_utils._istio.schemas.")])
"""


def test_the_filters_do_not_load_the_fields_of_all_kinds():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert len(FILTERS) > 5 and done.stdout.strip() == "[]"
