# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: jwt_faults
short_description: What is wrong with the setting that says whose tokens (JWT) a page takes
version_added: 0.2.0
description:
  - Judges the value of C(bookinfo_jwt) beyond the types of its fields, all faults at once. Private keys are a fault,
    because everybody who may read the object in the cluster could read them.
  - The faults quote neither keys nor addresses, which may hold a password.
positional: _input
options:
  _input:
    description: The setting. An empty one has no faults.
    type: dict
    required: true
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Refuse an issuer without keys
  ansible.builtin.assert:
    that: bookinfo_jwt | bare.mesh.jwt_faults | length == 0
"""

RETURN = r"""
_value:
  description: One entry a fault.
  type: list
  elements: dict
  contains:
    where: {description: The variable and its field., type: str}
    what: {description: What is wrong with it., type: str}
    fix: {description: What to do., type: str}
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.request_authentication import KEY_TYPES, is_url

VARIABLE = "bookinfo_jwt"
_SET_KEYS = 'Set it to the JSON text {"keys": [...]} that the issuer publishes'
# RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1: the private part of a key, and a symmetric key.
_SECRET = ("d", "k")


def _key_set_fault(jwks: Any) -> tuple[str, str] | None:
    """(what, fix). Ansible reads JSON in a variable as a mapping at times."""
    try:
        found = json.loads(jwks) if isinstance(jwks, str) else jwks
    except ValueError:
        found = None
    keys = found.get("keys") if isinstance(found, Mapping) else None
    if not isinstance(keys, (list, tuple)) or not keys:
        return "is not a JSON Web Key Set", _SET_KEYS
    if not all(isinstance(key, Mapping) and key.get("kty") in KEY_TYPES for key in keys):
        return f"has a key whose kty is not one of {', '.join(KEY_TYPES)}", _SET_KEYS
    if any(name in key for key in keys for name in _SECRET):
        return "has a secret key", "Leave out the members d and k, and whoever has read them must no longer be trusted"
    return None


def _audience_faults(audiences: Any) -> Iterator[tuple[str, str, str]]:
    if not isinstance(audiences, (list, tuple)):
        yield "audiences", "is not a list", "Write a list, such as [books]"
        return
    for index, one in enumerate(audiences):
        if not isinstance(one, str) or not one:
            yield f"audiences[{index}]", f"is {one!r}, which is not a name", "Write text, a number in quotes"


def _faults(given: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(field, what, fix)."""
    issuer, uri = given.get("issuer"), given.get("jwks_uri")
    if not issuer or not isinstance(issuer, str):
        yield "issuer", "is not set", "Set it to the claim iss of the tokens"
    if "jwks" in given and "jwks_uri" in given:
        yield "", "has both jwks and jwks_uri", "Keep one of them"
    elif "jwks" not in given and "jwks_uri" not in given:
        yield "", "has no keys", "Set jwks (the public keys, as JSON) or jwks_uri (their http or https address)"
    if "jwks_uri" in given and (not isinstance(uri, str) or re.search(r"\s", uri) or not is_url(uri)):
        yield (
            "jwks_uri",
            "is not a URL that begins with http:// or https://",
            "Set it to the address of the keys",
        )
    fault = _key_set_fault(given["jwks"]) if "jwks" in given else None
    if fault:
        yield "jwks", *fault
    if "audiences" in given:
        yield from _audience_faults(given["audiences"])


def jwt_faults(given: Any) -> list[dict[str, str]]:
    """See DOCUMENTATION."""
    if not given or not isinstance(given, Mapping):
        # The argument specification says what is no mapping.
        return []
    return [
        {"where": f"{VARIABLE}.{field}" if field else VARIABLE, "what": what, "fix": fix}
        for field, what, fix in _faults(given)
    ]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"jwt_faults": jwt_faults}
