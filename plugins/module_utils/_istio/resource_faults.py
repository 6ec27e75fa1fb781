# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with Istio's resources that settings become, told before anything is changed.

The module that writes them finds the same, but only when the cluster and the mesh are already there.
"""

from __future__ import annotations

import importlib
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_settings import SettingFault
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

CONFIG = "ansible_collections.bare.mesh.plugins.module_utils._istio.config"


def resource_faults(where: str, definitions: list[dict[str, Any]]) -> list[SettingFault]:
    """The faults of the resources that a setting becomes."""
    if not definitions:
        return []
    # Each worker that uses a filter loads all filters of the collection. The fields and rules of all kinds would cost
    # it a tenth of a second, and are seldom needed.
    config = importlib.import_module(CONFIG)
    try:
        config.refuse([config.normal(one, "", "") for one in definitions])
    except Failure as failure:
        return [SettingFault(where, f"makes the {line}", "Correct the setting") for line in failure.data["faults"]]
    return []
