# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Gateway API refuses in a ReferenceGrant. https://gateway-api.sigs.k8s.io/api-types/referencegrant/

The definition of the kind in the Gateway API 1.6 has formats and no other rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api import formats
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.schemas import reference_grant


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    yield from formats.faults(definition["spec"], reference_grant.ROOT, reference_grant.DEFINITIONS, "spec")
