# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]


def test_every_module_with_a_connection_is_in_the_group():
    """So that module_defaults of group/bare.mesh.k8s reach all of them."""
    group = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]["k8s"]
    modules = (ROOT / "plugins/modules").glob("*.py")
    assert group == sorted(path.stem for path in modules if "\n  - bare.mesh.connection\n" in path.read_text())
