# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""proxy_config_info, with the answers of Envoy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._istio import envoy as envoy_pages
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable
from ansible_collections.bare.mesh.plugins.modules import proxy_config_info

DUMP = (Path(__file__).parents[1] / "module_utils/_istio/files/config_dump_sidecar.json").read_text()
PARTS = ["listeners", "routes", "clusters", "endpoints"]
WEB = {"namespace": "shop", "name": "web-1"}


@pytest.fixture
def envoy(cluster, monkeypatch):
    """A pod with a proxy. Returns the answer of its container, and the containers that were asked."""
    cluster.objects["/api/v1/namespaces/shop/pods/web-1"] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web"}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    played = {"answer": {"rc": 0, "stdout": DUMP, "stderr": ""}, "asked": []}

    def execute(_client, namespace, pod, container, command, timeout):
        assert command == ["pilot-agent", "request", "GET", "config_dump?include_eds"]
        played["asked"].append((namespace, pod, container, timeout))
        return {"pod": pod, **played["answer"]}

    monkeypatch.setattr(envoy_pages, "execute", execute)
    return played


def test_all_parts(envoy, run_module):
    for check in (False, True):
        result = run_module(proxy_config_info, check=check, **WEB)
        assert result["changed"] is False and result["pod"] == "web-1" and "result" not in result
        assert {part: len(result[part]) for part in PARTS} == {
            "listeners": 4,
            "routes": 7,
            "clusters": 6,
            "endpoints": 7,
        }
    assert envoy["asked"] == [("shop", "web-1", "istio-proxy", 60)] * 2
    assert "bmV2ZXItc2hvd24=" not in json.dumps(result)


def test_a_pod_by_its_labels(envoy, run_module):
    arguments = {"namespace": "shop", "label_selectors": ["app=web"], "container": "proxy", "timeout": 5}
    result = run_module(proxy_config_info, parts=["endpoints", "clusters"], **arguments)
    assert [part for part in PARTS if part in result] == ["clusters", "endpoints"]
    assert envoy["asked"] == [("shop", "web-1", "proxy", 5)]
    none = run_module(proxy_config_info, namespace="shop", label_selectors=["app=none"])
    assert none["msg"] == "the namespace shop has no pod with the labels app=none"


def test_queries(envoy, run_module):
    text = "{hosts: clusters[?subset=='v1'].host, ill: endpoints[?health!='HEALTHY']}"
    result = run_module(proxy_config_info, query=text, **WEB)["result"]
    assert result == {"hosts": ["reviews.bookinfo.svc.cluster.local"], "ill": []}
    assert "query is not a valid JMESPath expression" in run_module(proxy_config_info, query="[?", **WEB)["msg"]
    assert "query cannot be evaluated" in run_module(proxy_config_info, query="length(`1`)", **WEB)["msg"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"rc": 0, "stdout": "no healthy upstream", "stderr": ""}, "no healthy upstream"),
        ({"rc": 0, "stdout": "[]", "stderr": ""}, "[]"),
        ({"rc": 0, "stdout": "", "stderr": ""}, "it says nothing"),
        ({"rc": 1, "stdout": "", "stderr": "Error: connection refused\n"}, "Error: connection refused"),
        ({"rc": 1, "stdout": "{}", "stderr": "Error: cut off"}, "Error: cut off"),
    ],
)
def test_a_proxy_that_does_not_answer(envoy, run_module, answer, said):
    envoy["answer"] = answer
    result = run_module(proxy_config_info, **WEB)
    expected = f"the container istio-proxy of shop/web-1 does not say what its Envoy does: {said}"
    assert result["failed"] and result["msg"] == expected


def test_a_container_or_a_pod_that_is_missing(envoy, run_module, monkeypatch):
    said = "no command can be run in the pod shop/web-1: container istio-proxy is not valid for pod web-1"

    def refuse(*_arguments):
        raise Failure(said)

    monkeypatch.setattr(envoy_pages, "execute", refuse)
    assert run_module(proxy_config_info, **WEB)["msg"] == said
    neither = run_module(proxy_config_info, namespace="shop")["msg"]
    assert neither == "one of the following is required: name, label_selectors"


def test_a_dump_without_parts(envoy, run_module):
    envoy["answer"] = {"rc": 0, "stdout": "{}", "stderr": ""}
    result = run_module(proxy_config_info, **WEB)
    assert [result[part] for part in PARTS] == [[], [], [], []]


def test_without_a_cluster(envoy, cluster, run_module):
    cluster.unreachable = [Unreachable("gone"), Unreachable("gone")]
    result = run_module(proxy_config_info, check=True, **WEB)
    assert (result["pod"], result["routes"], envoy["asked"]) == ("", [], [])
    assert run_module(proxy_config_info, **WEB)["msg"] == "gone"


def documented(fields, value, path):
    """Hold the fields of a value against those of the documentation."""
    for row in value if isinstance(value, list) else [value]:
        if isinstance(row, dict) and row:
            assert set(row) == set(fields), path
            for name, inner in row.items():
                documented(fields[name].get("contains"), inner, f"{path}.{name}")


def test_every_field_is_documented(envoy, run_module):
    result = run_module(proxy_config_info, **WEB)
    described = yaml.safe_load(proxy_config_info.RETURN)
    for part in PARTS:
        documented(described[part]["contains"], result[part], part)


def test_the_examples_are_valid(envoy, run_module):
    for task in yaml.safe_load(proxy_config_info.EXAMPLES):
        arguments = {**task["bare.mesh.proxy_config_info"], **WEB}
        arguments.pop("label_selectors")
        result = run_module(proxy_config_info, **arguments)
        assert isinstance(result["result"], list), task["name"]


def test_the_password_of_a_proxy_is_not_printed(envoy, run_for_real):
    printed = run_for_real(proxy_config_info, proxy="http://user:correct-horse@p:1", **WEB)
    assert "correct-horse" not in printed and '"endpoints": [' in printed
