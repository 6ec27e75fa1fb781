# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare site.yml with a shell script that does the same steps, and a second run with the first.

Each run starts on freshly reset nodes of the lab and ends when the page answers. Prints a table and writes
benchmarks/results/latest.json.
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from truth import play

RESULTS = ROOT / "benchmarks/results/latest.json"
# The maximum of each ratio, and its target.
GOALS = {"site / by hand": (1.15, 1.0), "second / first": (0.18, 0.12)}


def bare() -> None:
    """Reset the nodes, so that each measurement starts on bare nodes."""
    subprocess.run(
        [sys.executable, "-m", "lab", "reset", "node1", "node2", "node3"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def by_hand() -> dict[str, Any]:
    """Run the shell script. Returns its time, and the time at which it reached each step, in seconds."""
    bare()
    began = time.monotonic()
    done = subprocess.run([ROOT / "benchmarks/by_hand.sh"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    steps = {
        line.split(" s  ", 1)[1].split(":")[0]: float(line.split(" s  ", 1)[0]) for line in done.stdout.splitlines()
    }
    return {"seconds": round(time.monotonic() - began, 1), "reached": steps}


def site(log: Path, cache: Path) -> dict[str, Any]:
    """Run site.yml once. cache keeps the downloads for the next run. Returns seconds, and tasks and seconds by role."""
    began = time.monotonic()
    run = play(log, "site.yml", "-e", f"bare_mesh_cache_dir={cache}")
    if run["code"]:
        sys.exit(run["output"])
    roles = dict(sorted(run["seconds_by_role"].items(), key=lambda item: -item[1]))
    changed = sum(len(tasks) for tasks in run["changed"].values())
    return {
        "seconds": round(time.monotonic() - began, 1),
        "changed": changed,
        "tasks": run["tasks_by_role"],
        "by_role": roles,
    }


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """The rows as aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def report(results: dict[str, Any]) -> str:
    """The text that is printed."""
    first, second, hand = results["site_first"], results["site_second"], results["by_hand"]
    totals = [
        ("way", "seconds"),
        ("shell script", str(hand["seconds"])),
        ("site.yml, bare hosts", str(first["seconds"])),
        ("site.yml, again", str(second["seconds"])),
    ]
    ratios = [("ratio", "measured", "at most", "aim")]
    ratios += [(name, f"{results['ratios'][name]:.2f}", str(most), str(aim)) for name, (most, aim) in GOALS.items()]
    roles = [("role or play", "first: s at work", "tasks", "again: s", "tasks")]
    for role, seconds in first["by_role"].items():
        again = (str(second[key].get(role, 0)) for key in ("by_role", "tasks"))
        roles.append((role, str(seconds), str(first["tasks"][role]), *again))
    steps = [("shell script", "reached after s"), *((name, str(seconds)) for name, seconds in hand["reached"].items())]
    return "\n\n".join([table(totals), table(ratios), table(roles), table(steps)])


def main() -> int:
    """Measure once, print and store the results. Returns 1 if a ratio is above its maximum."""
    subprocess.run([sys.executable, "-m", "lab", "up"], cwd=ROOT, check=True)
    results: dict[str, Any] = {"date": datetime.date.today().isoformat(), "cores": os.cpu_count()}
    results["by_hand"] = by_hand()
    with tempfile.TemporaryDirectory() as work:
        bare()
        results["site_first"] = site(Path(work, "runs"), Path(work, "cache"))
        results["site_second"] = site(Path(work, "runs"), Path(work, "cache"))
    results["ratios"] = {
        "site / by hand": round(results["site_first"]["seconds"] / results["by_hand"]["seconds"], 2),
        "second / first": round(results["site_second"]["seconds"] / results["site_first"]["seconds"], 2),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(report(results))
    missed = [name for name, (most, _aim) in GOALS.items() if results["ratios"][name] > most]
    for name in missed:
        print(f"MISSED: {name} is {results['ratios'][name]}, more than {GOALS[name][0]}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
