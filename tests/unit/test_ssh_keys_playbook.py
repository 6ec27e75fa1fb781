# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook distribute_ssh_keys, on this machine with a home of its own: what it writes, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# As ssh-keygen -t ed25519 of OpenSSH 9.2p1 writes it.
BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIFlON3+M+lnzeBfRUayAISU3QphG8N3O5imS9KfTLIGx"
KEY = f"ssh-ed25519 {BLOB} me@controller"
OTHER = f"ssh-ed25519 {BLOB[:-1]}y other@controller"


@pytest.fixture
def controller(tmp_path):
    """The home of whoever runs Ansible."""
    (tmp_path / "controller/.ssh").mkdir(parents=True)
    return tmp_path / "controller/.ssh"


@pytest.fixture
def home(tmp_path):
    """The home of the user on the host."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def play(tmp_path, controller, home):
    """Run the playbook. Returns the exit code, the number of changed tasks and the output."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nHOME={home} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    # Root's keys are not those that are meant, whatever the inventory says of the other playbooks.
    settings = {"ansible_connection": "local", "ansible_python_interpreter": str(python), "ansible_become": True}
    inventory = {"all": {"vars": settings, "children": {"control_plane": {"hosts": {"box": None}}, "workers": {}}}}
    (tmp_path / "hosts.json").write_text(json.dumps(inventory))

    def run(*options):
        command = ["ansible-playbook", "-i", str(tmp_path / "hosts.json"), *options]
        environment = {**os.environ, "HOME": str(controller.parent), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            [*command, "playbooks/distribute_ssh_keys.yml"], cwd=ROOT, env=environment, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        return done.returncode, int(re.search(r"changed=(\d+)", said).group(1)), said

    return run


def mode(path):
    return path.stat().st_mode & 0o777


def test_a_host_without_any_key(play, controller, home):
    (controller / "id_rsa.pub").write_text(f"{OTHER}\n")
    (controller / "id_ed25519.pub").write_text(f"{KEY}\n")
    code, changed, said = play("--check", "--diff")
    assert (code, changed) == (0, 2) and f"+{KEY}" in said, said
    assert list(home.iterdir()) == []
    assert play()[:2] == (0, 2)
    keys = home / ".ssh/authorized_keys"
    assert keys.read_text() == f"{KEY}\n"
    assert (mode(keys), mode(keys.parent), keys.owner(), keys.parent.owner()) == (0o600, 0o700, *[home.owner()] * 2)
    assert play()[:2] == play("--check")[:2] == (0, 0)
    keys.chmod(0o664)
    keys.parent.chmod(0o775)
    assert play("--check")[:2] == play()[:2] == (0, 2)
    assert (mode(keys), mode(keys.parent), keys.read_text()) == (0o600, 0o700, f"{KEY}\n")


@pytest.mark.parametrize(
    ("there", "added"),
    [
        # Another key, whose line has no end.
        (OTHER, f"\n{KEY}\n"),
        # A key that is switched off does not let anybody in.
        (f"#{KEY}\n", f"{KEY}\n"),
        (f"  # {KEY}\n", f"{KEY}\n"),
        # A longer key that begins in the same way.
        (f"ssh-ed25519 {BLOB}AAAA me\n", f"{KEY}\n"),
        # The key itself, as somebody has written it.
        (f"ssh-ed25519 {BLOB}\n", ""),
        (f"{OTHER}\nssh-ed25519  {BLOB} another comment\n", ""),
        (f'from="10.0.0.0/8",command="uptime -p" ssh-ed25519 {BLOB} me@controller\n', ""),
    ],
)
def test_what_is_there_stays(play, controller, home, there, added):
    (controller / "mine.pub").write_text(f"{KEY}\n")
    keys = home / ".ssh/authorized_keys"
    keys.parent.mkdir(mode=0o700)
    keys.write_text(there)
    keys.chmod(0o600)
    option = ("-e", "ssh_public_key_file=~/.ssh/mine.pub")
    assert play(*option)[:2] == (0, 1 if added else 0)
    assert keys.read_text() == there + added


# Put together, so that nothing takes this file for a key.
PRIVATE = f"-----BEGIN OPENSSH {'PRIVATE'} KEY-----\nc2VjcmV0\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"~/\S+/key is no file on the controller: make a pair of keys with ssh-keygen -t ed25519 -f ~/\S+/key,"),
        (PRIVATE, r"key holds a private key, which never leaves the controller: .* ssh_public_key_file=\S+/key\.pub"),
        ("", "does not hold one public key of OpenSSH in one line"),
        (f"{KEY}\n{OTHER}\n", "does not hold one public key of OpenSSH in one line"),
        (f"{KEY}\nmore\n", "does not hold one public key of OpenSSH in one line"),
        (f"ssh-dss {BLOB}\n", "does not hold one public key of OpenSSH in one line"),
        (f'command="id" {KEY}\n', "does not hold one public key of OpenSSH in one line"),
        (f"{KEY}\n{PRIVATE}", "key holds a private key, which never leaves"),
    ],
)
def test_what_is_no_public_key(play, controller, home, content, message):
    if content is not None:
        (controller / "key").write_text(content)
    code, _changed, said = play("-e", "ssh_public_key_file=~/.ssh/key", "-vvv")
    assert code != 0 and re.search(message, " ".join(said.split())), said
    assert "c2VjcmV0" not in said and list(home.iterdir()) == []


def test_a_controller_without_keys(play, home):
    code, _changed, said = play("--check")
    assert code != 0 and list(home.iterdir()) == []
    assert "is on the controller: make a pair of keys with ssh-keygen -t ed25519, or name" in " ".join(said.split()), (
        said
    )
