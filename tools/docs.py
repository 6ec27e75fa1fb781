# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the generated pages of the documentation.

`make docs` runs it; a unit test runs it with --check.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools import coverage_page, module_docs, role_docs
from tools.role_docs import ROOT


def pages() -> dict[Path, str]:
    """Every generated page."""
    return {
        **role_docs.pages(),
        ROOT / "docs/modules.md": module_docs.page(),
        ROOT / "docs/coverage.md": coverage_page.page(),
    }


def main() -> int:
    """Write the pages, or with --check print those that are stale and return 1."""
    stale = {path: text for path, text in pages().items() if not path.exists() or path.read_text() != text}
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"stale: {path.relative_to(ROOT)} (run `make docs`)")
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text)
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
