#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_check
short_description: Compares a bundle with its lock
version_added: 0.2.0
description:
  - Reads all files that C(lock.yml) of a bundle names, and fails if any is missing or is not the one that it names.
  - Files that the lock does not name are not looked at. Without a lock, the module does nothing.
  - It changes nothing.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  root:
    description: Directory of the bundle.
    type: path
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Verify the bundle
  bare.mesh.bundle_check:
    root: /srv/mirror
"""

RETURN = r"""
verified:
  description: Number of files that are as the lock names them.
  returned: success
  type: int
  sample: 412
damaged:
  description: The files that are missing or differ, each with what is wrong.
  returned: failure
  type: list
  elements: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._bundle import lock


def work(module: AnsibleModule) -> dict[str, Any]:
    """Raise Failure with all that is damaged."""
    root = Path(module.params["root"])
    own = root / lock.NAME
    if not own.exists():
        return {"changed": False, "verified": 0}
    entries = lock.read(own)
    damaged = lock.damage(root, entries)
    if damaged:
        raise Failure(
            f"the bundle in {root} is not as its {lock.NAME} says: {lock.shortened(damaged)}. Copy it there again, or"
            " make it anew where it comes from (playbook make_bundle.yml)",
            damaged=damaged,
        )
    return {"changed": False, "verified": len(lock.digests(entries))}


def main() -> None:
    run(work, {"root": {"type": "path", "required": True}})


if __name__ == "__main__":
    main()
