# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The objects of the add-ons, as the role writes them."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles/istio_addons"
NAMES = ("prometheus", "jaeger", "grafana", "kiali")
DASHBOARD = '{"title": "One", "legend": "{{ app }}", "link": "\U0001f517"}'
SETTINGS = {
    "istio_addons_tracing": "jaeger",
    "istio_addons_kiali": True,
    "istio_addons_images": {"grafana": "registry.example/grafana:1"},
    "istio_addons_resources": {"kiali": {"limits": {"memory": "3Gi"}}},
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What the role writes: the objects of all add-ons, and Secrets of which one exists."""
    folder = tmp_path_factory.mktemp("addons")
    release = yaml.safe_load((ROOT / "meta/defaults.yml").read_text())["bare_mesh_istio_version"]
    cache = folder / "dashboards" / release
    cache.mkdir(parents=True)
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x"},
        "data": {"one.json": DASHBOARD, "x.ini": "x"},
    }
    (cache / "grafana.yaml").write_text(yaml.safe_dump_all([{"kind": "Service"}, config]))
    (folder / "templates").symlink_to(ROLE / "templates")
    kept = {"there": [["kiali", "istio-system"], ["jaeger", "old"]], "kept": [["kiali", "istio-system"]]}
    names = ("objects", "credentials", "surplus", "report")
    shown = {name: f"{{{{ __istio_addons_{name} }}}}" for name in names}
    one = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            **yaml.safe_load((ROLE / "defaults/main/main.yml").read_text()),
            **SETTINGS,
            "bare_mesh_cache_dir": str(folder),
            "__istio_addons_found": {"result": kept},
            "shown": shown,
        },
        "vars_files": [str(path) for path in sorted((ROLE / "vars/main").glob("*.yml"))],
        "roles": ["bare.mesh.common"],
        "tasks": [
            {"ansible.builtin.copy": {"dest": str(folder / "out"), "mode": "0600", "content": "{{ shown | to_json }}"}}
        ],
    }
    (folder / "play.yml").write_text(yaml.safe_dump([one]))
    command = ["ansible-playbook", "-i", "localhost,", str(folder / "play.yml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "out").read_text())


def pods(written):
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in written["objects"]
        if one["kind"] == "Deployment"
    }


def test_pods_have_few_rights(written):
    assert set(pods(written)) == set(NAMES)
    for pod in pods(written).values():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        expected = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["securityContext"] == expected
        assert "memory" in container["resources"]["limits"]
    # Those that ask the API server nothing have no token of it.
    silent = {name for name, pod in pods(written).items() if pod.get("automountServiceAccountToken") is False}
    assert silent == {"jaeger", "grafana"}


def test_nobody_may_write_in_the_cluster(written):
    rules = [rule for one in written["objects"] if one["kind"].endswith("Role") for rule in one["rules"]]
    writing = [rule["resources"] for rule in rules if not set(rule["verbs"]) <= {"get", "list", "watch"}]
    assert writing == [["tokenreviews"], ["pods/portforward"]]
    assert not [rule for rule in rules if "secrets" in rule["resources"]]


def test_settings_reach_the_pods(written):
    containers = {name: pod["containers"][0] for name, pod in pods(written).items()}
    versions = yaml.safe_load((ROOT / "meta/versions.yml").read_text())
    assert containers["grafana"]["image"] == "registry.example/grafana:1"
    assert (
        containers["prometheus"]["image"] == f"docker.io/prom/prometheus:{versions['__bare_mesh_prometheus_version']}"
    )
    assert containers["kiali"]["resources"] == {"limits": {"memory": "3Gi"}}
    assert "--storage.tsdb.retention.time=6h" in containers["prometheus"]["args"]


def test_dashboards_are_as_in_the_release(written):
    (found,) = (one for one in written["objects"] if one["metadata"]["name"] == "grafana-dashboards")
    assert found["data"] == {"one.json": DASHBOARD}


def test_only_missing_passwords_are_made_and_none_is_a_default(written):
    (secret,) = written["credentials"]
    assert secret["metadata"]["name"] == "grafana"
    values = {key: b64decode(value).decode() for key, value in secret["data"].items()}
    assert values["user"] == "admin" and len(values["password"]) == 24 and values["password"].isalnum()
    other = json.dumps([written["objects"], written["report"]])
    assert values["password"] not in other


def test_what_is_in_another_namespace_is_removed(written):
    assert {one["metadata"]["namespace"] for one in written["surplus"]} == {"old"}
    kinds = [one["kind"] for one in written["surplus"]]
    assert sorted(kinds) == ["ConfigMap", "Deployment", "Service", "ServiceAccount"]


def test_every_object_bears_the_mark_by_which_it_is_found(written):
    marks = {one["metadata"].get("labels", {}).get("bare.mesh/addon") for one in written["objects"][1:]}
    assert marks == set(NAMES) and written["objects"][0]["kind"] == "Namespace"
    assert len(written["report"]) == len(NAMES) + 1


def test_prometheus_reads_ipv4_and_ipv6_addresses(written):
    (found,) = (
        one for one in written["objects"] if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", "prometheus")
    )
    config = json.loads(found["data"]["prometheus.yml"])
    assert config["global"]["scrape_interval"] == "15s"
    rules = [
        rule for rule in config["scrape_configs"][1]["relabel_configs"] if rule.get("target_label") == "__address__"
    ]
    assert [rule["replacement"] for rule in rules] == ["$1:$2", "[$1]:$2"]


@pytest.mark.feature("no-storage")
def test_nothing_asks_for_a_persistent_volume(written):
    kinds = {one["kind"] for one in written["objects"]}
    assert "Deployment" in kinds and not kinds & {"PersistentVolumeClaim", "StatefulSet"}
    pods = [one["spec"]["template"]["spec"] for one in written["objects"] if one["kind"] == "Deployment"]
    assert {kind for pod in pods for volume in pod["volumes"] for kind in set(volume) - {"name"}} <= {
        "configMap",
        "emptyDir",
        "secret",
    }
