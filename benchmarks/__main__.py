# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All benchmarks, one after the other."""

from __future__ import annotations

import sys

from benchmarks import modules, run

sys.exit(max([run.main(), modules.main()]))
