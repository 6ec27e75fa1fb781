# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fingerprints read without gpg."""

from __future__ import annotations

import base64
import hashlib
import time
from pathlib import Path

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._host import fetch, openpgp
from ansible_collections.bare.mesh.plugins.modules import host_repositories

KEY = (Path(__file__).parents[1] / "files/key.asc").read_bytes()
FINGERPRINT = "E275AE3D22FF829D722070563C6A191E34774BAF"


def test_fingerprint_of_an_armoured_and_of_a_binary_key():
    assert openpgp.fingerprints(KEY) == [FINGERPRINT]
    assert openpgp.fingerprints(openpgp.dearmor(KEY)) == [FINGERPRINT]


FILES = Path(__file__).parents[1] / "files"
# By gpg 2.2.40: --quick-gen-key … 2027-01-01, then --quick-set-expire … 2030-01-01.
OLD, NEW = ((FILES / name).read_bytes() for name in ("renewable.asc", "renewed.asc"))


def test_the_term_of_a_key():
    """As gpg --list-packets has them: signed at 1795672417 and 1795672418, expiring with the day that was given."""
    assert openpgp.fingerprints(OLD) == openpgp.fingerprints(NEW)
    old, new = openpgp.term(OLD), openpgp.term(NEW)
    assert new.signed == 1795672418 and new.signed - old.signed in (1, 2)
    days = [time.strftime("%Y-%m-%d", time.gmtime(one.ends)) for one in (old, new)]
    assert days == ["2027-01-01", "2030-01-01"]
    assert openpgp.term(KEY).ends == 0 and openpgp.term(KEY).signed > 0
    # Of both, the later word counts.
    assert openpgp.term(NEW + OLD) == openpgp.term(OLD + NEW) == new


def key_with(*signatures):
    """A key that is followed by signatures, each (type, issuer, time, seconds)."""
    packets = b"\xc6\x0a" + BODY
    for kind, issuer, signed, seconds in signatures:
        hashed = b"\x05\x02" + signed.to_bytes(4, "big") + b"\x05\x89" + seconds.to_bytes(4, "big")
        other = b"\xff\x00\x00\x00\x09\x10" + bytes.fromhex(issuer)
        body = b"\x04" + bytes([kind]) + b"\x01\x08" + len(hashed).to_bytes(2, "big") + hashed
        body += len(other).to_bytes(2, "big") + other + b"\x00\x00"
        packets += b"\xc2" + bytes([len(body)]) + body
    return packets


def test_only_the_key_s_own_word_counts():
    own, other, created = FOURTH[-16:], "AB" * 8, int.from_bytes(BODY[1:5], "big")
    assert openpgp.term(key_with((0x13, own, 100, 7), (0x13, other, 200, 9))) == (100, created + 7)
    assert openpgp.term(key_with((0x1F, own, 100, 7), (0x18, own, 200, 9))) == (100, created + 7)
    assert openpgp.term(key_with((0x10, own, 100, 7), (0x12, own, 200, 0))) == (200, 0)
    assert openpgp.term(key_with((0x13, other, 200, 9))) == openpgp.term(key_with()) == (0, 0)
    with pytest.raises(openpgp.NotAKey, match="a signature of the key ends too early"):
        openpgp.term(key_with() + b"\xc2\x07\x04\x13\x01\x08\x00\x03\x05")


def test_every_key_of_a_file_is_found():
    assert openpgp.fingerprints(KEY + KEY) == [FINGERPRINT, FINGERPRINT]


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", KEY[:200], openpgp.dearmor(KEY)[:1], b"\xb4\x01x"])
def test_what_is_no_key_is_refused(data):
    with pytest.raises(openpgp.NotAKey):
        openpgp.fingerprints(data)


BODY = b"\x04" + b"k" * 9
FOURTH = hashlib.sha1(b"\x99\x00\x0a" + BODY, usedforsecurity=False).hexdigest().upper()
SIXTH_BODY = b"\x06" + b"k" * 9
SIXTH = hashlib.sha256(b"\x9b\x00\x00\x00\x0a" + SIXTH_BODY).hexdigest().upper()


def sized(size):
    """A body of this size, and its fingerprint."""
    body = b"\x04" + b"k" * (size - 1)
    return body, hashlib.sha1(b"\x99" + size.to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (10, b"\xc6\x0a"),
        (191, b"\xc6\xbf"),
        (192, b"\xc6\xc0\x00"),
        (447, b"\xc6\xc0\xff"),
        (448, b"\xc6\xc1\x00"),
        (8383, b"\xc6\xdf\xff"),
        (10, b"\xc6\xff\x00\x00\x00\x0a"),
        (66, b"\xc6\xff\x00\x00\x00\x42"),
        (10, b"\x98\x0a"),
        (10, b"\x99\x00\x0a"),
        (258, b"\x99\x01\x02"),
        (10, b"\x9a\x00\x00\x00\x0a"),
    ],
)
def test_each_form_of_a_packet_s_length(size, head):
    body, fingerprint = sized(size)
    other = b"\xcd\x03uid"
    assert openpgp.fingerprints(other + head + body + other) == [fingerprint]
    with pytest.raises(openpgp.NotAKey, match=r"the key ends too early"):
        openpgp.fingerprints(head + body[:-1])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xc6\xe0" + BODY, "a key packet of unknown length"),
        (b"\xc6\xfe" + BODY, "a key packet of unknown length"),
        (b"\x9b" + BODY, "a key packet of unknown length"),
        (b"\x06\x0a" + BODY, "not an OpenPGP key"),
        (b"\xce\x0a" + BODY, "no OpenPGP public key in it"),
        (b"\xc6\x0a\x03" + BODY[1:], "no OpenPGP public key in it"),
        (b"\xc6\x0a\x05" + BODY[1:], "no OpenPGP public key in it"),
        (b"\xc6\x00", "the key ends too early"),
        (b"\xc6", "the key ends too early"),
        (b"\xc6\xc0", "the key ends too early"),
        (b"", "no OpenPGP public key in it"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP", "damaged armour"),
    ],
)
def test_what_is_wrong_is_told(data, message):
    with pytest.raises(openpgp.NotAKey, match=message):
        openpgp.fingerprints(data)


def test_versions_of_keys():
    assert openpgp.fingerprints(b"\xc6\x0a" + SIXTH_BODY + b"\xc6\x0a" + BODY) == [SIXTH, FOURTH]


def armoured(data, headers=b"Comment: x\n", end=b"\n"):
    lines = (
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
        + headers
        + b"\n"
        + base64.b64encode(data)
        + b"\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
    )
    return lines.replace(b"\n", end)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("headers", [b"", b"Comment: x\nVersion: 1\n"])
def test_armour(end, headers):
    data = b"\xc6\x0a" + BODY
    assert openpgp.dearmor(armoured(data, headers, end)) == data
    assert openpgp.dearmor(b"text\n" + armoured(data, headers, end) + armoured(data)) == data + data
    assert openpgp.dearmor(data) == data


@pytest.mark.parametrize("mixed", [KEY + b"\xc6\x0a" + BODY, b"\xc6\x0a" + BODY + KEY, KEY + b"\xc6\x0a" + BODY + KEY])
def test_a_binary_key_beside_an_armoured_one_is_refused(mixed):
    """Its fingerprint would be compared with nothing, and a package manager might trust it."""
    with pytest.raises(openpgp.NotAKey, match="binary data"):
        openpgp.fingerprints(mixed)


class Module:
    """As much of a module as the check of a key asks for."""

    def __init__(self, **fingerprints):
        self.params = {"fingerprints": fingerprints}


class Source:
    def __init__(self, answer):
        self.answer = answer

    def get(self, url):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


REPOSITORY = {"key": "docker", "key_url": "https://example.com/key"}
OTHER = b"\xc6\x0a" + BODY
SILENT = fetch.FetchError("no answer")


def verified(answer, path, fingerprint=FINGERPRINT):
    return host_repositories.verified_key(Module(docker=fingerprint), Source(answer), REPOSITORY, str(path))


def test_only_the_expected_key_is_taken(tmp_path):
    spaced = " ".join([FINGERPRINT[:20], FINGERPRINT[20:].lower()])
    assert verified(KEY, tmp_path / "key", spaced) == KEY
    for data in (OTHER, armoured(OTHER), KEY + armoured(OTHER), armoured(OTHER) + KEY, KEY + KEY):
        with pytest.raises(Failure, match=r"has the fingerprint .*, but fingerprints.docker is E275"):
            verified(data, tmp_path / "key")
    with pytest.raises(Failure, match=r"has no entry docker"):
        verified(KEY, tmp_path / "key", "")


@pytest.mark.parametrize("answer", [SILENT, b"<html>"])
def test_the_key_on_the_host_serves_only_where_it_is_the_expected_one(tmp_path, answer):
    path = tmp_path / "key"
    with pytest.raises(Failure, match=r"the signing key https://example.com/key: .*check source,"):
        verified(answer, path)
    path.write_bytes(OTHER)
    with pytest.raises(Failure, match=r"check source,"):
        verified(answer, path)
    path.write_bytes(KEY)
    assert verified(answer, path) == KEY


def test_the_signed_text_of_a_file():
    data = (FILES / "clearsigned.txt").read_bytes()
    text = openpgp.signed_text(data)
    assert text in data.decode() and "PGP" not in text
    assert openpgp.signed_text(data.replace(b"\n", b"\r\n")) == text
    escaped = data.replace(b"\n\n", b"\n\n- -dashed\n", 1)
    assert openpgp.signed_text(escaped) == f"-dashed\n{text}"


def test_text_beside_the_signed_one_is_refused():
    data = (FILES / "clearsigned.txt").read_bytes()
    for bad in (
        b"SHA256:\n" + data,
        data + b"SHA256:\n",
        data + data,
        b"plain",
        data.replace(b"\n\n", b"\n\n-----x\n", 1),
    ):
        with pytest.raises(openpgp.NotAKey, match="is not one clear-signed text"):
            openpgp.signed_text(bad)
