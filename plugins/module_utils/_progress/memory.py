# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long the stages of runs took, in a file on the controller."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

# How many pairs of playbook and inventory are remembered.
REMEMBERED = 50


class Memory:
    """How long the stages took, in a file: {run: {stage: {"changed" or "unchanged": seconds}}}."""

    def __init__(self, path: str, run: str) -> None:
        self.path, self.run = path, run
        self.known = self._load().get(run, {})

    def _load(self) -> dict[str, Any]:
        try:
            with open(self.path, encoding="utf-8") as file:
                runs = json.load(file)
            return {
                run: {stage: {kind: float(one[kind]) for kind in one} for stage, one in stages.items()}
                for run, stages in runs.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def expected(self, stage: str, changed: bool) -> float | None:
        """A run that builds the cluster takes longer than one that finds it done. So each is remembered."""
        times = self.known.get(stage, {})
        kind, other = ("changed", "unchanged") if changed else ("unchanged", "changed")
        return times.get(kind, times.get(other))

    def keep(self, stage: str, changed: bool, seconds: float) -> None:
        self.known.setdefault(stage, {})["changed" if changed else "unchanged"] = round(seconds, 1)
        runs = self._load()
        # The latest run is the last one.
        runs.pop(self.run, None)
        runs = dict([*runs.items(), (self.run, self.known)][-REMEMBERED:])
        folder = os.path.dirname(self.path)
        os.makedirs(folder, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".progress")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(runs, file, indent=1)
            os.replace(name, self.path)
        except BaseException:
            os.unlink(name)
            raise
