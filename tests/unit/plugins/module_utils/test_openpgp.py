# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fingerprints read without gpg."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.bare.mesh.plugins.module_utils import _openpgp

KEY = (Path(__file__).parent / "files/key.asc").read_bytes()
FINGERPRINT = "E275AE3D22FF829D722070563C6A191E34774BAF"


def test_fingerprint_of_an_armoured_and_of_a_binary_key():
    assert _openpgp.fingerprints(KEY) == [FINGERPRINT]
    assert _openpgp.fingerprints(_openpgp.dearmor(KEY)) == [FINGERPRINT]


def test_every_key_of_a_file_is_found():
    assert _openpgp.fingerprints(KEY + KEY) == [FINGERPRINT, FINGERPRINT]


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", KEY[:200], _openpgp.dearmor(KEY)[:1], b"\xb4\x01x"])
def test_what_is_no_key_is_refused(data):
    with pytest.raises(_openpgp.NotAKey):
        _openpgp.fingerprints(data)
