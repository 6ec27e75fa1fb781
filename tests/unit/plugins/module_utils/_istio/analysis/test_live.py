# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which lists the analysis needs."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis import live
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds

ISTIO = "/apis/networking.istio.io/v1beta1"


def one(kind, api_version="networking.istio.io/v1beta1", **spec):
    metadata = {"name": "a", "namespace": "shop"}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


ROUTE = one(
    "VirtualService",
    hosts=["a"],
    gateways=["mesh", "edge/a"],
    http=[{"route": [{"destination": {"host": host}} for host in ("a", "b.bank.svc.cluster.local", "c.example.com")]}],
)
RULE = one("DestinationRule", host="a")


def lists(cluster, *batch):
    found = live.read(Kinds(cluster), list(batch))
    return sorted(path for verb, path in cluster.requests if verb == "LIST"), *found


def test_a_route_needs_what_it_leads_to(cluster):
    asked, _objects, listed = lists(cluster, ROUTE)
    assert asked == [
        "/api/v1/namespaces/bank/services",
        "/api/v1/namespaces/shop/services",
        f"{ISTIO}/destinationrules",
        f"{ISTIO}/namespaces/edge/gateways",
        f"{ISTIO}/namespaces/shop/virtualservices",
        f"{ISTIO}/serviceentries",
    ]
    assert ("Service", "bank") in listed and ("DestinationRule", "") in listed and ("Gateway", "shop") not in listed


def test_each_list_once(cluster):
    asked, _objects, listed = lists(cluster, ROUTE, RULE, one("DestinationRule", "networking.istio.io/v1"))
    assert asked.count(f"{ISTIO}/virtualservices") + asked.count(f"{ISTIO.replace('beta1', '')}/virtualservices") == 1
    assert not [path for path in asked if path.endswith("shop/virtualservices")] and ("VirtualService", "") in listed


@pytest.mark.parametrize("kind", ["Telemetry", "EnvoyFilter", "PeerAuthentication", "ServiceEntry"])
def test_other_kinds_need_nothing(cluster, kind):
    assert lists(cluster, one(kind)) == ([], [], set())


@pytest.mark.parametrize(("mode", "asked"), [("STRICT", ["/api/v1/namespaces/shop/pods"]), ("PERMISSIVE", [])])
def test_strict_mutual_tls_needs_the_pods(cluster, mode, asked):
    assert lists(cluster, one("PeerAuthentication", "security.istio.io/v1", mtls={"mode": mode}))[0] == asked


def test_gateways_and_policies(cluster):
    assert lists(cluster, one("Gateway"))[0] == [f"{ISTIO}/namespaces/shop/gateways"]
    cluster.requests.clear()
    path = "/apis/security.istio.io/v1/authorizationpolicies"
    assert lists(cluster, one("AuthorizationPolicy", "security.istio.io/v1"))[0] == [path]


def test_what_is_forbidden_is_not_known(cluster, monkeypatch):
    """Instead of the whole cluster, the namespaces of the batch are tried."""
    pages = cluster.pages

    def refuse(path, query=None):
        if "serviceentries" in path or path.endswith("/bank/services") or "/namespaces/" not in path:
            cluster.requests.append(("LIST", path))
            raise ApiError(403, "forbidden")
        return pages(path, query)

    monkeypatch.setattr(cluster, "pages", refuse)
    cluster.objects[f"{ISTIO}/namespaces/shop/destinationrules/a"] = RULE
    asked, objects, listed = lists(cluster, ROUTE)
    assert f"{ISTIO}/namespaces/shop/destinationrules" in asked and objects == [RULE]
    assert listed == {
        *(("DestinationRule", "shop"), ("VirtualService", "shop")),
        *(("Gateway", "edge"), ("Service", "shop")),
    }


def test_other_errors_are_errors(cluster, monkeypatch):
    def refuse(path, query=None):
        raise ApiError(500, "broken")

    monkeypatch.setattr(cluster, "pages", refuse)
    with pytest.raises(ApiError, match="broken"):
        live.read(Kinds(cluster), [RULE])


def test_without_a_cluster():
    assert live.read(Kinds(None), [RULE]) == ([], set())
