# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the engine raises besides a plain Failure, and how it imports its libraries."""

from __future__ import annotations

import importlib
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure


class Unreachable(Failure):
    """There is no cluster to talk to: check mode then goes on without one."""

    given_up = True


def library(name: str, package: str) -> Any:
    """Import a library where it is first needed: an import at the top costs every module's start."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Failure(missing_required_lib(package)) from error
