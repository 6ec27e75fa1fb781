# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all of preflight's checks are made of."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

# What a module's result or an option holds: names to values of many kinds.
Mapping = dict[str, Any]
# What host_inspect tells of a host.
Report = dict[str, Any]


class Finding(NamedTuple):
    """One thing that is wrong: the check's name, the host or variable, what is wrong, how to fix it."""

    check: str
    where: str
    what: str
    fix: str

    def __str__(self) -> str:
        end = "" if self.fix.endswith("?") else "."
        return f"{self.where} [{self.check}]: {self.what}. {self.fix}{end}"


def shared(values: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """(value, hosts) of the values that several hosts have; an empty value counts for nothing."""
    owners = defaultdict(list)
    for host, value in values.items():
        for item in dict.fromkeys(value) if isinstance(value, list) else [value]:
            if item:
                owners[item.lower()].append(host)
    return [(value, hosts) for value, hosts in owners.items() if len(hosts) > 1]
