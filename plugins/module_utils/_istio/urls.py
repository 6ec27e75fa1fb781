# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads a URL as Go does, and so as Istio and the API server do: https://pkg.go.dev/net/url

Python's urllib.parse takes nearly every text for a URL.
"""

from __future__ import annotations

import re

from ansible_collections.bare.mesh.plugins.module_utils._istio import validators

_SCHEME = re.compile("([a-zA-Z][-+.a-zA-Z0-9]*):")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile("%(?![0-9a-fA-F]{2})")
_USER = re.compile(r"[-A-Za-z0-9._:~!$&'()*+,;=%@]*")
_PORT = re.compile("(?::[0-9]*)?")
_HOST_CHAR = r"""[-_.~!$&'()*+,;=:\[\]<>"A-Za-z0-9]|[^\x00-\x7f]"""
# Of ASCII, only the percent sign itself may be escaped.
_HOST = re.compile(rf"(?:{_HOST_CHAR}|%25|%[89a-fA-F][0-9a-fA-F])*")


def scheme_of(text: str) -> str | None:
    """The scheme in lower case, empty if the text is a path. None if the text is not a URL.

    A text that is not a URL is read again behind http://, so that example.com/x is one.
    """
    for candidate in (text, f"http://{text}"):
        if _parse(candidate, whole=False) is not None:
            bare, _hash, fragment = candidate.partition("#")
            return None if _BAD_ESCAPE.search(fragment) else _parse(bare, whole=True)
    return None


def _parse(text: str, whole: bool) -> str | None:
    """The scheme of a URL, None if it is not one. With whole, a text that begins with // has a host."""
    if text.startswith(":") or _CONTROL.search(text):
        return None
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    rest = text[found.end() if found else 0 :].partition("?")[0]
    if not rest.startswith("/"):
        return scheme if scheme or text == "*" else None
    if rest.startswith("//") and (scheme or (whole and not rest.startswith("///"))):
        authority, slash, path = rest[2:].partition("/")
        if not _authority(scheme, authority):
            return None
        rest = slash + path
    return None if _BAD_ESCAPE.search(rest) else scheme


def _authority(scheme: str, text: str) -> bool:
    user, _at, host = text.rpartition("@")
    if not _USER.fullmatch(user) or _BAD_ESCAPE.search(text):
        return False
    if host.startswith("[") and host.rfind("[") == 0:
        address, bracket, port = host[1:].rpartition("]")
        known = validators.is_ip(re.sub("%25", "%", address, count=1)) and ":" in address
        return bool(bracket) and known and _PORT.fullmatch(port) is not None
    # The port follows the last colon, except that there is only one in web addresses.
    colon = host.find(":") if scheme in ("http", "https") else host.rfind(":")
    port = host[colon:] if colon >= 0 else ""
    return "[" not in host and _PORT.fullmatch(port) is not None and _HOST.fullmatch(host) is not None
