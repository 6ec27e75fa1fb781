# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sanity and unit tests with each supported ansible-core and each Python that it supports (docs/matrix.md)."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.paths import REPOSITORY, cache

# The Pythons on which each ansible-core runs as the controller.
SUPPORTED = {
    "2.16": ("3.10", "3.11", "3.12"),
    "2.17": ("3.10", "3.11", "3.12"),
    "2.18": ("3.11", "3.12", "3.13"),
    "2.19": ("3.11", "3.12", "3.13"),
    "2.20": ("3.12", "3.13", "3.14"),
    "2.21": ("3.12", "3.13", "3.14"),
}
PAIRS = tuple(f"{core}-{python}" for core, pythons in SUPPORTED.items() for python in pythons)
REQUIREMENTS = (REPOSITORY / "requirements.txt", REPOSITORY / "tools/matrix.txt")
# A Python of this version that can make virtual environments. In an environment, the Python that it was made from.
PROBE = (
    "import ensurepip, ssl, sys, venv; assert '%d.%d' % sys.version_info[:2] == sys.argv[1]; "
    "print(getattr(sys, '_base_executable', sys.executable))"
)


class NotAvailable(Exception):
    """A pair that cannot be tested here; no fault of the collection."""


@dataclass
class Result:
    """A row of the table."""

    pair: str
    core: str = "-"
    sanity: str = "-"
    unit: str = "-"
    seconds: int = 0
    # Why the pair was not tested.
    missing: str = ""

    @property
    def failed(self) -> bool:
        return not self.missing and (self.sanity, self.unit) != ("ok", "ok")


def output(*command: str | Path) -> str | None:
    """The output of a command, or None if it cannot be run or fails."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        return done.stdout.strip()
    return None


def candidates(version: str) -> Iterator[Path]:
    """All programs that may be this Python."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield Path(folder) / f"python{version}"
    roots = (os.environ.get("PYENV_ROOT"), output("pyenv", "root"), Path.home() / ".pyenv")
    for root in dict.fromkeys(Path(root) for root in roots if root):
        found = (root / "versions").glob(f"{version}.*/bin/python{version}")
        yield from sorted(found, key=lambda path: (len(path.parts[-3]), path), reverse=True)


def find_python(version: str) -> Path:
    for candidate in candidates(version):
        # pyenv's python3.N in PATH is a script that fails unless the version is switched on.
        executable = candidate.is_file() and output(candidate, "-c", PROBE, version)
        if executable:
            return Path(executable)
    raise NotAvailable(f"no Python {version} on this machine")


def key(python: Path) -> str:
    """Changes with the requirements and the Python, so that an environment is never out of date."""
    parts = [path.read_bytes() for path in REQUIREMENTS] + [str(python).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def install(environment: Path, core: str, python: Path, log: Path) -> str:
    """Make or update the virtual environment. Returns the version of its ansible-core."""
    # A directory without pip is the rest of an interrupted run.
    if not output(environment / "bin/python", "-m", "pip", "--version"):
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([python, "-m", "venv", environment], check=True)
    wanted = ["--upgrade", f"ansible-core~={core}.0", "-r", str(REQUIREMENTS[-1])]
    with log.open("w") as lines:
        command = [
            str(environment / "bin/python"),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            *wanted,
        ]
        done = subprocess.run(command, cwd=REPOSITORY, stdout=lines, stderr=subprocess.STDOUT, check=False)
    if "No matching distribution found for ansible-core" in log.read_text():
        raise NotAvailable(f"pip finds no ansible-core {core} for this Python")
    done.check_returncode()
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(output(environment / "bin/python", "-c", where) or "") / "ansible_collections/bare"
    site.mkdir(parents=True, exist_ok=True)
    # All checkouts share the environment. The lock says whose turn it is.
    (site / "mesh").unlink(missing_ok=True)
    (site / "mesh").symlink_to(REPOSITORY)
    version = "import importlib.metadata as m; print(m.version('ansible-core'))"
    return output(environment / "bin/python", "-c", version) or "-"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def step(name: str, command: list[str], env: Mapping[str, str], log: Path) -> str:
    with log.open("w") as lines:
        done = subprocess.run(command, cwd=REPOSITORY, env=env, stdout=lines, stderr=subprocess.STDOUT, check=False)
    if done.returncode == 0:
        return "ok"
    print(f"FAILED {name}: {' '.join(command)}")
    print("\n".join(f"    {line}" for line in log.read_text(errors="replace").splitlines()), flush=True)
    return "FAILED"


def clean(environment: Path) -> dict[str, str]:
    """The variables for the tests: nothing that a caller's shell or another checkout has set."""
    foreign = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    kept = {name: at for name, at in os.environ.items() if not name.startswith("ANSIBLE_") and name not in foreign}
    return {**kept, "PATH": f"{environment / 'bin'}{os.pathsep}{kept['PATH']}"}


def test(pair: str) -> Result:
    """Run both tests of a pair."""
    core, _, version = pair.partition("-")
    result, began = Result(pair), time.monotonic()
    folder = cache() / "matrix"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{pair}.log"
    try:
        python = find_python(version)
        environment = folder / f"{pair}-{key(python)}"
        with locked(folder / f"{pair}.lock"), tempfile.TemporaryDirectory() as copy:
            result.core = install(environment, core, python, log)
            env = clean(environment)
            result.sanity = step(f"{pair} sanity", ["tools/sanity.sh", copy], env, log)
            result.unit = step(f"{pair} unit", ["python", "-m", "pytest", "-q", "-n", "2", "tests/unit"], env, log)
    except NotAvailable as reason:
        result.missing = str(reason)
    except subprocess.CalledProcessError as error:
        result.sanity = "FAILED"
        print(f"FAILED {pair} environment: {error}\n{log.read_text() if log.exists() else ''}", flush=True)
    result.seconds = round(time.monotonic() - began)
    return result


def table(results: list[Result]) -> str:
    rows = [("pair", "ansible-core", "sanity", "unit", "seconds")]
    for one in results:
        tested = (one.pair, one.core, one.sanity, one.unit, str(one.seconds))
        rows.append((one.pair, "-", "-", "-", f"not tested: {one.missing}") if one.missing else tested)
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join("  ".join([*map(str.ljust, row, widths), row[4]]) for row in rows)


def select(names: list[str]) -> list[str]:
    """The pairs of these names: a pair, all of an ansible-core or all of a Python. Without names, all pairs."""
    unknown = [name for name in names if not any(name in (pair, *pair.split("-")) for pair in PAIRS)]
    if unknown:
        raise SystemExit(f"make matrix: not supported: {' '.join(unknown)}; the pairs are {' '.join(PAIRS)}")
    return [pair for pair in PAIRS if not names or {pair, *pair.split("-")} & set(names)]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="PAIR", help="such as 2.19-3.11, 2.19 or 3.11; without any, all")
    results = []
    for pair in select(parser.parse_args(arguments).names):
        results.append(test(pair))
        print(table(results[-1:]).splitlines()[1], flush=True)
    tested = [one for one in results if not one.missing]
    failed = [one for one in tested if one.failed]
    print(f"\n{table(results)}\n\n{len(tested)} of {len(results)} pairs tested, {len(failed)} failed")
    # A run that tested nothing proves nothing.
    return 1 if failed or not tested else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
