# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's findings about the names and passwords for registries."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ansible_collections.bare.mesh.plugins.module_utils._preflight.finding import Finding, Mapping

# Names of one server. Images have the first, the runtimes ask the second.
ALIASES = {"docker.io": "registry-1.docker.io"}
# As the container runtimes name the server: no scheme and no path.
SERVER = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::\d+)?\Z")


def credentials(settings: Mapping) -> Iterator[Finding]:
    """What no registry can be told, and registries that are there twice."""
    entries = settings.get("credentials") or []
    for number, (registry, username, has_password) in enumerate(entries, 1):
        where = f"bare_mesh_registry_credentials, entry {number} ({registry})"
        if not SERVER.match(str(registry)):
            fix = "Write the name, or name:port, of the registry or of the mirror that serves it, such as docker.io"
            yield Finding("settings", where, "the registry is not the name of a server", fix)
        if not username or ":" in str(username):
            what = "the username has a colon" if username else "the username is empty"
            yield Finding("settings", where, what, "Set the name of a user of the registry")
        if not has_password:
            yield Finding("settings", where, "the password is empty", "Set the password or the token of the user")
    names = [str(registry) for registry, *_rest in entries]
    for server, count in Counter(ALIASES.get(name, name) for name in names).items():
        if count > 1:
            same = " and ".join(dict.fromkeys(name for name in names if server in (name, ALIASES.get(name))))
            fix = "Leave one of them: a server is told one name"
            yield Finding("settings", "bare_mesh_registry_credentials", f"has {same} {count} times", fix)
