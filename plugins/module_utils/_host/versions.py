# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order of packages' versions, as dpkg (deb-version(7)) and rpm (rpm-version(7)) have it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

# What sorts versions: a key for each.
Key = Callable[[str], Any]
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


def parts(version: str) -> tuple[int, str, str]:
    """(epoch, upstream version, revision) of a version."""
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version
    upstream, _dash, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return int(epoch), upstream, revision


def _deb_weight(character: str) -> int:
    """A tilde comes before the end of the text, whose weight is 0; letters come before all other characters."""
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def _deb_text(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    """Pairs of what is no number, and the number after it."""
    pairs = re.findall(r"(\D*)(\d*)", text)
    return tuple(((*(_deb_weight(one) for one in word), 0), int(number or 0)) for word, number in pairs)


def deb(version: str) -> Any:
    """The key by which dpkg sorts versions."""
    epoch, upstream, revision = parts(version)
    # Without a revision is the same as revision 0.
    return epoch, _deb_text(upstream), _deb_text(revision or "0")


def _rpm_text(text: str) -> tuple[tuple[int, Any], ...]:
    """Numbers come after words, these after a caret, this after the end, and a tilde before it. The rest separates."""
    found: list[tuple[int, Any]] = []
    for number, word, sign in re.findall(r"([0-9]+)|([A-Za-z]+)|([~^])", text):
        found.append((3, int(number)) if number else (2, word) if word else (-1 if sign == "~" else 1, 0))
    return (*found, (0, 0))


def rpm(version: str) -> Any:
    """The key by which rpm sorts versions."""
    epoch, upstream, release = parts(version)
    return epoch, _rpm_text(upstream), _rpm_text(release)


def satisfies(version: str, operation: str, wanted: str, key: Key) -> bool:
    """Whether a version is what a dependency asks for. For rpm, one that names no release is satisfied by any."""
    if key is rpm and not parts(wanted)[2]:
        epoch, upstream, _release = parts(version)
        version = f"{epoch}:{upstream}"
    return not operation or OPERATORS[operation](key(version), key(wanted))
