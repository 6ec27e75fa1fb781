# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The callback report in runs that change a route of Bookinfo's mesh: what its file says, and what the cluster has."""

from __future__ import annotations

import re
import stat

import pytest
import yaml

NAMESPACE = "bookinfo"
OBJECT = f"VirtualService {NAMESPACE}/report"
# A host of its own, so no request of others is routed by it.
SPLIT = {
    "hosts": ["report.example.com"],
    "gateways": ["bookinfo-gateway"],
    "http": [
        {
            "route": [
                {"destination": {"host": "reviews", "subset": version}, "weight": share}
                for version, share in (("v1", 80), ("v3", 20))
            ]
        }
    ],
}


def book(**options):
    task = {"kubeconfig": "{{ bare_mesh_kubeconfig }}", "namespace": NAMESPACE, "name": "report", **options}
    play = {"name": "Split", "hosts": "localhost", "gather_facts": False, "tags": ["mesh"]}
    return yaml.safe_dump([{**play, "tasks": [{"name": "Set the route", "bare.mesh.virtual_service": task}]}])


@pytest.fixture
def reported(play, tmp_path):
    """A function that runs the route's playbook with options. Returns the text of its report. The route is removed."""
    folder, file = tmp_path / "reports", tmp_path / "split.yml"
    settings = {"ANSIBLE_CALLBACKS_ENABLED": "run_log,bare.mesh.report", "BARE_MESH_REPORT_DIR": str(folder)}
    enabled = ("env", *(f"{name}={value}" for name, value in settings.items()))

    def run(*options, **wanted):
        file.write_text(book(**wanted))
        before = set(folder.glob("*")) if folder.exists() else set()
        done = play(str(file), *options, prefix=enabled)
        assert done["code"] == 0, done["errors"]
        (new,) = set(folder.glob("*")) - before
        assert stat.S_IMODE(new.stat().st_mode) == 0o600
        assert f"report: {new}" in done["output"].splitlines()
        return new.read_text()

    yield run
    run(state="absent")


def section(text, title):
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0].strip()


def drawing(text):
    """The nodes of the flowchart by their first line, and its edges as (first line, text, first line)."""
    lines = text.partition("```mermaid\n")[2].partition("\n```")[0].splitlines()
    assert lines and lines[0] == "flowchart LR", text
    nodes = dict(re.findall(r'^  (n\d+)[^ "]+"([^"]*)"', "\n".join(lines), re.MULTILINE))
    edges = re.findall(r'^  (n\d+) -\.?->(?:\|"([^"]*)"\|)? (n\d+)$', "\n".join(lines), re.MULTILINE)
    assert len(nodes) + len(edges) == len(lines) - 1
    first = {key: words.partition("<br/>")[0] for key, words in nodes.items()}
    rest = {words.partition("<br/>")[0]: words.split("<br/>")[1:] for words in nodes.values()}
    return rest, {(first[source], words, first[target]) for source, words, target in edges}


def routes(custom_api):
    """What the cluster's routes in Bookinfo's namespace say: name, share, subset and host of each target."""
    listed = custom_api.list_namespaced_custom_object("networking.istio.io", "v1", NAMESPACE, "virtualservices")
    for item in listed["items"]:
        for rule in item["spec"].get("http", []):
            for target in rule.get("route", []):
                goal = target["destination"]
                share = 100 if len(rule["route"]) == 1 else target.get("weight", 0)
                yield item["metadata"]["name"], share, goal.get("subset", ""), goal["host"].partition(".")[0]


def ready_pods(api, app, version):
    pods = api.list_namespaced_pod(NAMESPACE, label_selector=f"app={app},version={version}").items
    ready = [any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions) for pod in pods]
    return f"{sum(ready)}/{len(ready)} pods ready", {pod.spec.node_name for pod in pods}


@pytest.mark.feature("run-report")
def test_what_changed_how_long_it_took_and_the_mesh(reported, api, custom_api):
    text = reported("--check", **SPLIT)
    assert "- Mode: check\n" in text
    assert section(text, "What would change").endswith(f"- Set the route\n  - would be created: {OBJECT}")

    text = reported(**SPLIT)
    assert text.startswith("# split.yml: succeeded\n") and "| localhost | 1 | 1 | 0 | 0 |" in text
    assert section(text, "What changed") == f"### mesh\n\nlocalhost:\n\n- Set the route\n  - created: {OBJECT}"
    times = section(text, "How long")
    assert re.search(r"^\| mesh \| \d+\.\d s \|$", times, re.MULTILINE)
    assert re.search(r"^\| Set the route \|  \| localhost \| \d+\.\d s \|$", times, re.MULTILINE)

    nodes, edges = drawing(text)
    assert nodes.keys() >= {f"Node {node.metadata.name}" for node in api.list_node().items}
    expected = list(routes(custom_api))
    # The drawing is of the cluster as this run has left it, and of Bookinfo's own route to the page.
    assert {("report", 80, "v1", "reviews"), ("report", 20, "v3", "reviews")} <= set(expected)
    assert "productpage" in {host for name, _share, _subset, host in expected if name == "bookinfo"}
    for name, share, subset, host in expected:
        end = f"{NAMESPACE}/{host} {subset}" if subset else f"Service {NAMESPACE}/{host}"
        words = f"{share}% {subset}".rstrip() + ":"
        drawn = [edge for edge in edges if edge[0] == f"VirtualService {NAMESPACE}/{name}" and edge[2] == end]
        assert any(edge[1].startswith(words) for edge in drawn), (name, words, end, edges)
    for name in ("bookinfo", "report"):
        gateway = (f"Gateway {NAMESPACE}/bookinfo-gateway", "", f"VirtualService {NAMESPACE}/{name}")
        assert gateway in edges
    for app, version in (("productpage", "v1"), *(("reviews", f"v{number}") for number in (1, 2, 3))):
        counts, on = ready_pods(api, app, version)
        workload = f"{NAMESPACE}/{app} {version}"
        assert counts in nodes[workload], nodes
        assert {(workload, "", f"Node {node}") for node in on} <= edges

    assert section(reported(**SPLIT), "What changed") == "Nothing changed."
