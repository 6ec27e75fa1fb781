# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role istio writes into namespaces, and the waypoints that it keeps there: its variables, by Ansible."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jmespath
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles/istio"
OWNER = "bare-mesh.istio-system"
FILES = ["meta/defaults.yml", "meta/versions.yml", "meta/sources.yml", "roles/istio/defaults/main/main.yml"] + [
    f"roles/istio/vars/main/{name}.yml" for name in ("main", "settings", "namespaces", "waypoints", "helm")
]
SHOWN = {
    "namespaces": "{{ __istio_namespaces }}",
    "home": "{{ __istio_home }}",
    "forgets": "{{ __istio_marks_now != __istio_marks_then }}",
    "waypoints": "{{ __istio_waypoints }}",
    "surplus": "{{ __istio_waypoint_surplus }}",
    "charts": "{{ __istio_charts }}",
    "faults": "{{ __istio_mesh.faults }}",
    "lacking": "{{ __istio_gateway_fault }}",
}
INJECTED, RULED, WAYPOINTED = ({f"bare.mesh/{name}": OWNER} for name in ("injected-by", "ruled-by", "waypoints-by"))
SIDECARS, AMBIENT = {"istio-injection": "enabled"}, {"istio.io/dataplane-mode": "ambient"}
MODE = {"istio_dataplane_mode": "ambient"}
SHOP = {"istio_injected_namespaces": ["shop"]}
WEB, BANK = {"name": "web", "namespace": "shop"}, {"name": "l7", "namespace": "bank", "for": "all"}


def namespace(name, *labels):
    return {"kind": "Namespace", "metadata": {"name": name, "labels": {k: v for one in labels for k, v in one.items()}}}


def gateway(name, place):
    meta = {"name": name, "namespace": place, "labels": WAYPOINTED, "uid": "1"}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": meta, "spec": {}}


# Settings, and the objects of the cluster.
CASES = {
    "nothing": ({}, []),
    "sidecars": (SHOP, [namespace("shop", INJECTED), namespace("left", INJECTED), namespace("others", SIDECARS)]),
    "revision": ({**SHOP, "istio_revision": "canary"}, []),
    "ambient": ({**SHOP, **MODE}, [namespace("shop", INJECTED, SIDECARS)]),
    "policies": ({"istio_mtls": "STRICT"}, []),
    "no policies any more": ({}, [namespace("istio-system", RULED)]),
    "waypoints": ({**SHOP, **MODE, "istio_waypoints": [WEB, BANK]}, [gateway("web", "shop"), gateway("old", "shop")]),
    "waypoint of a revision": ({**MODE, "istio_revision": "canary", "istio_waypoints": [WEB]}, []),
    "no waypoints any more": (
        {**SHOP, **MODE, "istio_mtls": "STRICT"},
        [
            namespace("istio-system", RULED, WAYPOINTED),
            namespace("shop", INJECTED, AMBIENT),
            namespace("bank", INJECTED),
            gateway("l7", "bank"),
        ],
    ),
    "waypoint of the mesh's own namespace": (
        {**MODE, "istio_waypoints": [{"name": "egress", "namespace": "istio-system"}]},
        [namespace("istio-system", RULED)],
    ),
    "wrong": ({"istio_waypoints": [WEB]}, []),
}


def answers(objects):
    """What the two queries of the role return."""
    queries = [
        yaml.safe_load((ROLE / f"vars/main/{file}.yml").read_text())[name].replace("{{ __istio_owner }}", OWNER)
        for file, name in (("main", "__istio_objects_query"), ("waypoints", "__istio_waypoint_query"))
    ]
    own = [one for one in objects if one["kind"] == "Gateway"]
    return {
        "__istio_objects": {"result": jmespath.search(queries[0], [one for one in objects if one not in own])},
        "__istio_waypoints_found": {"result": jmespath.search(queries[1], own)},
    }


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """All cases, by one run."""
    folder = tmp_path_factory.mktemp("namespaces")
    # A lookup finds templates next to the playbook.
    (folder / "templates").symlink_to(ROLE / "templates")
    tasks = [
        {
            "ansible.builtin.copy": {
                "dest": str(folder / name.replace(" ", "-")),
                "content": "{{ {"
                + ", ".join(f"'{one}': {text.strip('{} ')}" for one, text in SHOWN.items())
                + "} | to_json }}",
                "mode": "0600",
            },
            "vars": {**settings, **answers(objects)},
        }
        for name, (settings, objects) in CASES.items()
    ]
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", "__bare_mesh_istioctl": "istioctl"},
        "vars_files": [str(ROOT / name) for name in FILES],
        "tasks": tasks,
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    command = ["ansible-playbook", "-i", "localhost,", str(folder / "play.yml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: json.loads((folder / name.replace(" ", "-")).read_text()) for name in CASES}


def labels(manifests):
    assert all((one["apiVersion"], one["kind"]) == ("v1", "Namespace") for one in manifests)
    return {one["metadata"]["name"]: one["metadata"].get("labels") for one in manifests}


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("nothing", {}),
        # Without labels, those of this owner go.
        ("sidecars", {"shop": {**SIDECARS, **INJECTED}, "left": None}),
        # All revisions of a mesh have one owner, so that the next one takes the namespaces over.
        ("revision", {"shop": {"istio.io/rev": "canary", **INJECTED}}),
        ("policies", {"istio-system": RULED}),
        ("no policies any more", {"istio-system": RULED}),
    ],
)
def test_labels_of_namespaces(shown, case, expected):
    assert labels(shown[case]["namespaces"]) == expected
    assert shown[case]["waypoints"] == shown[case]["surplus"] == []


@pytest.mark.feature("ambient")
def test_ambient_takes_the_place_of_the_injection(shown):
    assert labels(shown["ambient"]["namespaces"]) == {"shop": {**AMBIENT, **INJECTED}}
    assert shown["ambient"]["charts"] == ["base", "istiod", "cni", "gateway", "ztunnel"]
    assert shown["sidecars"]["charts"] == ["base", "istiod", "cni", "gateway"]


@pytest.mark.feature("ambient")
def test_namespaces_use_their_waypoints(shown):
    found = shown["waypoints"]
    assert labels(found["namespaces"]) == {
        "shop": {**AMBIENT, "istio.io/use-waypoint": "web", **INJECTED},
        # It may be that somebody else has put it into the mesh.
        "bank": {"istio.io/use-waypoint": "l7", **INJECTED},
        "istio-system": WAYPOINTED,
    }
    assert not found["forgets"]


@pytest.mark.feature("ambient")
def test_waypoints_are_those_of_istioctl(shown):
    """istioctl 1.31.0 waypoint generate --name l7 --namespace bank --for all, with our label; and with --revision."""
    made = shown["waypoints"]["waypoints"]
    assert made[1] == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "l7", "namespace": "bank", "labels": {"istio.io/waypoint-for": "all", **WAYPOINTED}},
        "spec": {
            "gatewayClassName": "istio-waypoint",
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    }
    assert made[0]["metadata"]["labels"]["istio.io/waypoint-for"] == "service"
    (canary,) = shown["waypoint of a revision"]["waypoints"]
    assert canary["metadata"]["labels"]["istio.io/rev"] == "canary"


def test_the_fault_names_the_command_that_installs_the_definitions(shown):
    said = shown["waypoints"]["lacking"]
    assert said.startswith(
        "istio_waypoints asks for web, l7, and the cluster has no kind Gateway of gateway.networking"
    )
    assert said.endswith("/gateway-api/releases/download/v1.6.0/standard-install.yaml")
    assert "kubectl --kubeconfig " in said and " apply --server-side -f https://" in said


def test_waypoints_that_are_not_asked_for_go(shown):
    (old,) = shown["waypoints"]["surplus"]
    place = {"name": "old", "namespace": "shop"}
    assert old == {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": place}
    last = shown["no waypoints any more"]
    assert [one["metadata"]["name"] for one in last["surplus"]] == ["l7"]
    # First nothing uses it, and the mark is there until it is gone.
    assert labels(last["namespaces"]) == {
        "shop": {**AMBIENT, **INJECTED},
        "istio-system": {**RULED, **WAYPOINTED},
        "bank": None,
    }
    assert last["forgets"] and labels(last["home"]) == {"istio-system": RULED}


def test_the_marks_go_with_what_they_stand_for(shown):
    assert shown["no policies any more"]["forgets"] and labels(shown["no policies any more"]["home"]) == {
        "istio-system": None
    }
    assert not shown["policies"]["forgets"] and not shown["nothing"]["forgets"]
    found = shown["waypoint of the mesh's own namespace"]
    using = {"istio.io/use-waypoint": "egress", **INJECTED, **WAYPOINTED}
    assert labels(found["namespaces"]) == {"istio-system": {**using, **RULED}}
    assert found["forgets"] and labels(found["home"]) == {"istio-system": using}


def test_wrong_settings_name_no_namespaces(shown):
    assert [one["where"] for one in shown["wrong"]["faults"]] == ["istio_waypoints"]
    assert shown["wrong"]["namespaces"] == shown["wrong"]["waypoints"] == []


def query(file, name):
    return yaml.safe_load((ROLE / f"tasks/{file}.yml").read_text())[name]["bare.mesh.k8s_info"]["query"]


@pytest.mark.parametrize(
    ("versions", "served"),
    [
        ([{"name": "v1", "served": True}, {"name": "v1beta1", "served": True}], True),
        ([{"name": "v1", "served": False}, {"name": "v1beta1", "served": True}], False),
        ([{"name": "v1beta1", "served": True}], False),
    ],
)
def test_the_definition_must_have_the_version(versions, served):
    definition = {"spec": {"group": "gateway.networking.k8s.io", "versions": versions}}
    wanted = yaml.safe_load((ROLE / "vars/main/waypoints.yml").read_text())["__istio_gateway_version"]
    assert (wanted in jmespath.search(query("gateway_api", 1), [definition])) is served
    assert jmespath.search(query("gateway_api", 1), []) == []


def test_verify_knows_workloads_that_are_not_ready():
    text = yaml.safe_load((ROLE / "vars/main/main.yml").read_text())["__istio_workloads_query"]

    def workload(kind, name, **status):
        part = {"operator.istio.io/component": "Pilot"}
        return {"kind": kind, "metadata": {"name": name, "labels": part}, "spec": {"replicas": 1}, "status": status}

    found = jmespath.search(
        text,
        [
            workload("Deployment", "istiod", readyReplicas=1),
            workload("Deployment", "waypoint"),
            workload("DaemonSet", "ztunnel", numberReady=2, desiredNumberScheduled=3),
            workload("DaemonSet", "istio-cni-node", numberReady=3, desiredNumberScheduled=3),
        ],
    )
    assert found["unready"] == ["waypoint", "ztunnel"] and found["nodes"] == ["ztunnel", "istio-cni-node"]
    assert found["components"] == ["Pilot", "Pilot"]
