# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's part of kubeconfig; the controller's is in ../action/test_kubeconfig.py."""

from __future__ import annotations

import base64
import os
import types
from pathlib import Path

import pytest
from ansible_collections.bare.mesh.plugins.modules import kubeconfig

WANTED = {"dest": "/on/the/controller", "server": "https://192.0.2.10:6443"}
ADMIN = "/etc/kubernetes/admin.conf"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home of the user admin."""
    account = types.SimpleNamespace(pw_dir=str(tmp_path), pw_uid=os.getuid(), pw_gid=os.getgid())
    monkeypatch.setattr(kubeconfig.pwd, "getpwnam", {"admin": account}.__getitem__)
    return tmp_path


@pytest.mark.parametrize("check", [True, False])
def test_it_gives_the_action_what_it_asks_for(machine, call, check):
    machine.put(ADMIN, "admin.conf")
    before = machine.everything()
    done = call(kubeconfig, check=check, **WANTED)
    assert (done["changed"], base64.b64decode(done["content"])) == (False, b"admin.conf")
    assert machine.everything() == before


def test_a_kubeconfig_that_the_run_will_make(machine, call):
    done = call(kubeconfig, check=True, **WANTED)
    assert done["changed"] is True and "content" not in done
    assert call(kubeconfig, **WANTED)["msg"] == f"cannot read {ADMIN} of the host: No such file or directory"


def test_the_users_copy(machine, call, home):
    machine.put(ADMIN, "admin.conf")
    path = home / ".kube/config"
    assert call(kubeconfig, check=True, user="admin", **WANTED)["changed"] and not path.parent.exists()
    done = call(kubeconfig, user="admin", **WANTED)
    assert done["changed"] and "backup" not in done and path.read_text() == "admin.conf"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    for check in (True, False):
        assert not call(kubeconfig, check=check, user="admin", **WANTED)["changed"]
    path.write_text("another cluster's")
    backup = call(kubeconfig, user="admin", **WANTED)["backup"]
    assert Path(backup).read_text() == "another cluster's" and path.read_text() == "admin.conf"
    path.chmod(0o644)
    assert call(kubeconfig, check=True, user="admin", **WANTED)["changed"]


@pytest.mark.parametrize("check", [True, False])
def test_a_user_that_is_not_there(machine, call, home, check):
    machine.put(ADMIN, "admin.conf")
    message = call(kubeconfig, check=check, user="nobody", **WANTED)["msg"]
    assert message.startswith("kubeadm_user: this host has no user nobody; create it, or set kubeadm_user")
