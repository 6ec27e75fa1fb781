# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """Options for waiting until objects are ready (module_utils/_k8s/argspec.py: WAITING)."""

    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Wait until the objects are ready, which means that workloads are rolled out, CustomResourceDefinitions
        established and jobs complete. Objects of other kinds are ready at once.
      - With O(state=absent), wait until the objects no longer exist.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait.
    type: int
    default: 120
"""
