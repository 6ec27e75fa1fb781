# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of the reports: written as a whole or not at all, and only the last ones kept."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from datetime import datetime, timezone

# Only files with such a name are ever removed.
NAME = re.compile(r"\d{8}T\d{6}Z-[A-Za-z0-9_.-]+\.md")


def write(folder: str, playbook: str, began: datetime, text: str, keep: int) -> str:
    """Write a report, for its owner alone, and remove the oldest ones. Returns the path."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", os.path.splitext(os.path.basename(playbook))[0])[:100] or "run"
    first = f"{began.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}-{stem}"
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".report")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        path = _place(temporary, folder, first)
    finally:
        os.unlink(temporary)
    reports = sorted(name for name in os.listdir(folder) if NAME.fullmatch(name))
    for name in reports[: max(len(reports) - keep, 0)]:
        if name != os.path.basename(path):
            # Another run may be removing the same ones.
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))
    return path


def _place(temporary: str, folder: str, first: str) -> str:
    """Give the file a name that none has yet: two runs can begin in the same second."""
    for number in range(1, 100):
        path = os.path.join(folder, f"{first}{f'_{number}' * (number > 1)}.md")
        try:
            os.link(temporary, path)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(path)
