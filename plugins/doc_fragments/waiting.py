# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """Waiting for what was applied (module_utils/_k8s/argspec.py: WAITING)."""

    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Wait until the objects are ready. Workloads are rolled out, definitions established, jobs complete.
      - With O(state=absent) wait until they are gone.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait.
    type: int
    default: 120
"""
