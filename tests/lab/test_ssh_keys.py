# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A user of node3 who has only a password gets the controller's key by the playbook distribute_ssh_keys."""

from __future__ import annotations

import json
import secrets
import shlex
import subprocess

import pytest
import truth
from conftest import ADDRESSES, LAB, node

USER = "bare-mesh-newcomer"
DROP_IN = f"/etc/ssh/sshd_config.d/{USER}.conf"
# Whatever sshd does with passwords of others.
ACCEPT = f"Match User {USER}\n    PasswordAuthentication yes\n"
BOOK = "playbooks/distribute_ssh_keys.yml"
TASKS = ["Add the key", "Make the folder of the user's keys"]


@pytest.fixture(scope="module")
def node3():
    return node("node3")


@pytest.fixture
def password(node3):
    """The password of a user who exists for this test only, and has nothing else to log in with."""
    found = secrets.token_urlsafe(16)
    try:
        node3.check_output(f"useradd --create-home --shell /bin/sh {USER}")
        node3.check_output(f"printf %s {shlex.quote(f'{USER}:{found}')} | chpasswd")
        node3.check_output(f"printf %s {shlex.quote(ACCEPT)} > {DROP_IN}")
        node3.check_output("systemctl reload ssh")
        yield found
    finally:
        node3.run(f"rm -f {DROP_IN}; systemctl reload ssh; pkill -KILL --uid {USER}")
        node3.check_output(f"userdel --force --remove {USER}")


def login(key, *options):
    """ssh with this key, or else no way at all."""
    known = ("-o", f"UserKnownHostsFile={LAB}/ssh/known_hosts", "-o", "StrictHostKeyChecking=yes")
    only = ("-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10")
    command = ["ssh", *only, *known, *options, f"{USER}@{ADDRESSES['node3']}", "id -un"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.feature("ssh-keys")
def test_a_password_is_enough_for_the_first_run(play, node3, password, tmp_path):
    key, secret = tmp_path / "id_ed25519", tmp_path / "password"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    secret.write_text(password)
    secret.chmod(0o600)
    settings = {
        "ansible_user": USER,
        "ansible_ssh_private_key_file": str(key),
        "ssh_public_key_file": f"{key}.pub",
        # Each task logs in by itself, so that no connection of another way is used.
        "ansible_ssh_args": "-o ControlMaster=no -o ControlPath=none -o IdentitiesOnly=yes",
    }
    book = (BOOK, "--limit", "node3", "-e", json.dumps(settings))
    # As --ask-pass, which needs a terminal.
    by_password = ("--connection-password-file", str(secret))
    refused = login(key)
    assert refused.returncode != 0 and "Permission denied" in refused.stderr, refused.stderr
    assert play(*book)["code"] != 0
    predicted = play(*book, *by_password, "--check", "--diff")
    assert predicted["code"] == 0, predicted["errors"]
    assert f"+{key.with_suffix('.pub').read_text().strip()}" in predicted["output"]
    assert login(key).returncode != 0
    done = play(*book, *by_password)
    assert (done["code"], done["changed"]) == (0, {"node3": TASKS}), done["errors"]
    assert truth.disagreements(predicted, done) == []
    accepted = login(key)
    assert (accepted.returncode, accepted.stdout.strip()) == (0, USER), accepted.stderr
    home = f"/home/{USER}/.ssh"
    rights = node3.check_output(f"stat -c '%a %U' {home} {home}/authorized_keys")
    assert rights.splitlines() == [f"700 {USER}", f"600 {USER}"]
    # Without a password from now on.
    again = play(*book)
    assert (again["code"], again["changed"]) == (0, {}), again["errors"]
    assert node3.check_output(f"cat {home}/authorized_keys") == key.with_suffix(".pub").read_text().strip()
