# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules of ufw, the firewall of Ubuntu, as `ufw show added` prints them; ours are told by their comment."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.bare.mesh.plugins.module_utils._host.files import read

RULE = re.compile(r"^ufw (.*?)(?: comment '(.*)')?$", re.MULTILINE)


def is_on() -> bool:
    """Whether it is switched on, now and at each boot."""
    return b"\nENABLED=yes" in read("/etc/ufw/ufw.conf")


def rules(ports: Iterable[str], sources: Iterable[str]) -> list[str]:
    """The rules that open ports such as 30000-32767/tcp, and that let in and pass on the traffic of ranges.

    ufw passes nothing on by itself, so that pods would reach nothing through their node, nor be reached.
    """
    found = [f"allow {port.replace('-', ':')}" for port in sorted(ports)]
    for source in sorted(sources):
        found += [f"allow from {source}", f"route allow from {source}", f"route allow to {source}"]
    return found


def plan(name: str, wanted: list[str], added: str) -> list[list[str]]:
    """The argument lists for ufw that lead from the rules that it prints to these and no others of this name.

    A rule that somebody else has made serves us as well. To add it again would make it ours, and be removed later.
    """
    known = dict(RULE.findall(added))
    commands = [[*rule.split(), "comment", name] for rule in wanted if rule not in known]
    for rule, comment in known.items():
        if comment == name and rule not in wanted:
            route, words = rule.startswith("route "), rule.removeprefix("route ").split()
            commands.append([*(["route"] if route else []), "delete", *words])
    return commands
