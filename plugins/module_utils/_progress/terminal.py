# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One line at the end of a terminal, and the words in it."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import threading
from typing import Any

CLEAR = "\r\x1b[K"


class Line:
    """The line at the end of the terminal. Whatever the run displays erases it first, and it is drawn again later."""

    def __init__(self, display: Any, stream: Any) -> None:
        self.display, self.stream = display, stream
        self.lock = threading.RLock()
        self.process = os.getpid()
        self.drawn = ""
        self.original = display.display
        display.display = self._around

    def _around(self, *args: Any, **kwargs: Any) -> Any:
        # Workers are forks of this process. They hand what they display to it, and have no thread that draws.
        if os.getpid() != self.process:
            return self.original(*args, **kwargs)
        with self.lock:
            self.erase()
            return self.original(*args, **kwargs)

    def draw(self, text: str) -> None:
        # A terminal that knows no size has none. Python before 3.11 then says 0.
        columns = shutil.get_terminal_size().columns or 80
        text = text[: max(columns - 1, 1)]
        with self.lock:
            if text != self.drawn:
                self.stream.write(CLEAR + text)
                self.stream.flush()
                self.drawn = text

    def erase(self) -> None:
        with self.lock:
            if self.drawn:
                self.stream.write(CLEAR)
                self.stream.flush()
                self.drawn = ""

    def close(self) -> None:
        with self.lock:
            self.erase()
            self.display.display = self.original


def in_place() -> bool:
    """Whether a line can be drawn again in place: in a terminal, unless the output arrives there by another program."""
    if not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return False
    try:
        return not stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def plain(text: str) -> str:
    """Without what would move the cursor or end the line."""
    return "".join(one if one.isprintable() else " " for one in str(text)).strip()


def clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def about(seconds: float | None, before: str = " of about ") -> str:
    return "" if seconds is None else f"{before}{clock(seconds)}"
