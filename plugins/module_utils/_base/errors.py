# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one way in which the collection's modules tell the user that something is wrong."""

from __future__ import annotations

from typing import Any


class Failure(Exception):
    """A message for the user that names the culprit and the fix; data goes into the module's result."""

    # Whether a server has stopped answering, so that asking it for anything else would only take more time.
    given_up = False

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.data = data
