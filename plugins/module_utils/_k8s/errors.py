# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one way in which the engine tells the user that something is wrong."""

from __future__ import annotations

import importlib
from typing import Any

from ansible.module_utils.basic import missing_required_lib


class Failure(Exception):
    """A message for the user, which names the culprit and the cure; data goes into the module's result."""

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.data = data
        # The API server was given all the patience there is: whatever else is asked of it now would wait in vain.
        self.given_up = False


class Unreachable(Failure):
    """There is no cluster to talk to: check mode then goes on without one."""

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message, **data)
        self.given_up = True


def library(name: str, package: str) -> Any:
    """Import a library where it is first needed: an import at the top costs every module's start."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Failure(missing_required_lib(package)) from error
