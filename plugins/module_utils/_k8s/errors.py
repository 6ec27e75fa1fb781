# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Errors of the engine besides Failure, and the import of its libraries."""

from __future__ import annotations

import importlib
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure


class Unreachable(Failure):
    """The API server cannot be reached. Check mode then continues without a cluster."""

    given_up = True


def library(name: str, package: str) -> Any:
    """Import a library at its first use, to keep the start of the modules fast.

    Raises Failure if it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Failure(missing_required_lib(package)) from error
