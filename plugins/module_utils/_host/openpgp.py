# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fingerprints of OpenPGP public keys, read without gpg: the hosts need not have it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure

PUBLIC_KEY = 6


class NotAKey(Failure):
    """The data is not an OpenPGP public key."""


def dearmor(data: bytes) -> bytes:
    """The binary form of a key, which may be ASCII-armoured (in one block or several) or binary already."""
    if b"-----BEGIN PGP" not in data:
        return data
    binary = b""
    before, *blocks = data.split(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")
    for block in blocks:
        body, _end, after = block.replace(b"\r", b"").partition(b"-----END PGP PUBLIC KEY BLOCK-----")
        if not before.isascii() or not after.isascii():
            # A package manager might read it as another key, whose fingerprint nobody would have compared.
            raise NotAKey("there is binary data beside the armoured key")
        # A blank line ends the armour's headers; a line starting with '=' is its checksum.
        lines = body.split(b"\n\n", 1)[-1].split(b"\n")
        try:
            binary += base64.b64decode(b"".join(line for line in lines if not line.startswith(b"=")))
        except binascii.Error as error:
            raise NotAKey(f"damaged armour: {error}") from error
    return binary


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields (tag, body) of each packet."""
    at = 0
    while at < len(data):
        head = data[at]
        if not head & 0x80:
            raise NotAKey("not an OpenPGP key")
        at += 1
        if head & 0x40:
            tag, first = head & 0x3F, data[at]
            if first < 192:
                size, at = first, at + 1
            elif first < 224:
                size, at = ((first - 192) << 8) + data[at + 1] + 192, at + 2
            elif first == 255:
                size, at = int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
            else:
                raise NotAKey("a key packet of unknown length")
        else:
            tag, width = (head >> 2) & 0x0F, 1 << (head & 3)
            if width == 8:
                raise NotAKey("a key packet of unknown length")
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        if at + size > len(data):
            raise NotAKey("the key ends too early")
        yield tag, data[at : at + size]
        at += size


def fingerprints(data: bytes) -> list[str]:
    """The fingerprints, in capital hex digits, of the primary keys in a key file."""
    found = []
    try:
        for tag, body in _packets(dearmor(data)):
            if tag != PUBLIC_KEY:
                continue
            if body[0] == 4:
                digest = hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False)
                found.append(digest.hexdigest().upper())
            elif body[0] == 6:
                found.append(hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper())
    except IndexError as error:
        raise NotAKey("the key ends too early") from error
    if not found:
        raise NotAKey("no OpenPGP public key in it")
    return found
