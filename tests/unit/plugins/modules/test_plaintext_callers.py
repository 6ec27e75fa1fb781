# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""plaintext_callers, with pods whose sidecars have logs.

The lines are written after Istio's documented default text format (1.9 and newer), not recorded. test_access_log.py has
the formats.
"""

from __future__ import annotations

import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Unreachable
from ansible_collections.bare.mesh.plugins.modules import plaintext_callers

REVIEWS, REVIEWS_POD = "10.244.1.4", "bookinfo/reviews-v1-5c8-a"
SNI = "outbound_.9080_._.reviews.bookinfo.svc.cluster.local"
LOG = "/api/v1/namespaces/{}/pods/{}/log"
NOT_IN_THE_FORMAT = '[2026-01-31T12:00:00.123Z] "GET / HTTP/1.1" 200\n'


def line(remote, server_name="-", time="12:00:00", local=f"{REVIEWS}:9080"):
    """A request to reviews."""
    return (
        f'[2026-01-31T{time}.123Z] "GET /reviews/0 HTTP/1.1" 200 - via_upstream - "-" 0 358 9 8 "-" "curl/8.5.0" "1d"'
        f' "reviews:9080" "{REVIEWS}:9080" inbound|9080|| 127.0.0.6:4711 {local} {remote} {server_name} default\n'
    )


class World:
    """The pods of a cluster and the logs of their sidecars."""

    def __init__(self, cluster):
        self.cluster = cluster

    def pod(self, where, ip, sidecar="sidecar", native=False, deployment="", started="10:00:00", **more):
        namespace, name = where.split("/")
        proxy = [{"name": "istio-proxy", "args": ["proxy", sidecar, "--domain"]}] if sidecar else []
        app = deployment.partition("-")[0] or name
        labels = {"app": app, **({"pod-template-hash": "5c8"} if deployment else {})}
        owner = {"kind": "ReplicaSet", "name": f"{deployment}-5c8", "controller": True}
        spec = {"containers": [{"name": "app"}, *([] if native else proxy)], **more}
        self.cluster.objects[f"/api/v1/namespaces/{namespace}/pods/{name}"] = {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": labels,
                **({"ownerReferences": [owner]} if deployment else {}),
            },
            "spec": {**spec, **({"initContainers": proxy} if native else {})},
            "status": {"phase": "Running", "startTime": f"2026-01-31T{started}Z", "podIPs": [{"ip": ip}]},
        }

    def log(self, where, text):
        """What the sidecar of a pod has written, or the server's error."""
        self.cluster.logs[LOG.format(*where.split("/"))] = text

    @property
    def asked(self):
        return [request[1:] for request in self.cluster.requests if request[0] == "LOG"]


@pytest.fixture
def world(cluster):
    made = World(cluster)
    cluster.objects["/api/v1/nodes/node1"] = {
        "metadata": {"name": "node1"},
        "spec": {"podCIDRs": ["10.244.1.0/24"]},
        "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]},
    }
    made.pod("bookinfo/reviews-v1-5c8-a", REVIEWS, deployment="reviews-v1")
    made.pod("shop/cart-5c8-a", "10.244.1.7", sidecar="", deployment="cart")
    return made


@pytest.fixture
def warned(monkeypatch, run_module):
    said = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda self, warning, **more: said.append(warning))
    return said


@pytest.mark.feature("plaintext-callers")
def test_a_pod_without_a_sidecar_is_found_and_one_with_mutual_tls_is_not(world, run_module):
    world.pod("shop/cart-5c8-b", "10.244.1.8", sidecar="", deployment="cart")
    world.log(
        REVIEWS_POD,
        (
            "2026-01-31T10:00:00.1Z\tinfo\tEnvoy proxy is ready\n"
            + line("10.244.1.8:4001", time="12:00:05")
            + line("10.244.1.7:4000")
            + line("10.244.1.9:4002", SNI)
        ),
    )
    for check in (False, True):
        result = run_module(plaintext_callers, check=check)
        assert result == {
            "changed": False,
            "callers": [
                {
                    "namespace": "bookinfo",
                    "workload": "reviews-v1",
                    "app": "reviews",
                    "port": 9080,
                    "transport": "plaintext",
                    "forwarded": False,
                    "count": 2,
                    "last": "2026-01-31T12:00:05.123Z",
                    "caller": {
                        "kind": "pod",
                        "namespace": "shop",
                        "workload": "cart",
                        "app": "cart",
                        "name": "cart-5c8-b",
                        "address": "10.244.1.8",
                    },
                }
            ],
            "sidecars": 1,
            "silent": [],
            "truncated": [],
            "unread": [],
        }
    query = {"container": "istio-proxy", "sinceSeconds": 3600, "limitBytes": 10 * 1024 * 1024}
    assert world.asked == [("/api/v1/namespaces/bookinfo/pods/reviews-v1-5c8-a/log", query)] * 2
    assert world.cluster.writes == 0


def test_the_kinds_of_callers(world, run_module):
    world.pod("shop/new", "10.244.1.20", sidecar="", started="13:00:00")
    # A later pod of the same address, and one with the address of its node.
    world.pod("shop/later", "10.244.1.7", sidecar="", started="13:00:00")
    world.pod("kube-system/agent", "192.0.2.1", sidecar="", hostNetwork=True)
    callers = ["10.244.1.7:1", "10.244.1.20:1", "10.244.1.99:1", "10.244.1.1:1", "192.0.2.1:1", "203.0.113.9:1"]
    world.log(REVIEWS_POD, "".join(map(line, [*callers, "203.0.113.9:0"])) + line("203.0.113.9:2", "reviews.example"))
    found = run_module(plaintext_callers)["callers"]
    kinds = [(one["caller"]["kind"], one["caller"]["name"], one["caller"]["address"], one["count"]) for one in found]
    assert kinds == [
        ("gone", "", "10.244.1.20", 1),
        ("gone", "", "10.244.1.99", 1),
        ("node", "node1", "10.244.1.1", 2),
        ("outside", "", "203.0.113.9", 1),
        ("pod", "cart-5c8-a", "10.244.1.7", 1),
        ("outside", "", "203.0.113.9", 1),
        ("outside", "", "203.0.113.9", 1),
    ]
    assert [(one["transport"], one["forwarded"]) for one in found[-3:]] == [
        ("plaintext", False),
        ("plaintext", True),
        ("tls", False),
    ]


def test_which_pods_are_read(world, run_module):
    """Native sidecars too, but neither gateways nor pods that do not run, and only what is asked for."""
    world.pod("shop/native", "10.244.1.30", native=True)
    world.pod("istio-system/gateway", "10.244.1.31", sidecar="router")
    world.pod("shop/done", "10.244.1.32")
    world.cluster.objects["/api/v1/namespaces/shop/pods/done"]["status"]["phase"] = "Succeeded"
    world.log(REVIEWS_POD, line("10.244.1.7:1"))
    result = run_module(plaintext_callers, since=60, limit=1)
    assert (result["sidecars"], result["silent"]) == (1, ["shop/native"])
    assert sorted(path.split("/")[-2] for path, _query in world.asked) == ["native", "reviews-v1-5c8-a"]
    assert world.asked[0][1] == {"container": "istio-proxy", "sinceSeconds": 60, "limitBytes": 1024 * 1024}
    world.cluster.requests.clear()
    run_module(plaintext_callers, namespaces=["bookinfo"])
    assert [path.split("/")[4] for path, _query in world.asked] == ["bookinfo"]


def test_nobody_calls_in_plain_text(world, run_module):
    world.log(REVIEWS_POD, line("10.244.1.7:1", SNI))
    result = run_module(plaintext_callers)
    assert (result["callers"], result["sidecars"]) == ([], 1)


@pytest.mark.parametrize("log", ["", NOT_IN_THE_FORMAT])
def test_no_log_that_says_it_is_an_error(world, run_module, log):
    world.log(REVIEWS_POD, log)
    result = run_module(plaintext_callers, namespaces=["bookinfo"])
    assert result["failed"] and result["msg"] == (
        "none of the 1 sidecars of bookinfo has written an access log in the last 3600 seconds that says how calls"
        " came: set istio_access_log=json and leave istio_access_log_format empty (role istio), let calls come, and ask"
        " again"
    )
    world.log(REVIEWS_POD, ApiError(500, "node1 does not answer"))
    assert "(1 could not be read: bookinfo/reviews-v1-5c8-a: node1 does not" in run_module(plaintext_callers)["msg"]


def test_logs_that_are_cut_off_or_cannot_be_read(world, run_module, warned):
    world.pod("shop/other", "10.244.1.30")
    world.log("shop/other", ApiError(500, "node1 does not answer"))
    world.log(REVIEWS_POD, line("10.244.1.7:1") + "x" * 1024 * 1024)
    result = run_module(plaintext_callers, limit=1)
    assert (result["truncated"], result["silent"]) == (["bookinfo/reviews-v1-5c8-a"], [])
    assert result["unread"] == ["shop/other: node1 does not answer"] and len(result["callers"]) == 1
    assert len(warned) == 2 and "larger limit: bookinfo/reviews" in warned[0] and "shop/other: node1" in warned[1]
    world.log("shop/other", ApiError(403, "pods/log is forbidden"))
    assert run_module(plaintext_callers, limit=1)["msg"] == "pods/log is forbidden"


def test_options_that_are_impossible(world, run_module):
    assert run_module(plaintext_callers, since=0, limit=-1)["msg"] == "since is 0, limit is -1: give numbers above 0"
    assert "namespaces is empty" in run_module(plaintext_callers, namespaces=[])["msg"]
    missing = run_module(plaintext_callers, namespaces=["bookinfo", "shop", "none"])["msg"]
    assert missing == "no running pod has a sidecar in: none, shop; check the names in namespaces"
    world.cluster.objects.clear()
    assert "no running pod of the cluster has a sidecar" in run_module(plaintext_callers)["msg"]
    assert world.asked == []


def test_without_a_cluster(world, cluster, run_module):
    cluster.unreachable = [Unreachable("gone")]
    result = run_module(plaintext_callers, check=True)
    assert (result["callers"], result["sidecars"]) == ([], 0)
    assert run_module(plaintext_callers)["msg"] == "gone"


def test_every_field_is_documented(world, run_module):
    world.log(REVIEWS_POD, line("10.244.1.7:1"))
    result = run_module(plaintext_callers)
    described = yaml.safe_load(plaintext_callers.RETURN)
    assert set(result) - {"changed"} == set(described)
    (row,) = result["callers"]
    fields = described["callers"]["contains"]
    assert set(row) == set(fields) and set(row["caller"]) == set(fields["caller"]["contains"])


def test_the_examples_are_valid(world, run_module):
    world.log(REVIEWS_POD, line("10.244.1.7:1"))
    for task in yaml.safe_load(plaintext_callers.EXAMPLES):
        assert len(run_module(plaintext_callers, **(task["bare.mesh.plaintext_callers"] or {}))["callers"]) == 1


def test_the_password_of_a_proxy_is_not_printed(world, run_for_real):
    world.log(REVIEWS_POD, line("10.244.1.7:1"))
    printed = run_for_real(plaintext_callers, proxy="http://user:correct-horse@p:1")
    assert "correct-horse" not in printed and '"callers": [' in printed
