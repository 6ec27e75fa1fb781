# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copies of a repository's key that rpm and dnf keep, and which neither of them replaces by a renewed one.

rpm 4 names a key by its id and the time of its creation, so that a key with a new expiry has the name of the old one,
and importing it does nothing. dnf 4 keeps another copy beside the index of a repository whose index is signed.
"""

from __future__ import annotations

import glob
import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._host import openpgp

FORM = "%{NAME}-%{VERSION}-%{RELEASE}\n%{DESCRIPTION}\n"
ENTRY = re.compile(r"^(gpg-pubkey-\S+)\n(-----BEGIN PGP.*?^-----END PGP[^\n]*)", re.MULTILINE | re.DOTALL)


def _is_older(copy: str, key: bytes) -> bool:
    """Whether a copy is the same key, before its owner renewed it."""
    try:
        same = openpgp.fingerprints(copy.encode()) == openpgp.fingerprints(key)
        return same and openpgp.term(copy.encode()).signed < openpgp.term(key).signed
    except openpgp.NotAKey:
        # rpm knows keys that are none of ours, in forms that are not read here.
        return False


def imported(module: AnsibleModule) -> dict[str, str]:
    """The name that rpm gives each of its keys, to the key."""
    rpm = module.get_bin_path("rpm")
    return dict(ENTRY.findall(module.run_command([rpm, "-q", "gpg-pubkey", "--queryformat", FORM])[1])) if rpm else {}


def outdated(known: dict[str, str], key: bytes) -> list[str]:
    """The names of rpm's copies of a key that are older than it."""
    return sorted(name for name, copy in known.items() if _is_older(copy, key))


def keyrings(repository: str) -> list[str]:
    """The folders in which dnf keeps the keys for the index of a repository."""
    return sorted(glob.glob(f"/var/cache/dnf/{glob.escape(repository)}-*/pubring"))


def replace(module: AnsibleModule, names: list[str], path: str) -> None:
    """Puts the key of a file in the place of rpm's copies. Killed halfway, it leaves the import to dnf."""
    for command in (["rpm", "-e", "--allmatches", *names], ["rpm", "--import", path]):
        code, out, err = module.run_command(command)
        if code:
            raise Failure(f"{' '.join(command)}: {(err or out).strip()}")
