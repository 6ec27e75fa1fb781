# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The drawing of a mesh. Objects are as the API server of Kubernetes 1.36 with Istio 1.31 gives them, shortened."""

from __future__ import annotations

import re

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._report import chart, mesh

BOOKINFO = "default"


def named(name, namespace=BOOKINFO, **more):
    return {"metadata": {"name": name, "namespace": namespace, **more}}


def pod(app, version, node, ready=True, namespace=BOOKINFO, **labels):
    own = {"app": app, **({"version": version} if version else {}), "pod-template-hash": "5d4f8", **labels}
    owner = [{"kind": "ReplicaSet", "name": f"{app}-5d4f8"}]
    return {
        **named(f"{app}-{version}-5d4f8-{node}", namespace, labels=own, ownerReferences=owner),
        # Istio 1.31 injects the sidecar as an init container.
        "spec": {"nodeName": node, "containers": [{"name": app}], "initContainers": [{"name": "istio-proxy"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def service(name, namespace=BOOKINFO, **selector):
    return {**named(name, namespace), "spec": {"selector": selector or {"app": name}, "ports": [{"port": 9080}]}}


def node(name, ready=True):
    conditions = [{"type": "DiskPressure", "status": "False"}, {"type": "Ready", "status": str(ready)}]
    return {"metadata": {"name": name}, "status": {"conditions": conditions}}


def to(host, subset="", weight=None):
    target = {"host": host, **({"subset": subset} if subset else {})}
    return {"destination": target, **({} if weight is None else {"weight": weight})}


def route(name, gateways=None, **spec):
    return {**named(name), "spec": {"hosts": [name], **({"gateways": gateways} if gateways else {}), **spec}}


def bookinfo():
    jason = {"headers": {"end-user": {"exact": "jason-s3cret"}}}
    return {
        "gateways": [
            {
                **named("bookinfo-gateway"),
                "spec": {
                    "selector": {"istio": "ingressgateway"},
                    "servers": [{"hosts": ["*"], "port": {"name": "http", "number": 80, "protocol": "HTTP"}}],
                },
            }
        ],
        "routes": [
            route(
                "bookinfo",
                ["bookinfo-gateway"],
                http=[{"match": [{"uri": {"exact": "/productpage"}}], "route": [to("productpage")]}],
            ),
            route(
                "reviews",
                http=[
                    {"match": [jason], "route": [to("reviews", "v2")]},
                    {"route": [to("reviews", "v1", 90), to("reviews.default.svc.cluster.local", "v3", 10)]},
                ],
            ),
        ],
        "rules": [
            {
                **named("reviews"),
                "spec": {
                    "host": "reviews",
                    "subsets": [{"name": f"v{one}", "labels": {"version": f"v{one}"}} for one in (1, 2, 3)],
                },
            }
        ],
        "services": [service("productpage"), service("reviews"), service("kubernetes", x="y"), service("plain")],
        "pods": [
            pod("productpage", "v1", "node2"),
            pod("reviews", "v1", "node2"),
            pod("reviews", "v2", "node3", ready=False),
            pod("reviews", "v3", "node2"),
            pod("reviews", "v3", "node3"),
            pod("istio-ingressgateway", "", "node2", namespace="istio-system", istio="ingressgateway"),
            {**pod("reviews", "v3", "node1"), "status": {"phase": "Succeeded"}},
            {**named("plain", labels={"app": "plain"}), "spec": {"containers": [{"name": "plain"}]}},
        ],
        "nodes": [node("node1"), node("node2"), node("node3", ready=False)],
    }


def edges(text):
    """The lines of a chart by the texts of the nodes at their ends."""
    nodes = dict(re.findall(r'^  (n\d+)[^ "]+"([^"]*)"', text, re.MULTILINE))
    found = re.findall(r'^  (n\d+) (-\.?->)(?:\|"([^"]*)"\|)? (n\d+)$', text, re.MULTILINE)
    assert len(nodes) + len(found) == len(text.splitlines()) - 1, text
    short = {key: words.partition("<br/>")[0] for key, words in nodes.items()}
    return {(short[source], words, short[target]) for source, _line, words, target in found}, set(nodes.values())


def test_bookinfo():
    text, notes = mesh.draw(bookinfo())
    lines, nodes = edges(text)
    gateway, page, reviews = (
        "Gateway default/bookinfo-gateway",
        "VirtualService default/bookinfo",
        "VirtualService default/reviews",
    )
    assert lines == {
        (gateway, "", page),
        (page, "100%: http if exact /productpage", "Service default/productpage"),
        ("Sidecars of the mesh", "", reviews),
        (reviews, "100% v2: 1. http if headers end-user", "default/reviews v2"),
        (reviews, "90% v1: 2. http", "default/reviews v1"),
        (reviews, "10% v3: 2. http", "default/reviews v3"),
        ("Service default/productpage", "", "default/productpage v1"),
        *(("Service default/reviews", "", f"default/reviews v{one}") for one in (1, 2, 3)),
        *(
            (pod, "", "Node node2")
            for pod in (gateway, "default/productpage v1", "default/reviews v1", "default/reviews v3")
        ),
        *((f"default/reviews v{one}", "", "Node node3") for one in (2, 3)),
    }
    assert {
        f"{gateway}<br/>hosts *<br/>ports 80 HTTP<br/>1/1 pods ready",
        "default/reviews v2<br/>0/1 pods ready",
        "default/reviews v3<br/>2/2 pods ready",
        "Node node1<br/>ready",
        "Node node3<br/>not ready",
    } <= nodes  # fmt: skip
    # Not in the mesh: a service without pods, and one whose pods have no sidecar. No value of a header is drawn.
    assert not notes and "kubernetes" not in text and "plain" not in text and "s3cret" not in text


def test_a_service_without_a_route_is_drawn_if_it_is_in_the_mesh():
    ambient = {
        **named("plain", labels={"app": "plain"}, annotations={"ambient.istio.io/redirection": "enabled"}),
        "spec": {"containers": [{"name": "plain"}]},
    }
    for one, there in (
        (ambient, True),
        (pod("plain", "v1", "node1"), True),
        ({**ambient, **named("x", labels={"app": "plain"})}, False),
    ):
        text, _notes = mesh.draw({"services": [service("plain")], "pods": [one]})
        assert ("Service default/plain" in text) is there


def test_what_leads_nowhere_says_so():
    found = bookinfo()
    found["gateways"], found["rules"][0]["spec"]["subsets"][0]["labels"] = [], {"version": "v9"}
    found["rules"][0]["spec"]["subsets"].pop()
    found["routes"].append(
        route("away", http=[{"route": [to("api.example.com"), to("lost")]}, {"redirect": {"uri": "/x"}}])
    )
    found["routes"].append(
        route("stream", tcp=[{"match": [{"port": 27017}], "route": [to("plain.default.svc.cluster.local")]}])
    )
    lines, nodes = edges(mesh.draw(found)[0])
    assert {
        "Gateway default/bookinfo-gateway<br/>does not exist",
        "subset v1 of default/reviews<br/>no pods",
        "subset v3 of default/reviews<br/>no DestinationRule defines it",
        "api.example.com<br/>is not a Service of the cluster",
        "lost<br/>Service does not exist",
    } <= nodes
    away = "VirtualService default/away"
    # Istio gives a target without a weight nothing where there are several.
    assert {
        (away, "0%: 1. http", "api.example.com"),
        (away, "0%: 1. http", "lost"),
        (away, "2#8288;. http", "redirect"),
    } <= lines
    assert ("VirtualService default/stream", "100%: tcp if port 27017", "Service default/plain") in lines


@pytest.mark.parametrize(
    "bad",
    [
        '"]; click n1 "javascript:x"',
        "`",
        "```\n# x",
        "<script>",
        "end\nn1-->n2",
        "%%{init: {}}%%",
        "#quot;",
        "ß\ud800\0|",
        "n" * 300,
    ],
)
def test_no_name_breaks_the_drawing(bad):
    found = bookinfo()
    expected = len(mesh.draw(found)[0].splitlines())
    found["gateways"][0]["spec"]["servers"][0]["hosts"] = [bad]
    found["routes"][0]["spec"]["hosts"] = [bad]
    found["routes"][0]["spec"]["http"][0]["match"][0]["uri"]["exact"] = bad
    for rule in (
        found["rules"][0]["spec"]["subsets"][0],
        found["routes"][1]["spec"]["http"][1]["route"][0]["destination"],
    ):
        rule.update({"name": bad} if "labels" in rule else {"subset": bad})
    for one in (found["services"][1], *found["pods"][1:5]):
        one["metadata"]["namespace"] = BOOKINFO
    found["pods"][1]["metadata"]["labels"]["version"] = bad
    found["rules"][0]["spec"]["subsets"][0]["labels"]["version"] = bad
    text, _notes = mesh.draw(found)
    assert len(text.splitlines()) == expected
    for quoted in re.findall(r'"([^"\n]*)"', text):
        assert not re.search(r"[^A-Za-z0-9 ./:,*_%()=+\-<>;#]|<(?!br/>)|(?<!<br/)>|#(?!\d+;)", quoted), quoted
    edges(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hosts www.example.com", "hosts www#8288;.example.com"),
        ("http if exact https://a.b/", "http if exact https:#8288;//a.b/"),
        ("12. http", "12#8288;. http"),
        ("100%: 1. http if exact /a:b", "100%: 1. http if exact /a:b"),
    ],
)
def test_no_label_is_markdown(text, shown):
    """For the first three, Mermaid 11.6.0 in Chromium shows "Unsupported markdown: link" or "list" otherwise."""
    assert chart.label(text) == shown


def test_a_large_mesh_is_cut_and_says_so(monkeypatch):
    names = [f"s{number:03}" for number in range(mesh.SERVICES + 5)]
    found = {"services": [service(one) for one in names], "pods": [pod(one, "v1", "node1") for one in names]}
    text, notes = mesh.draw({**found, "nodes": [node("node1")]})
    assert "s059" in text and "s060" not in text and notes == ["5 more services without a route are not drawn."]
    monkeypatch.setattr(chart, "EDGES", 10)
    text, notes = mesh.draw({**found, "nodes": [node("node1")]})
    assert text.count("->") == 10 and notes[1].startswith("110 nodes and lines are not")
    monkeypatch.setattr(chart, "CHARACTERS", 2000)
    text, notes = mesh.draw({**found, "nodes": [node("node1")]})
    assert 1900 < len(text) < 2100 and "nodes and lines are not" in notes[1]
    edges(text)


def test_nothing_to_draw():
    assert mesh.draw({}) == ("", [])
