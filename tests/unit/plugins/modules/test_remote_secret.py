# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""remote_secret between two API servers in memory. The second one makes tokens and judges them by its clock."""

from __future__ import annotations

import base64
import json
import re

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._istio import remote_secrets
from ansible_collections.bare.mesh.plugins.module_utils._k8s import module as shared
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable
from ansible_collections.bare.mesh.plugins.module_utils._k8s.tunnel import Tunnel, describe
from ansible_collections.bare.mesh.plugins.modules import remote_secret

from tests.unit.plugins.conftest import Cluster

NOW = 1_800_000_000
DAY = 86400
SECRET = "/api/v1/namespaces/istio-system/secrets/istio-remote-secret-west"
ACCOUNT = "/api/v1/namespaces/istio-system/serviceaccounts/istio-reader-service-account"
CA = "/api/v1/namespaces/istio-system/configmaps/kube-root-ca.crt"
READER = "system:serviceaccount:istio-system:istio-reader-service-account"
WEST = "https://192.0.2.20:6443"
MEANT = {"kubeconfig": "/east", "remote_kubeconfig": "/west", "cluster_name": "west"}


class Clock:
    now = NOW

    def time(self):
        return self.now


def jwt(**claims):
    """A token in the form of those that Kubernetes 1.36 makes; the signature is none."""
    parts = [{"alg": "RS256", "kid": "key-of-the-server"}, claims, {"signature": "s" * 40}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


class Remote(Cluster):
    """The cluster that is read."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.host = clock, WEST
        self.tokens = {}
        self.asked = []
        self.longest = 2**40

    def request(self, method, path, query=None, body=None, content_type=""):
        """Kubernetes 1.36 answers a TokenRequest with status.token and status.expirationTimestamp."""
        assert (method, body["kind"]) == ("POST", "TokenRequest")
        assert path.endswith("/token") and path.removesuffix("/token") in self.objects
        self.asked.append(body)
        end = self.clock.now + min(body["spec"]["expirationSeconds"], self.longest)
        namespace, account = path.split("/")[4], path.split("/")[6]
        user = f"system:serviceaccount:{namespace}:{account}"
        token = jwt(sub=user, exp=end, jti=str(len(self.asked)))
        self.tokens[token] = (user, end)
        return {"kind": "TokenRequest", "status": {"token": token, "expirationTimestamp": remote_secrets.iso(end)}}


class Bearer:
    """A connection to the cluster that is read, with a token alone."""

    def __init__(self, remote, token):
        self.remote, self.token = remote, token

    def request(self, method, path, query=None, body=None, content_type=""):
        """Kubernetes 1.36 answers 401 to an unknown or ended token, and else with status.userInfo."""
        assert (method, path) == ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews")
        user, end = self.remote.tokens.get(self.token, ("", 0))
        if end <= self.remote.clock.now:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        return {"kind": "SelfSubjectReview", "status": {"userInfo": {"username": user}}}


def istiod(name):
    containers = [{"name": "discovery", "env": [{"name": "CLUSTER_ID", "value": name}]}]
    return {
        "metadata": {"name": "istiod", "labels": {"app": "istiod"}},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


class World:
    """Both clusters, with a mesh each."""

    def __init__(self, clock):
        self.clock = clock
        self.east, self.west = Cluster(), Remote(clock)
        deployment = "/apis/apps/v1/namespaces/istio-system/deployments/istiod"
        for cluster, name in ((self.east, "east"), (self.west, "west")):
            cluster.objects["/api/v1/namespaces/istio-system"] = {"metadata": {"name": "istio-system"}}
            cluster.objects[deployment] = istiod(name)
        self.west.objects[ACCOUNT] = {"metadata": {"name": "istio-reader-service-account"}}
        self.west.objects[CA] = {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": "PEM of the CA\n"}}
        self.asked = []

    def client(self, params):
        self.asked.append(params)
        if params["kubeconfig"] == "/broken":
            raise Failure("the kubeconfig /broken is not YAML")
        return self.east if params["kubeconfig"] == "/east" else self.west

    def content(self):
        text = self.east.objects[SECRET]["data"]["west"]
        return yaml.safe_load(base64.b64decode(text))

    def token(self):
        return self.content()["users"][0]["user"]["token"]

    def rewrite(self, change):
        """Change the kubeconfig in the Secret, as somebody else."""
        content = self.content()
        change(content)
        text = base64.b64encode(yaml.safe_dump(content).encode()).decode()
        self.east.edit(SECRET, lambda one: one["data"].update(west=text))


@pytest.fixture
def world(monkeypatch):
    made = World(Clock())
    monkeypatch.setattr(shared, "Client", made.client)
    monkeypatch.setattr(remote_secret, "time", made.clock)
    monkeypatch.setattr(remote_secrets, "as_bearer", Bearer)
    return made


@pytest.fixture
def make(world, run_module):
    def run(check=False, **options):
        return run_module(remote_secret, check=check, **{**MEANT, **options})

    return run


@pytest.fixture
def warned(monkeypatch, make):
    said = []
    monkeypatch.setattr(remote_secret.AnsibleModule, "warn", lambda self, text, **more: said.append(text))
    return said


def test_the_secret_has_istioctls_form(world, make):
    done = make()
    assert done["changed"] and done["rotated"] == "there is no such Secret"
    assert done["expires"] == "2027-02-14T08:00:00Z"
    secret = world.east.objects[SECRET]
    assert secret["metadata"]["labels"] == {"istio/multiCluster": "true", "bare.mesh/remote-secret": "west"}
    assert secret["metadata"]["annotations"] == {"networking.istio.io/cluster": "west"}
    assert world.content() == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "west",
                "cluster": {
                    "certificate-authority-data": base64.b64encode(b"PEM of the CA\n").decode(),
                    "server": WEST,
                },
            }
        ],
        "contexts": [{"name": "west", "context": {"cluster": "west", "user": "west"}}],
        "current-context": "west",
        "users": [{"name": "west", "user": {"token": world.token()}}],
    }
    # Bound to no object, for the audiences of the API server itself.
    assert world.west.asked[0]["spec"] == {"expirationSeconds": 30 * DAY}
    assert world.west.tokens[world.token()] == (READER, NOW + 30 * DAY)
    # The context and credentials of one cluster are not shown to the other.
    assert world.asked[1] == {"kubeconfig": "/west", "context": None}


def test_a_second_run_changes_nothing(world, make):
    make()
    world.clock.now += 20 * DAY - 1
    again = make()
    assert not again["changed"] and again["rotated"] == "" and again["expires"] == "2027-02-14T08:00:00Z"
    assert again["diff"] == [] and world.east.writes == 1 and len(world.west.asked) == 1


def ended_soon(world):
    world.clock.now += 20 * DAY


def ended(world):
    world.clock.now += 31 * DAY


def moved(world):
    world.west.host = "https://192.0.2.21:6443"


def another_ca(world):
    world.west.objects[CA]["data"]["ca.crt"] = "PEM of another CA\n"


def another_name(world):
    def rename(content):
        content["clusters"][0]["name"] = content["contexts"][0]["context"]["cluster"] = "north"

    world.rewrite(rename)


def account_made_anew(world):
    """The API server refuses tokens of the account's predecessor, which had another UID."""
    world.west.tokens.clear()


def of_somebody(world):
    world.west.tokens[world.token()] = ("system:serviceaccount:default:other", NOW + 30 * DAY)


def endless(world):
    """As istioctl creates it: the token of a Secret, which names no end."""
    token = jwt(sub=READER)
    world.west.tokens[token] = (READER, NOW + 10**9)
    world.rewrite(lambda content: content["users"][0]["user"].update(token=token))


def no_token(world):
    world.rewrite(lambda content: content["users"][0]["user"].update(token="abc"))


def number_as_token(world):
    world.rewrite(lambda content: content["users"][0]["user"].update(token=12345))


def no_number_as_end(world):
    token = jwt(sub=READER, exp=10**30)
    world.west.tokens[token] = (READER, NOW + 10**9)
    world.rewrite(lambda content: content["users"][0]["user"].update(token=token))


def several_lines_as_token(world):
    """No header of a request can have it."""
    world.rewrite(lambda content: content["users"][0]["user"].update(token=f"{world.token()}\nX-More: 1"))


def no_kubeconfig(world):
    world.east.edit(SECRET, lambda one: one["data"].update(west="bm90aGluZw=="))


def more_entries(world):
    world.east.edit(SECRET, lambda one: one["data"].update(north="bm90aGluZw=="))


REASONS = {
    ended_soon: "its token ends in 864000 seconds",
    ended: "its token has ended",
    moved: f"the server is https://192.0.2.21:6443, not {WEST}",
    another_ca: "the CA of the other cluster is another one",
    another_name: "it has another form than this module writes, or another cluster name",
    account_made_anew: "the other API server refuses its token",
    of_somebody: "its token is of system:serviceaccount:default:other",
    endless: "its token never ends, or cannot be read",
    no_token: "its token never ends, or cannot be read; the other API server refuses its token",
    number_as_token: "it has another form than this module writes, or another cluster name",
    no_number_as_end: "its token never ends, or cannot be read",
    several_lines_as_token: "it has another form than this module writes, or another cluster name",
    no_kubeconfig: "it has another form than this module writes, or another cluster name",
    more_entries: "it has other entries, which istiod takes for other clusters",
}


@pytest.mark.parametrize("event", REASONS, ids=lambda event: event.__name__)
def test_each_reason_for_a_new_token(world, make, event):
    make()
    event(world)
    old, writes = world.content(), world.east.writes
    predicted = make(check=True)
    # Check mode says the same, and neither requests a token nor writes.
    assert len(world.west.asked) == 1 and world.east.writes == writes and predicted["changed"]
    done = make()
    assert done["changed"] and done["rotated"] == predicted["rotated"] == REASONS[event]
    assert done["expires"] == predicted["expires"] and done["objects"] == predicted["objects"]
    assert done["diff"] == predicted["diff"] and done["diff"]
    assert set(world.east.objects[SECRET]["data"]) == {"west"} and world.content() != old
    assert world.token() in world.west.tokens and len(world.west.asked) == 2
    again = make()
    assert not again["changed"] and again["rotated"] == ""


def test_options_that_change_are_reasons_too(world, make):
    make()
    # The address that istiod uses is not the one that the controller uses.
    done = make(server="https://api.west.example.com:443/")
    assert done["rotated"] == f"the server is https://api.west.example.com:443, not {WEST}"
    account = ACCOUNT.replace("istio-reader-service-account", "mine")
    world.west.objects[account] = {"metadata": {"name": "mine"}}
    done = make(server="https://api.west.example.com:443", service_account="mine")
    assert done["rotated"] == f"its token is of {READER}"
    done = make(server="https://api.west.example.com:443", service_account="mine", renew_before=30 * DAY - 1)
    assert not done["changed"]
    world.clock.now += 1
    done = make(server="https://api.west.example.com:443", service_account="mine", renew_before=30 * DAY - 1)
    assert done["rotated"] == f"its token ends in {30 * DAY - 1} seconds"


def test_a_label_that_is_gone_is_written_again_with_the_same_token(world, make):
    make()
    world.east.edit(SECRET, lambda one: one["metadata"]["labels"].pop("istio/multiCluster"))
    old = world.token()
    done = make()
    assert done["changed"] and done["rotated"] == "" and world.token() == old and len(world.west.asked) == 1
    assert world.east.objects[SECRET]["metadata"]["labels"]["istio/multiCluster"] == "true"


def test_check_mode_on_clusters_that_do_not_exist_yet(world, make, warned):
    world.east.unreachable = [Unreachable("east does not answer")]
    world.west.unreachable = [Unreachable("west does not answer")]
    predicted = make(check=True)
    assert predicted["changed"] and predicted["rotated"] == "there is no such Secret"
    assert "east does not answer" in " ".join(warned) and "west does not answer" in " ".join(warned)
    failed = make()
    assert failed["failed"] and "east does not answer" in failed["msg"] and "west does not answer" in failed["msg"]


def test_check_mode_before_the_meshes_are_installed(world, make, warned):
    del world.east.objects["/api/v1/namespaces/istio-system"], world.west.objects[ACCOUNT]
    predicted = make(check=True)
    assert predicted["changed"] and predicted["rotated"] == "there is no such Secret"
    assert "has no ServiceAccount istio-system/istio-reader-service-account" in " ".join(warned)
    assert not world.west.asked and SECRET not in world.east.objects
    failed = make()
    assert "the cluster that gets the secret has no namespace istio-system: install the mesh" in failed["msg"]
    assert "with the profile remote if it shall have no istiod" in failed["msg"]
    assert failed["msg"].endswith("Nothing was written.") and not world.west.asked


def test_the_other_end_is_away_in_check_mode(world, make, warned):
    """What the Secret itself says is judged all the same."""
    make()
    world.west.unreachable = [Unreachable("west does not answer")]
    assert not make(check=True)["changed"]
    world.clock.now += 25 * DAY
    assert make(check=True)["rotated"] == f"its token ends in {5 * DAY} seconds"
    assert make()["failed"]


def test_all_faults_at_once(world, make):
    failed = make(
        cluster_name="Kubernetes",
        kubeconfig="/broken",
        server="https://127.0.0.1:6443",
        token_seconds=60,
        renew_before=0,
    )
    for part in (
        "cluster_name is 'Kubernetes'",
        "values.global.multiCluster.clusterName",
        "server is https://127.0.0.1:6443, which leads istiod back to its own pod",
        "token_seconds is 60: give a number from 600",
        "the cluster that gets the secret: the kubeconfig /broken is not YAML",
    ):
        assert part in failed["msg"]
    assert not world.west.asked


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cluster_name": "a/b"}, "cluster_name is 'a/b'"),
        ({"cluster_name": "x" * 64}, "at most 63 characters"),
        ({"remote_kubeconfig": None}, "remote_kubeconfig is missing"),
        ({"token_seconds": 2**32 + 1}, "token_seconds is 4294967297"),
        ({"token_seconds": 600, "renew_before": 600}, "renew_before is 600"),
        ({"renew_before": -1}, "renew_before is -1"),
        ({"server": "192.0.2.20:6443"}, "no address with https:// alone"),
        ({"server": "http://192.0.2.20"}, "no address with https:// alone"),
        ({"server": "https://192.0.2.20:port"}, "no address with https:// alone"),
        ({"server": "https://user:hidden@192.0.2.20"}, "server is 'https://...@192.0.2.20', which is no address"),
        ({"server": "https://192.0.2.20?x=1"}, "no address with https:// alone"),
        ({"istio_namespace": ""}, "istio_namespace is '', which is no name of a namespace"),
        ({"remote_istio_namespace": "a/b"}, "remote_istio_namespace is 'a/b'"),
        ({"service_account": "A b"}, "service_account is 'A b', which is no name of a ServiceAccount"),
        ({"server": "https://a b"}, "no address with https:// alone"),
        ({"server": "https://localhost:6443"}, "leads istiod back to its own pod"),
        ({"server": "https://[::1]:6443"}, "leads istiod back to its own pod"),
        ({"server": "https://0.0.0.0:6443"}, "leads istiod back to its own pod"),
        ({"cluster_name": "east"}, "cluster_name is east, but that is the name of the cluster that gets the secret"),
    ],
)
def test_options_that_cannot_be(world, make, options, words):
    for check in (True, False):
        failed = make(check=check, **options)
        assert failed["failed"] and words in failed["msg"]
    assert not world.west.asked and not world.east.writes


def test_a_kubeconfig_for_the_controller_alone(world, make):
    world.west.host = "https://127.0.0.1:40001"
    failed = make()
    assert "the server of /west is https://127.0.0.1:40001" in failed["msg"] and "set server to" in failed["msg"]
    assert make(server=WEST)["changed"]


def test_behind_a_tunnel_the_server_is_what_the_tunnel_leads_to(world, make, tmp_path):
    tunnel = Tunnel(["ssh"], "bastion", "/run/socket", "127.0.0.1:16443", "192.0.2.30:6443")
    path = tmp_path / "west"
    lines = "\n".join(f"    {line}" for line in describe(tunnel).splitlines())
    path.write_text(f"clusters:\n- cluster:\n    server: https://127.0.0.1:16443\n{lines}\n")
    world.west.host = "https://127.0.0.1:16443"
    assert make(remote_kubeconfig=str(path))["changed"]
    assert world.content()["clusters"][0]["cluster"]["server"] == "https://192.0.2.30:6443"


def test_an_istiod_that_calls_its_cluster_otherwise(world, make, warned):
    assert make(cluster_name="occident")["changed"]
    assert any("calls it west, not occident" in one for one in warned)
    # A cluster without an istiod of its own says nothing.
    warned.clear()
    del world.west.objects["/apis/apps/v1/namespaces/istio-system/deployments/istiod"]
    assert make()["changed"] and not warned


def test_a_server_that_gives_less_than_is_asked_for(world, make):
    """Some providers give a day at most. By the default, each run would replace such a token."""
    world.west.longest = DAY
    failed = make()
    assert f"a token for {DAY} seconds only" in failed["msg"] and SECRET not in world.east.objects
    done = make(renew_before=3600)
    assert done["changed"] and done["expires"] == remote_secrets.iso(NOW + DAY)
    assert not make(renew_before=3600)["changed"]


def test_a_ca_that_is_not_published(world, make):
    del world.west.objects[CA]
    failed = make()
    assert "no CA in the ConfigMap istio-system/kube-root-ca.crt" in failed["msg"] and not world.west.asked


def test_absent(world, make):
    assert not make(state="absent")["changed"]
    make()
    options = {"state": "absent", "remote_kubeconfig": None}
    predicted = make(check=True, **options)
    assert predicted["changed"] and SECRET in world.east.objects
    done = make(**options)
    # The token of the removed Secret works until then.
    assert done["changed"] and done["expires"] == predicted["expires"] == "2027-02-14T08:00:00Z"
    assert SECRET not in world.east.objects and not make(**options)["changed"]


@pytest.mark.parametrize("event", [number_as_token, no_number_as_end, several_lines_as_token])
def test_absent_whatever_the_secret_has(world, make, event):
    make()
    event(world)
    done = make(state="absent")
    assert done["changed"] and done["expires"] == "" and SECRET not in world.east.objects


def secret_words(world):
    """The tokens so far, and the texts in which they are."""
    found = set(world.west.tokens)
    return found | {token.split(".", 2)[2] for token in found}


def test_no_output_has_a_token(world, run_for_real):
    """All that is printed with -vvv and --diff: a new Secret, no change, a rotation, check mode, and the removal."""
    said = [run_for_real(remote_secret, **MEANT)]
    encoded = set(world.east.objects[SECRET]["data"].values())
    said.append(run_for_real(remote_secret, **MEANT))
    world.clock.now += 25 * DAY
    said.append(run_for_real(remote_secret, check=True, **MEANT))
    said.append(run_for_real(remote_secret, **MEANT))
    encoded |= set(world.east.objects[SECRET]["data"].values())
    said.append(run_for_real(remote_secret, **{**MEANT, "state": "absent"}))
    assert [json.loads(one)["changed"] for one in said] == [True, False, True, True, True]
    assert len(world.west.tokens) == 2
    for word in secret_words(world) | encoded:
        assert not [one for one in said if word in one]
    assert "token: (hidden, before)" in said[3] and "token: (hidden, after)" in said[3]


def test_no_error_has_a_token(world, run_for_real, monkeypatch):
    """A webhook's answer quotes what it was sent, and so may the other API server's."""
    run_for_real(remote_secret, **MEANT)
    old = world.token()

    def refuse(path, body, *rest, **more):
        raise ApiError(403, f"denied: {body['data']['west']} holds {next(reversed(world.west.tokens))}", "Forbidden")

    monkeypatch.setattr(world.east, "apply", refuse)
    world.clock.now += 25 * DAY
    said = run_for_real(remote_secret, **MEANT)
    assert json.loads(said)["failed"] and "denied: " in said and len(world.west.tokens) == 2
    assert not [word for word in secret_words(world) if word in said]
    assert not re.search("[A-Za-z0-9+/]{80}", said)

    def quote(self, *_arguments, **_more):
        raise ApiError(500, f"cannot judge {self.token}")

    monkeypatch.setattr(Bearer, "request", quote)
    said = run_for_real(remote_secret, **MEANT)
    assert "cannot judge" in said and old not in said
