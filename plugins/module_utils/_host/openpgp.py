# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fingerprints and terms of OpenPGP public keys, read without gpg: the hosts need not have it. Signatures need gpgv."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure

SIGNATURE = 2
PUBLIC_KEY = 6
# Types of signatures by which a key speaks of itself: on its user ids, on itself.
CERTIFICATIONS = (0x10, 0x11, 0x12, 0x13, 0x1F)
# Types of subpackets of a signature.
CREATED, KEY_EXPIRES, ISSUER, ISSUER_FINGERPRINT = 2, 9, 16, 33
# Runs gpgv with arguments, and returns its code, output and errors.
Verifier = Callable[[list[str]], tuple[int, str, str]]


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


def _fingerprint(body: bytes) -> str:
    """The fingerprint of a public key packet; empty for a version that is not known."""
    if body[0] == 4:
        digest = hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False)
        return digest.hexdigest().upper()
    if body[0] == 6:
        return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper()
    return ""


def fingerprints(data: bytes) -> list[str]:
    """The fingerprints, in capital hex digits, of the primary keys in a key file."""
    try:
        found = [_fingerprint(body) for tag, body in _packets(dearmor(data)) if tag == PUBLIC_KEY]
    except IndexError as error:
        raise NotAKey("the key ends too early") from error
    if not any(found):
        raise NotAKey("no OpenPGP public key in it")
    return [one for one in found if one]


def _subpackets(area: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields (type, body) of each subpacket of a signature."""
    at = 0
    while at < len(area):
        size, at = area[at], at + 1
        if size == 255:
            size, at = int.from_bytes(area[at : at + 4], "big"), at + 4
        elif size >= 192:
            size, at = ((size - 192) << 8) + area[at] + 192, at + 1
        # The highest bit says that the subpacket must be understood.
        yield area[at] & 0x7F, area[at + 1 : at + size]
        at += size


def _signature(body: bytes) -> dict[int, bytes]:
    """The subpackets of a certification; empty for other signatures."""
    if body[0] not in (4, 6) or body[1] not in CERTIFICATIONS:
        return {}
    width = 2 if body[0] == 4 else 4
    middle = 4 + width + int.from_bytes(body[4 : 4 + width], "big")
    end = middle + width + int.from_bytes(body[middle : middle + width], "big")
    hashed = dict(_subpackets(body[4 + width : middle]))
    return {**dict(_subpackets(body[middle + width : end])), **hashed}


class Term(NamedTuple):
    """What a primary key last said of itself, in seconds since 1970."""

    signed: int
    # 0 for a key that does not expire.
    ends: int


def term(data: bytes) -> Term:
    """The term of the first primary key in a key file. Its owner prolongs it by signing the key again."""
    (fingerprint, *_others), key, found = fingerprints(data), b"", Term(0, 0)
    try:
        for tag, body in _packets(dearmor(data)):
            if tag == PUBLIC_KEY:
                key = body
            parts = _signature(body) if tag == SIGNATURE and _fingerprint(key) == fingerprint else {}
            issuer = (parts.get(ISSUER_FINGERPRINT, b"")[1:] or parts.get(ISSUER, b"")).hex().upper()
            if not issuer or not (fingerprint.endswith(issuer) or fingerprint.startswith(issuer)):
                continue
            signed = int.from_bytes(parts.get(CREATED, b""), "big")
            lasts = int.from_bytes(parts.get(KEY_EXPIRES, b""), "big")
            found = max(found, Term(signed, lasts and int.from_bytes(key[1:5], "big") + lasts))
    except IndexError as error:
        raise NotAKey("a signature of the key ends too early") from error
    return found


def verify(key: bytes, files: list[bytes], verifier: Verifier) -> str:
    """What gpgv finds wrong with the signature of files; empty if nothing.

    The files are [clear-signed] or [data, detached signature].
    """
    with tempfile.TemporaryDirectory(prefix="bare-mesh-") as folder:
        paths = []
        for name, data in (
            ("key.gpg", dearmor(key)),
            *((f"file{index}", data) for index, data in enumerate(files)),
        ):
            paths.append(os.path.join(folder, name))
            with open(paths[-1], "wb") as file:
                file.write(data)
        # gpgv takes the signature first, then what was signed.
        code, _out, err = verifier(["--homedir", folder, "--keyring", paths[0], *reversed(paths[1:])])
        return " ".join(err.split()) if code else ""


def signed_text(data: bytes) -> str:
    """What a clear-signed file signs. Text beside it, which nobody has signed, is refused."""
    form = rb"-----BEGIN PGP SIGNED MESSAGE-----\n(?:Hash: [^\n]*\n)*\n(.*?)\n-----BEGIN PGP SIGNATURE-----\n"
    found = re.fullmatch(
        form + rb"(?:(?!-----).)*-----END PGP SIGNATURE-----\s*", data.replace(b"\r\n", b"\n"), re.DOTALL
    )
    if not found or re.search(rb"(?m)^-(?! )", found.group(1)):
        raise NotAKey("is not one clear-signed text with nothing beside it")
    return re.sub(rb"(?m)^- ", b"", found.group(1)).decode(errors="replace")
