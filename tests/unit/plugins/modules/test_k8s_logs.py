# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""k8s_logs, with pods whose containers have logs, and real files."""

from __future__ import annotations

import stat
from types import SimpleNamespace

import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Unreachable
from ansible_collections.bare.mesh.plugins.modules import k8s_logs

WEB = {"namespace": "shop", "name": "web-1"}


@pytest.fixture
def world(cluster, monkeypatch):
    """Two pods, and what each of their containers has said; the API server's queries."""
    made = SimpleNamespace(cluster=cluster, logs={}, asked=[])

    def pod(name, labels, *containers, restarted=(), sidecar=""):
        inits = [{"name": "istio-init"}, *([{"name": sidecar, "restartPolicy": "Always"}] if sidecar else [])]
        cluster.objects[f"/api/v1/namespaces/shop/pods/{name}"] = {
            "metadata": {"name": name, "namespace": "shop", "labels": labels},
            "spec": {"containers": [{"name": one} for one in containers], "initContainers": inits},
            "status": {"containerStatuses": [{"name": one, "restartCount": 1} for one in restarted]},
        }

    def text(path, query):
        made.asked.append(query)
        said = made.logs.get((path.split("/")[-2], query["container"], query.get("previous", "")), "")
        if isinstance(said, Exception):
            raise said
        return said

    monkeypatch.setattr(cluster, "text", text)
    pod("web-1", {"app": "web"}, "web", restarted=["web"], sidecar="istio-proxy")
    pod("web-2", {"app": "web"}, "web", "istio-proxy")
    made.logs = {
        ("web-1", "web", ""): "started\n",
        ("web-1", "web", "true"): "out of memory\n",
        ("web-1", "istio-proxy", ""): "GET / 503 UH\n",
        ("web-2", "web", ""): "größer\n",
    }
    return made


def names(result):
    return [one["path"].rpartition("/")[2] for one in result["files"]]


def test_every_container_has_a_file(world, tmp_path, run_module):
    target = tmp_path / "logs/of-today"
    arguments = {"pods": [{"namespace": "shop", "label_selectors": ["app=web"]}, WEB], "directory": str(target)}
    predicted = run_module(k8s_logs, check=True, **arguments)
    assert not target.exists()
    result = run_module(k8s_logs, **arguments)
    assert predicted == result and result["changed"]
    assert names(result) == [
        "shop_web-1_istio-proxy.log",
        "shop_web-1_web.log",
        "shop_web-1_web.previous.log",
        "shop_web-2_istio-proxy.log",
        "shop_web-2_web.log",
    ]
    assert [(one["container"], one["previous"]) for one in result["files"]][1:3] == [("web", False), ("web", True)]
    assert (target / "shop_web-1_web.previous.log").read_text() == "out of memory\n"
    assert (target / "shop_web-2_web.log").read_text(encoding="utf-8") == "größer\n"
    assert (target / "shop_web-2_istio-proxy.log").read_text() == ""
    assert {stat.S_IMODE(path.stat().st_mode) for path in target.iterdir()} == {0o600}
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert result["diff"] == {"before": "", "after": "".join(f"{one['path']}\n" for one in result["files"])}
    assert {query["tailLines"] for query in world.asked} == {1000}
    for check in (True, False):
        again = run_module(k8s_logs, check=check, **arguments)
        assert not again["changed"] and again["diff"]["after"] == "" and names(again) == names(result)


def test_what_was_logged_meanwhile_and_what_is_gone(world, tmp_path, run_module):
    arguments = {"pods": [WEB], "directory": str(tmp_path), "lines": 5}
    run_module(k8s_logs, **arguments)
    old = tmp_path / "shop_web-0_web.log"
    old.write_text("of a pod that is gone")
    (tmp_path / "shop_web-1_istio-proxy.log").chmod(0o644)
    world.logs["web-1", "web", ""] += "more\n"
    for check in (True, False):
        result = run_module(k8s_logs, check=check, **arguments)
        written = [one["container"] for one in result["files"] if one["changed"]]
        assert result["changed"] and written == ["istio-proxy", "web"], check
    assert (tmp_path / "shop_web-1_web.log").read_text() == "started\nmore\n"
    assert stat.S_IMODE((tmp_path / "shop_web-1_istio-proxy.log").stat().st_mode) == 0o600
    assert old.exists() and world.asked[-1]["tailLines"] == 5
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_what_cannot_be_read(world, tmp_path, run_module, monkeypatch):
    warnings = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda self, warning, **more: warnings.append(warning))
    world.logs["web-1", "web", "true"] = ApiError(400, "previous terminated container not found", "BadRequest")
    arguments = {"directory": str(tmp_path)}
    result = run_module(k8s_logs, pods=[WEB, {"namespace": "shop", "name": "gone"}], **arguments)
    assert names(result) == ["shop_web-1_istio-proxy.log", "shop_web-1_web.log"]
    assert result["unread"] == [
        "the namespace shop has no pod gone",
        "shop_web-1_web.previous.log: previous terminated container not found",
    ]
    assert len(warnings) == 1 and all(one in warnings[0] for one in result["unread"])
    none = run_module(k8s_logs, pods=[{"namespace": "shop", "label_selectors": ["app=x", "y"]}], **arguments)
    assert none["msg"] == "no log was read: the namespace shop has no pod with the labels app=x,y"
    world.logs["web-1", "web", ""] = ApiError(403, "pods/log is forbidden", "Forbidden")
    assert run_module(k8s_logs, pods=[WEB], **arguments)["msg"] == "pods/log is forbidden"


def test_files_that_cannot_be_written(world, tmp_path, run_module):
    (tmp_path / "file").write_text("")
    said = run_module(k8s_logs, pods=[WEB], directory=str(tmp_path / "file"))["msg"]
    assert "Not a directory; choose another directory" in said
    (tmp_path / "shop_web-1_web.log").mkdir()
    for check in (True, False):
        said = run_module(k8s_logs, check=check, pods=[WEB], directory=str(tmp_path))["msg"]
        assert said == f"{tmp_path}/shop_web-1_web.log cannot be read: Is a directory; choose another directory"


def test_impossible_options(world, tmp_path, run_module):
    said = run_module(k8s_logs, pods=[], directory=str(tmp_path), lines=0)["msg"]
    assert said == "lines is 0: give a number above 0; pods is empty: name at least one"
    one = run_module(k8s_logs, pods=[{"namespace": "shop"}], directory=str(tmp_path))["msg"]
    assert "one of the following is required: name, label_selectors" in one


def test_without_a_cluster(cluster, tmp_path, run_module):
    cluster.unreachable = [Unreachable("gone")]
    arguments = {"pods": [WEB], "directory": str(tmp_path)}
    assert run_module(k8s_logs, check=True, **arguments)["files"] == []
    assert run_module(k8s_logs, **arguments)["msg"] == "gone"


def test_the_example_and_the_documented_fields(world, tmp_path, run_module):
    ((task),) = yaml.safe_load(k8s_logs.EXAMPLES)
    arguments = {**task["bare.mesh.k8s_logs"], "directory": str(tmp_path)}
    arguments["pods"].append(WEB)
    result = run_module(k8s_logs, **arguments)
    described = yaml.safe_load(k8s_logs.RETURN)["files"]["contains"]
    assert all(set(one) == set(described) for one in result["files"]) and result["files"]


def test_the_password_of_a_proxy_is_not_printed(world, tmp_path, run_for_real):
    arguments = {"pods": [WEB], "directory": str(tmp_path)}
    printed = run_for_real(k8s_logs, proxy="http://user:correct-horse@p:1", **arguments)
    assert "correct-horse" not in printed and '"files": [' in printed
