# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps the faults of a callback plugin away from the run that it looks at."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol


class Guarded(Protocol):
    """A plugin that can stop working. A broken one is not called any more."""

    broken: bool

    def give_up(self, error: Exception) -> None:
        """Stop, and say so."""


def guarded(method: Callable[..., None]) -> Callable[..., None]:
    """A method whose faults end the plugin, not the run."""

    @functools.wraps(method)
    def wrapper(self: Guarded, *args: Any, **kwargs: Any) -> None:
        if self.broken:
            return
        try:
            method(self, *args, **kwargs)
        except Exception as error:
            self.broken = True
            self.give_up(error)

    return wrapper
