# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scenarios that are too long for every run: `make test-lifecycle`. Latest results: docs/lifecycle.md."""

from __future__ import annotations

import time

import pytest
from conftest import ADDRESSES, lab
from test_interrupted import completes, kill_when

pytestmark = pytest.mark.lifecycle


# site.yml takes 75 s on bare nodes if the computer is idle. After that there is nothing to kill.
@pytest.mark.parametrize("seconds", range(7, 71, 7))
def test_killed_at_any_time(play, seconds):
    lab("reset", *ADDRESSES)
    until = time.monotonic() + seconds
    kill_when(lambda: time.monotonic() > until)
    completes(play)
