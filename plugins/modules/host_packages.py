#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_packages
short_description: Installs packages, at a pinned version where one is given
version_added: 0.1.0
description:
  - Asks the package database once which of the packages are there, and installs what is missing by C(dnf) or
    C(apt-get).
  - Check mode needs no package index. So it predicts rightly even before the repository of a package is configured.
  - C(apt-get) removes no other package for the sake of one. C(dnf) removes what a package obsoletes.
    M(bare.mesh.preflight_check) finds the packages of other container runtimes beforehand.
  - A service of a newly installed package is not started. M(bare.mesh.host_service) does that once its configuration is
    there.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  packages:
    description:
      - Package name to version. An empty version takes any, with C(rpm) also another package that provides this one.
      - A version without revision, such as V(1.36.5), matches every revision of it, such as V(1.36.5-1.1).
      - V(2.*) takes the newest version 2.x that the repositories serve, and keeps an installed 2.x.
    type: dict
    required: true
  allow_downgrade:
    description:
      - Whether to replace a package that is newer than its version in O(packages).
      - Otherwise it is kept, with a warning.
    type: bool
    default: false
  hold:
    description:
      - Hold the packages on Debian and Ubuntu, so that a full upgrade leaves them alone.
      - Elsewhere the repository's own C(exclude) does that, see O(disable_excludes).
    type: bool
    default: false
  disable_excludes:
    description: Repositories whose C(exclude) list is ignored by this installation. Only for C(dnf).
    type: list
    elements: str
    default: []
  upgrade:
    description: Upgrade all other packages of the host first.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for another package manager to finish.
    type: int
    default: 300
attributes:
  check_mode:
    support: full
    details: Needs no package index, except for O(upgrade).
  diff_mode:
    support: full
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Install the tools
  bare.mesh.host_packages:
    packages: {chrony: "", conntrack: ""}

- name: Install the kubelet at one version and keep it there
  bare.mesh.host_packages:
    packages: {kubelet: 1.36.5}
    hold: true
    disable_excludes: [bare-mesh-kubernetes]

- name: Install any containerd 2.x
  bare.mesh.host_packages:
    packages: {containerd.io: 2.*}
"""

RETURN = r"""
installed:
  description: The packages that were, or in check mode would be, installed or brought to their version.
  returned: always
  type: list
  elements: str
held:
  description: The packages newly held.
  returned: always
  type: list
  elements: str
upgraded:
  description: The packages upgraded by O(upgrade).
  returned: always
  type: list
  elements: str
"""

import os
from collections.abc import Iterable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host import distributions
from ansible_collections.bare.mesh.plugins.module_utils._host.packages import (
    POLICY,
    Apt,
    Dnf,
    left_policy,
    missing,
    newer,
    package_manager,
)


def lines(packages: Iterable[str], versions: dict[str, str]) -> str:
    return "".join(f"{name}: {versions.get(name) or 'absent'}\n" for name in sorted(packages))


def installed(manager: Dnf | Apt, wanted: dict[str, str]) -> dict[str, str]:
    """The versions of the wanted packages. One that may have any version may be provided by another package."""
    found = manager.versions(wanted)
    return {**manager.provided(sorted(name for name in wanted if name not in found and not wanted[name])), **found}


def work(module: AnsibleModule) -> dict[str, Any]:
    wanted = {name: str(version or "") for name, version in module.params["packages"].items()}
    manager = package_manager(module)
    if not manager:
        raise Failure(
            f"this host has neither dnf nor apt-get; use one of the supported systems: {distributions.SUPPORTED_TEXT}"
        )
    before = installed(manager, wanted)
    kept = [] if module.params["allow_downgrade"] else newer(wanted, before)
    for name in kept:
        module.warn(f"{name} {before[name]} is newer than {wanted[name]}, and is kept")
    todo = missing(wanted, before, kept)
    held = manager.unheld(wanted) if module.params["hold"] else []
    upgraded = manager.upgradable() if module.params["upgrade"] else []
    left_over = left_policy()
    after = {**before, **{name: wanted[name] or "newest" for name in todo}}
    if not module.check_mode:
        if left_over:
            os.remove(POLICY)
        if upgraded:
            manager.upgrade()
        if todo:
            manager.install({name: wanted[name] for name in todo}, fresh=any(name not in before for name in todo))
            after = installed(manager, wanted)
            left = missing(wanted, after, kept)
            if left:
                raise Failure(
                    f"{', '.join(left)}: still not at the wanted version after the installation; is it pinned or"
                    " excluded?"
                )
        if held:
            manager.hold(held)
    return {
        "changed": bool(todo or held or upgraded or left_over),
        "installed": todo,
        "held": held,
        "upgraded": upgraded,
        "diff": {
            "before": lines(wanted, before) + (f"{POLICY}: left by a killed run\n" if left_over else ""),
            "after": lines(wanted, after),
        },
    }


def main() -> None:
    run(
        work,
        {
            "packages": {"type": "dict", "required": True},
            "allow_downgrade": {"type": "bool", "default": False},
            "hold": {"type": "bool", "default": False},
            "disable_excludes": {"type": "list", "elements": "str", "default": []},
            "upgrade": {"type": "bool", "default": False},
            "lock_timeout": {"type": "int", "default": 300},
        },
    )


if __name__ == "__main__":
    main()
