# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a RequestAuthentication.

https://istio.io/latest/docs/reference/config/security/request_authentication/

Rules of ValidateRequestAuthentication in Istio 1.31 (pkg/config/validation) and of the definition of the kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators

# RFC 7518, section 6.1, and RFC 8037
KEY_TYPES = ("EC", "RSA", "oct", "OKP")
_HEADER = re.compile(r"[-_A-Za-z0-9]+")


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    yield from validators.workload_selector(spec.get("selector"), "spec.selector")
    yield from validators.targets(spec)
    for index, rule in enumerate(spec.get("jwtRules") or []):
        yield from _rule(rule, f"spec.jwtRules[{index}]")


def _rule(rule: dict[str, Any], path: str) -> Iterator[Fault]:
    addresses = [name for name in ("jwksUri", "jwks_uri") if rule.get(name)]
    if not rule.get("issuer") and not addresses:
        yield Fault(f"{path}.issuer", "is required, or jwksUri")
    for name in addresses:
        if not is_url(rule[name]):
            yield Fault(f"{path}.{name}", f"{rule[name]!r} is not a URL that begins with http:// or https://")
    if rule.get("jwks") and not _is_key_set(rule["jwks"]):
        yield Fault(f"{path}.jwks", "is not a JSON Web Key Set (RFC 7517)")
    for index, copied in enumerate(rule.get("outputClaimToHeaders") or []):
        # The schema says that a header is missing.
        if copied.get("header") and not _HEADER.fullmatch(copied["header"]):
            where = f"{path}.outputClaimToHeaders[{index}].header"
            yield Fault(where, f"{copied['header']!r} is not a header name: letters, digits, - and _")


def is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_key_set(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    if not isinstance(found, dict):
        return False
    keys = found.get("keys", [found])
    return isinstance(keys, list) and all(isinstance(key, dict) and key.get("kty") in KEY_TYPES for key in keys)
