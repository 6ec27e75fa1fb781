# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The join of a host: looked at, given a token, joined, and the token gone."""

from __future__ import annotations

import contextlib

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.bare.mesh.plugins.action import kubeadm_join
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable

GIVEN = {
    "api_server": "192.0.2.10:6443",
    "kubeconfig": "~/k",
    "node_ip": "192.0.2.11",
    "node_registration": {"name": "w1"},
}
TO_JOIN = {"failed": True, "msg": "token and ca_cert_hash are needed", "join": True, "node": "w1", "state": "absent"}
JOINED = {"changed": True, "join": True, "node": "w1", "state": "absent"}


class Played:
    """Notes what happens, in order."""

    def __init__(self):
        self.happened = []
        self.fails = {}

    def do(self, what, *details):
        self.happened.append((what, *details))
        if what in self.fails:
            raise self.fails[what]


@pytest.fixture
def played(monkeypatch):
    noted = Played()

    class Client:
        def __init__(self, params):
            noted.do("client", params)

        def reach(self):
            noted.do("reach")

    @contextlib.contextmanager
    def bootstrap_token(client, node, lifetime):
        noted.do("token", node, lifetime)
        try:
            yield "abcdef.0123456789abcdef"
        finally:
            noted.do("delete")

    def certificate_authority(client):
        noted.do("authority")
        return "PEM", "sha256:0"

    monkeypatch.setattr(kubeadm_join, "Client", Client)
    monkeypatch.setattr(kubeadm_join, "bootstrap_token", bootstrap_token)
    monkeypatch.setattr(kubeadm_join, "certificate_authority", certificate_authority)
    monkeypatch.setattr(kubeadm_join, "forget_node", lambda client, *details: noted.do("forget", *details))
    return noted


@pytest.fixture
def act(played, monkeypatch, make_action):
    """Run the action; the module's answers come one after another."""

    def run(*answers, check=False, **arguments):
        action = make_action(kubeadm_join, {**GIVEN, **arguments}, check)
        left = list(answers)

        def execute(name, module_args, task_vars):
            assert (name, task_vars) == ("bare.mesh.kubeadm_join", {"a": 1})
            played.do("module", module_args)
            return left.pop(0)

        monkeypatch.setattr(action, "_execute_module", execute)
        result = action.run(task_vars={"a": 1})
        assert not left
        return result

    return run


WITH_TOKEN = {**GIVEN, "token": "abcdef.0123456789abcdef", "ca_cert_hash": "sha256:0", "ca_certificate": "PEM"}
WHOLE = [
    ("module", GIVEN), ("client", {"kubeconfig": "~/k"}), ("reach",), ("authority",), ("forget", "w1", "192.0.2.11"),
    ("token", "w1", 900), ("module", WITH_TOKEN), ("delete",),
]  # fmt: skip


def test_a_host_that_is_to_join(act, played):
    assert act(TO_JOIN, JOINED) == JOINED
    assert played.happened == WHOLE


def test_its_token_goes_when_the_join_fails(act, played):
    failed = {"failed": True, "msg": "kubeadm join failed with code 1"}
    assert act(TO_JOIN, failed) == failed
    assert played.happened == WHOLE


def test_an_old_node_is_left_where_no_address_is_given(act, played):
    act(TO_JOIN, JOINED, node_ip=None, token_ttl="60")
    assert not any(what[0] == "forget" for what in played.happened) and ("token", "w1", 60) in played.happened


@pytest.mark.parametrize(
    ("answer", "options"),
    [
        ({"changed": False, "join": False, "state": "joined"}, {}),
        ({"changed": True, "join": False, "state": "deleted"}, {}),
        ({"failed": True, "msg": "control plane already"}, {}),
        ({"unreachable": True, "msg": "no route"}, {}),
        (JOINED, {"check": True}),
        ({"changed": True, "join": True}, {"token": "abcdef.0123456789abcdef", "ca_cert_hash": "sha256:0"}),
    ],
)
def test_a_host_that_needs_no_token(act, played, answer, options):
    assert act(answer, **options) == answer
    assert [what[0] for what in played.happened] == ["module"]


@pytest.mark.parametrize("step", ["client", "reach", "authority", "forget", "token"])
@pytest.mark.parametrize("error", [Failure("the reason"), Unreachable("the reason")])
def test_failures_say_what_was_to_happen(act, played, step, error):
    played.fails[step] = error
    with pytest.raises(
        AnsibleActionFail, match="the host is to join the cluster, and no token can be made for it: the reason"
    ):
        act(TO_JOIN)


@pytest.mark.parametrize("joined", [JOINED, {"failed": True, "msg": "kubeadm join failed", "warnings": ["first"]}])
def test_a_token_that_cannot_be_deleted_is_said(act, played, joined):
    played.fails["delete"] = Failure("the reason")
    done = act(TO_JOIN, dict(joined))
    warning = done.pop("warnings")[-1]
    assert "could not be deleted" in warning and "900 seconds" in warning and warning.endswith("the reason")
    assert done.items() <= joined.items()
