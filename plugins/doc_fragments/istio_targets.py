# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """What resources of several of Istio's kinds are for: their fields selector, targetRefs and, in some, targetRef."""

    DOCUMENTATION = r"""
options:
  selector:
    description:
      - The workloads, by C(matchLabels). Waypoints need O(target_refs) instead.
      - Reference U(https://istio.io/latest/docs/reference/config/type/workload-selector/#WorkloadSelector).
    type: dict
  target_refs:
    description:
      - The Gateways, Services or ServiceEntries to which the resource is attached, at most 16.
      - Reference U(https://istio.io/latest/docs/reference/config/type/workload-selector/#PolicyTargetReference).
    type: list
    elements: dict
"""

    TARGET_REF = r"""
options:
  target_ref:
    description:
      - The Gateway, Service or ServiceEntry to which the resource is attached. O(target_refs) is its successor.
      - Reference U(https://istio.io/latest/docs/reference/config/type/workload-selector/#PolicyTargetReference).
    type: dict
"""
