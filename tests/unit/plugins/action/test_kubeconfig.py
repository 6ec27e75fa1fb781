# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import base64
import stat

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.bare.mesh.plugins.action import kubeconfig
from ansible_collections.bare.mesh.plugins.module_utils._k8s.tunnel import Tunnel, tunnel_in
from ansible_collections.bare.mesh.plugins.module_utils._preflight.kubeconfig import MARK

ADMIN = yaml.safe_dump(
    {"clusters": [{"cluster": {"server": "https://192.0.2.10:6443"}, "name": "kubernetes"}], "users": []}
)


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


@pytest.fixture
def act(tmp_path, monkeypatch, make_action):
    """Run the action.

    slurped is what the host's file is, or None where there is none; host is the rest of the host's answer.
    """

    def run(slurped=ADMIN, check=False, host=None, **arguments):
        missing = {"changed": True} if check else {"failed": True, "msg": "file not found"}
        found = {"changed": False, **(host or {})}
        answer = missing if slurped is None else {**found, "content": base64.b64encode(slurped.encode())}
        given = {"dest": str(tmp_path / "made" / "kubeconfig"), "server": "https://198.51.100.1:6443", **arguments}
        given = {name: value for name, value in given.items() if value}
        action = make_action(kubeconfig, given, check)
        play = action._connection._play_context
        asked = []

        def execute(name, module_args, task_vars):
            asked.append((name, module_args, task_vars, play.no_log))
            return answer

        monkeypatch.setattr(action, "_execute_module", execute)
        try:
            return action.run(task_vars={"a": 1}), asked
        finally:
            assert play.no_log is False

    return run


def test_check_mode_writes_nothing(act, tmp_path):
    result, asked = act(check=True)
    assert result["changed"] is True and not list(tmp_path.iterdir())
    given = {"dest": str(tmp_path / "made/kubeconfig"), "server": "https://198.51.100.1:6443"}
    assert asked == [("bare.mesh.kubeconfig", given, {"a": 1}, True)]


def test_the_copy_is_written_once(act, tmp_path):
    path = tmp_path / "made/kubeconfig"
    result, _asked = act()
    assert result["changed"] is True and result["dest"] == str(path)
    assert path.read_text() == MARK + kubeconfig.with_server(ADMIN, "https://198.51.100.1:6443")
    assert "content" not in result
    before = path.stat().st_ino
    for check in (True, False):
        assert act(check=check)[0]["changed"] is False and path.stat().st_ino == before
    assert act(check=True, server="https://other:6443")[0]["changed"] is True and path.stat().st_ino == before


def config(*servers, authority="QQ=="):
    """A kubeconfig of the user's own."""
    entries = [
        {"name": server, "cluster": {"server": server, "certificate-authority-data": authority}} for server in servers
    ]
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "clusters": entries})


SERVER = "https://198.51.100.1:6443"
THEIRS = [config("https://10.9.9.9:6443"), config(SERVER, "https://10.9.9.9:6443"), "not a kubeconfig", "a: ["]


@pytest.mark.parametrize("theirs", THEIRS)
@pytest.mark.parametrize("slurped", [ADMIN, None])
@pytest.mark.parametrize("check", [True, False])
def test_a_kubeconfig_of_the_user_s_is_never_lost(act, tmp_path, theirs, slurped, check):
    path = tmp_path / "made/kubeconfig"
    kubeconfig.write(path, theirs)
    if slurped or check:
        with pytest.raises(AnsibleActionFail, match=r"is not a copy that bare.mesh made.*Set bare_mesh_kubeconfig"):
            act(slurped, check=check)
    result, asked = act(check=check, state="absent")
    assert result["changed"] is False and "is not a copy" in result["warnings"][0] and not asked
    assert path.read_text() == theirs


OURS = [config(SERVER), config("https://old:6443", authority="Q0E="), MARK + config("https://old"), "\n"]


@pytest.mark.parametrize("ours", OURS)
def test_our_copy_is_known(act, tmp_path, ours):
    """By its mark, or, as earlier releases made it, by its one cluster: this server, or this authority."""
    admin = yaml.safe_dump(
        {"clusters": [{"cluster": {"server": "https://a", "certificate-authority-data": "Q0E="}, "name": "kubernetes"}]}
    )
    path = tmp_path / "made/kubeconfig"
    kubeconfig.write(path, ours)
    assert act(admin)[0]["changed"] is True and path.read_text().startswith(MARK)
    for check, there in ((True, True), (False, False)):
        result, asked = act(check=check, state="absent")
        assert result["changed"] is True and path.exists() is there and not asked
    assert act(state="absent")[0]["changed"] is False


def test_without_a_kubeconfig_on_the_host(act, tmp_path):
    result, _asked = act(None, check=True, src="/elsewhere")
    assert result["changed"] is True and not list(tmp_path.iterdir())
    with pytest.raises(AnsibleActionFail, match=r"^file not found"):
        act(None, src="/elsewhere")


def test_the_user_s_copy_counts(act):
    act()
    result, asked = act(host={"changed": True, "backup": "/home/admin/.kube/config.1~"}, user="admin")
    assert (result["changed"], result["backup"]) == (True, "/home/admin/.kube/config.1~") and "content" not in result
    assert asked[0][1]["user"] == "admin"
    assert act(user="admin")[0]["changed"] is False


@pytest.mark.parametrize("missing", ["dest", "server"])
def test_what_must_be_given(act, missing):
    with pytest.raises(AnsibleActionFail, match=missing):
        act(**{missing: ""})


def test_it_supports_check_mode_and_no_async():
    assert kubeconfig.ActionModule._supports_check_mode is True
    assert kubeconfig.ActionModule._supports_async is False


def test_a_folder_is_no_copy(tmp_path):
    assert not kubeconfig.same(tmp_path, "text")
    kubeconfig.write(tmp_path / "kubeconfig", "text")


@pytest.fixture
def tunnelled(act, monkeypatch):
    """Run the action with a tunnel. Returns its result and what was done with tunnels."""
    done = []
    monkeypatch.setattr(kubeconfig, "open_tunnel", lambda tunnel: done.append(("open", tunnel.listen, tunnel.target)))
    monkeypatch.setattr(kubeconfig, "close_tunnel", lambda tunnel: done.append(("close", tunnel.listen)))

    def plan(_connection, path, server, target):
        here, there = (url.partition("//")[2] for url in (server, target))
        return Tunnel(["ssh"], "198.51.100.1", f"/cp/{path.name}", here, there)

    monkeypatch.setattr(kubeconfig, "plan", plan)

    def run(check=False, **arguments):
        done.clear()
        return act(check=check, **arguments)[0], list(done)

    return run


HERE = {"server": "https://127.0.0.1:16443", "ssh_tunnel": True}
OPENED = ("open", "127.0.0.1:16443", "192.0.2.10:6443")


def test_the_copy_describes_the_tunnel(tunnelled, tmp_path):
    path = tmp_path / "made/kubeconfig"
    assert tunnelled(check=True, **HERE) == ({"changed": True, "dest": str(path)}, [])
    result, done = tunnelled(**HERE)
    assert result["changed"] is True and done == [OPENED]
    tunnel = tunnel_in(path.read_text())
    assert (tunnel.listen, tunnel.target) == ("127.0.0.1:16443", "192.0.2.10:6443")
    # It may have closed itself since.
    result, done = tunnelled(**HERE)
    assert result["changed"] is False and done == [OPENED]
    result, done = tunnelled(check=True, **HERE)
    assert result["changed"] is False and not done


def test_a_tunnel_that_is_no_longer_described_is_closed(tunnelled, tmp_path):
    tunnelled(**HERE)
    other = ("open", "127.0.0.1:17443", "192.0.2.10:6443")
    _result, done = tunnelled(server="https://127.0.0.1:17443", ssh_tunnel=True)
    assert done == [("close", "127.0.0.1:16443"), other]
    result, done = tunnelled()
    assert result["changed"] is True and done == [("close", "127.0.0.1:17443")]
    assert tunnel_in((tmp_path / "made/kubeconfig").read_text()) is None
    tunnelled(**HERE)
    assert tunnelled(check=True, state="absent")[1] == []
    assert tunnelled(state="absent")[1] == [("close", "127.0.0.1:16443")]


def test_a_damaged_description_is_replaced(tunnelled, tmp_path):
    path = tmp_path / "made/kubeconfig"
    kubeconfig.write(path, MARK + "clusters: [{cluster: {extensions: [{name: ssh-tunnel.bare.mesh}]}}]")
    assert tunnelled(**HERE)[1] == [OPENED] and tunnel_in(path.read_text())


def test_no_tunnel_leads_there(act):
    with pytest.raises(AnsibleActionFail, match="option server"):
        # The connection is asked only for a URL that fits.
        act(ssh_tunnel=True)
