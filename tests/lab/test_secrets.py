# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The output of a scenario's four runs at -vvv contains no key and no token, plain or in base64."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

import pytest
from conftest import ADDRESSES, node

NAMES = "'(' -name '*.key' -o -name '*.conf' -o -name '*.pem' ')'"
FILES = f"find /etc/kubernetes /var/lib/kubelet/pki -type f {NAMES} -exec cat {{}} +"
PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n(.*?)-----END", re.DOTALL)
TOKEN = re.compile(r"(?<![\w.-])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w.-])")


def in_base64(secret: str) -> list[str]:
    """The three base64 forms of a text inside of a file. The form depends on its offset modulo 3."""
    encoded = [base64.b64encode(b"\0" * shift + secret.encode()).decode() for shift in range(3)]
    return [text[4 if shift else 0 : -4] for shift, text in enumerate(encoded)]


def test_forms_in_base64():
    for before in ("", "a", "ab", "abc"):
        whole = base64.b64encode(f"{before}some secret text, and more".encode()).decode()
        assert any(form in whole for form in in_base64("some secret text"))


@pytest.fixture(scope="module")
def printed():
    text = Path(os.environ["BARE_MESH_OUTPUT"]).read_text(encoding="utf-8", errors="replace")
    assert "ESTABLISH SSH CONNECTION" in text, "the runs were not at -vvv"
    return text


@pytest.fixture(scope="module")
def secrets():
    """One line of each private key on the nodes, and each key in a kubeconfig."""
    found = set()
    for name in ADDRESSES:
        text = node(name).check_output(FILES)
        keys = re.findall(r"client-key-data: (\S+)", text)
        found |= {key[200:264] for key in keys}
        for pem in [text, *(base64.b64decode(key).decode() for key in keys)]:
            # Not the first line, which is almost the same in all keys of one type.
            found |= {body.splitlines()[1] for body in PRIVATE.findall(pem)}
    assert len(found) > 15, found
    return found


def test_no_key_is_printed(printed, secrets):
    for secret in secrets:
        for form in (secret, *in_base64(secret)):
            assert form not in printed


def test_no_token_is_printed(printed):
    assert not TOKEN.findall(printed)


def test_password_of_a_proxy_is_not_printed(play, tmp_path):
    """Run the host roles in check mode with a proxy that does not exist."""
    password = "s3cret-pass-w0rd"
    # In a file, because Ansible prints its own arguments.
    settings = tmp_path / "settings.yml"
    settings.write_text(f"bare_mesh_http_proxy: http://me:{password}@10.87.0.10:3128\n")
    for playbook, code in (("preflight", 2), ("prepare_hosts", 0)):
        run = play(f"playbooks/{playbook}.yml", "-e", f"@{settings}", "--check", "--diff", "-vvv")
        assert run["code"] == code, run["errors"]
        for form in (password, *in_base64(password)):
            assert form not in run["output"]
