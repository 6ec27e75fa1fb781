# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The mesh modules in playbooks: the examples of their documentation, and fields removed from a definition."""

from __future__ import annotations

import base64
import importlib
import re
from pathlib import Path

import pytest
import yaml
from conftest import LAB, SHOP

from tests.istio_kinds import DATA
from tests.shapes import without

ISTIOCTL = str(Path("~/.cache/bare_mesh/istioctl/current/bin/istioctl").expanduser())
MODULES = [*DATA, "k8s", "k8s_info", "k8s_exec", "istio_operator"]
FILES = {
    "definitions.yml": [SHOP],
    "shop.yml": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"day": "2026-01-01"}}
    ],
}


@pytest.fixture(scope="module", autouse=True)
def _bookinfo_as_before(request):
    """Deploy Bookinfo again at the end, because the examples may have changed what it needs."""
    yield
    import truth  # Fixtures of a test are not available here.

    log = LAB / "runs-after-modules.jsonl"
    assert truth.play(log, "playbooks/deploy_bookinfo.yml")["code"] == 0


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_documentation_run(tasks, tmp_path, name):
    for file, content in FILES.items():
        (tmp_path / file).write_text(yaml.safe_dump_all(content))
    module = importlib.import_module(f"ansible_collections.bare.mesh.plugins.modules.{name}")
    steps = [{"bare.mesh.k8s": {"resources": [SHOP]}}]
    for number, task in enumerate(yaml.safe_load(module.EXAMPLES)):
        arguments = task[f"bare.mesh.{name}"]
        # Only in check mode: the real run would remove the settings that the lab's Envoy needs.
        planned = name == "istio_operator" and arguments.get("state", "present") == "present"
        # Later examples use what earlier ones have registered.
        kept = {"register": task.get("register", f"example{number}"), "diff": True}
        task = {**task, **kept, **({"check_mode": True} if planned else {})}
        if name == "istio_operator":
            task[f"bare.mesh.{name}"] = {"istioctl": ISTIOCTL, **arguments}
        steps.append(task)
    results, _output = tasks(steps)
    assert len(results) == len(steps) - 1
    if name in DATA:
        assert all(result["objects"] for result in results.values())


GENERIC = {
    "NetworkPolicy": (
        "networking.k8s.io/v1",
        {
            "spec": {
                "podSelector": {"matchLabels": {"app": "nobody"}},
                "ingress": [{"from": [{"podSelector": {}, "namespaceSelector": {"matchLabels": {"a": "b"}}}]}],
            }
        },
        ("spec", "ingress", 0, "from", 0, "namespaceSelector"),
    ),
    "Service": (
        "v1",
        {"spec": {"selector": {"app": "nobody", "version": "v1"}, "ports": [{"port": 80}]}},
        ("spec", "selector", "version"),
    ),
    "Role": (
        "rbac.authorization.k8s.io/v1",
        {"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["one", "two"]}]},
        ("rules", 0, "resourceNames", 1),
    ),
}


def cases():
    for kind, (version, content, path) in GENERIC.items():
        named = {"apiVersion": version, "kind": kind, "metadata": {"name": "leaves", "namespace": "shop"}, **content}
        yield pytest.param(
            kind, version, "k8s", {"resources": [named]}, {"resources": [without(named, path)]}, path, id=kind
        )


def at(value, path):
    for step in path:
        value = value[step]
    return value


@pytest.mark.parametrize(("kind", "version", "module", "first", "second", "path"), cases())
def test_field_that_leaves_the_definition_leaves_the_cluster(tasks, kind, version, module, first, second, path):
    def step(register, arguments, **more):
        return {f"bare.mesh.{module}": arguments, "register": register, "diff": True, **more}

    look = {"bare.mesh.k8s_info": {"api_version": version, "kind": kind, "name": "leaves", "namespace": "shop"}}
    gone = {"apiVersion": version, "kind": kind, "metadata": {"name": "leaves", "namespace": "shop"}}
    results, _output = tasks(
        [
            {"bare.mesh.k8s": {"resources": [SHOP]}},
            {"bare.mesh.k8s": {"resources": [gone], "state": "absent", "wait": True}},
            step("created", first),
            {**look, "register": "before"},
            step("predicted", second, check_mode=True),
            step("done", second),
            {**look, "register": "after"},
            step("again", second),
            step("again_predicted", second, check_mode=True),
        ]
    )
    assert results["created"]["changed"]
    before, after = (results[name]["resources"][0] for name in ("before", "after"))
    assert at(before, path)
    with pytest.raises((KeyError, IndexError)):
        at(after, path)
    assert [results[name]["objects"][0]["action"] for name in ("predicted", "done", "again", "again_predicted")] == [
        "updated", "updated", "unchanged", "unchanged",
    ]  # fmt: skip
    assert results["predicted"]["diff"] == results["done"]["diff"] != []


def test_secrets_stay_secret_at_any_verbosity(tasks):
    values = {"pin": "4711", "password": "correct horse battery"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}}
    data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
    _results, output = tasks(
        [
            {"bare.mesh.k8s": {"resources": [SHOP, {**secret, "stringData": values}]}},
            {
                "bare.mesh.k8s": {
                    "resources": [{**secret, "data": {name: f"{value[:-4]}AAAA" for name, value in data.items()}}]
                }
            },
            {"bare.mesh.k8s": {"resources": [{**secret, "data": data}]}},
        ],
        "-vvv",
        "--diff",
    )
    assert "(hidden, after)" in output
    for value in (*values.values(), *data.values()):
        assert value not in output, value


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"command": ["no-such-program"]},
            "there is no program no-such-program in the container of the pod bookinfo/ratings-",
        ),
        (
            {"container": "none"},
            "no command can be run in the pod bookinfo/ratings-.*container none is not valid for pod",
        ),
        ({"label_selectors": ["app=none"]}, "the namespace bookinfo has no pod with the labels app=none"),
        (
            {"label_selectors": None, "pod": "none"},
            'no command can be run in the pod bookinfo/none: pods "none" not found',
        ),
        ({"command": ["sh", "-c", "echo no >&2; exit 3"]}, "ended with status 3: no"),
    ],
    ids=["program", "container", "labels", "pod", "status"],
)
def test_a_command_that_cannot_be_run(play, tmp_path, change, words):
    options = {
        "namespace": "bookinfo",
        "label_selectors": ["app=ratings"],
        "container": "ratings",
        "command": ["true"],
        **change,
    }
    module = {"kubeconfig": "{{ bare_mesh_kubeconfig }}", **{name: value for name, value in options.items() if value}}
    task = {"name": "Run it", "bare.mesh.k8s_exec": module}
    playbook = tmp_path / "command.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    run = play(str(playbook))
    assert run["code"] != 0 and re.search(words, " ".join(run["output"].split())), run["errors"]
