# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """Descriptions of check mode and diff mode. Each module adds whether it supports them, and details."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Reports with C(--check) what a run would change, and changes nothing.
  diff_mode:
    description: Shows with C(--diff) what a run changes, or with C(--check) would change, before and after.
"""
