# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The package sources that a host's apt has: one-line files (.list) and deb822 files (.sources)."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator

from ansible_collections.bare.mesh.plugins.module_utils._host.files import read

MAIN = "/etc/apt/sources.list"
PARTS = "/etc/apt/sources.list.d"
LINE = re.compile(r"^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)")


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    """(URL, suite, key) of each source of a one-line file."""
    for found in map(LINE.match, text.splitlines()):
        if found:
            options = dict(part.partition("=")[::2] for part in (found.group(1) or "").split())
            yield found.group(2), found.group(3), options.get("signed-by", "")


def _stanzas(text: str) -> Iterator[tuple[str, str, str]]:
    """(URL, suite, key) of each source of a deb822 file."""
    for stanza in re.split(r"\n\s*\n", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)):
        pairs = re.findall(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        fields = {name.lower(): " ".join(value.split()) for name, value in pairs}
        if fields.get("enabled", "yes").lower() in ("no", "false", "without", "off", "disable", "0"):
            continue
        for url in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield url, suite, fields.get("signed-by", "")


def entries() -> list[dict[str, str]]:
    """The sources that are in effect, in the order in which apt reads them."""
    found = []
    for path in [MAIN, *sorted(glob.glob(f"{PARTS}/*.list") + glob.glob(f"{PARTS}/*.sources"))]:
        text = read(path).decode(errors="replace")
        for url, suite, key in _stanzas(text) if path.endswith(".sources") else _lines(text):
            # A key can be written out in the file.
            shown = "(a key in the file)" if "BEGIN PGP" in key else key
            found.append({"file": path, "url": url, "suite": suite, "signed_by": shown})
    return found


def path_of(name: str) -> str:
    """The file of a repository of ours."""
    return f"{PARTS}/{name}.sources"


def key_path_of(name: str) -> str:
    """The file of its key."""
    return f"/etc/apt/keyrings/{name}.gpg"


def refused(name: str, url: str, suite: str, others: list[dict[str, str]]) -> list[str]:
    """The files that name a repository of ours with another key, so that apt reads no source at all.

    It compares the keys of all entries for a URL and suite, whatever their component and type. Only an entry without a
    key goes with another one, if it comes first.
    """
    ours, key = path_of(name), key_path_of(name)
    return sorted(
        {
            entry["file"]
            for entry in others
            if entry["file"] != ours
            and (entry["url"].rstrip("/"), entry["suite"]) == (url.rstrip("/"), suite)
            and entry["signed_by"] != key
            and (entry["signed_by"] or (entry["file"] != MAIN and entry["file"] > ours))
        }
    )
