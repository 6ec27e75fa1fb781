# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import stat

import yaml
from ansible_collections.bare.mesh.plugins.action import kubeconfig

ADMIN = yaml.safe_dump({"clusters": [{"cluster": {"server": "https://192.0.2.10:6443"}, "name": "kubernetes"}], "users": []})


def test_the_copy_names_the_server_as_the_controller_reaches_it():
    copy = yaml.safe_load(kubeconfig.with_server(ADMIN, "https://198.51.100.1:6443"))
    assert copy["clusters"][0]["cluster"]["server"] == "https://198.51.100.1:6443"
    assert copy["clusters"][0]["name"] == "kubernetes"


def test_the_copy_is_the_owners_alone(tmp_path):
    path = tmp_path / "new" / "kubeconfig"
    kubeconfig.write(path, "text")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]
    assert kubeconfig.same(path, "text")


def test_another_text_or_mode_is_a_difference(tmp_path):
    path = tmp_path / "kubeconfig"
    assert not kubeconfig.same(path, "text")
    kubeconfig.write(path, "text")
    assert not kubeconfig.same(path, "other")
    path.chmod(0o644)
    assert not kubeconfig.same(path, "text")
