# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tests' data of the Gateway API's kinds, tests/gateway_api/MODULE.yml, in the form of tests/kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

DATA: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text())
    for path in sorted(Path(__file__).with_name("gateway_api").glob("*.yml"))
}
RULES = "module_utils._gateway_api.rules"
SCHEMAS = "module_utils._gateway_api.schemas"
