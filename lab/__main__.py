# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""python -m lab: build the artifacts, start and stop the machines."""

from __future__ import annotations

import argparse
import sys

from lab.host_packages import HostError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    artifacts = verbs.add_parser("artifacts", help="build every binary, package and image into the cache")
    artifacts.add_argument(
        "--other",
        action="append",
        choices=["1.35", "1.34"],
        default=[],
        help="also the releases with this minor version of Kubernetes; can be repeated",
    )
    verbs.add_parser("up", help="start the machines that are not running")
    verbs.add_parser("down", help="stop the machines; nothing stays mounted or running")
    verbs.add_parser("status", help="show which machines are running")
    reset = verbs.add_parser("reset", help="make nodes bare again")
    reset.add_argument("node", nargs="+", metavar="NODE")
    return parser


def main() -> int:
    """Run one verb. An error that the user can fix is printed as one line; its exit code is 1."""
    arguments = _parser().parse_args()
    try:
        if arguments.verb == "artifacts":
            from lab import artifacts

            artifacts.build(arguments.other)
            return 0
        from lab.nodes import cli

        names = [arguments.node] if arguments.verb == "reset" else []
        return getattr(cli, arguments.verb)(*names) or 0
    except HostError as fault:
        print(f"lab: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; run the same command again to continue", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
