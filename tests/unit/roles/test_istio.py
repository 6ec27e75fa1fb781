# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role istio reads of the cluster, and what it makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import jinja2
import jmespath
import pytest
import yaml

ROLE = Path(__file__).resolve().parents[3] / "roles/istio"
OWNER = "bare-mesh.istio-system"
OBJECTS = [
    {
        "kind": "Pod",
        "metadata": {"name": "istiod-1"},
        "spec": {"nodeName": "node2", "containers": [{"image": "pilot:1"}, {"image": "proxy:1"}]},
        "status": {"containerStatuses": [{"name": "discovery", "ready": True}, {"name": "proxy", "ready": False}]},
    },
    {"kind": "Pod", "metadata": {"name": "waiting"}, "spec": {"containers": [{"image": "proxy:1"}]}, "status": {}},
    {
        "kind": "Service",
        "metadata": {"name": "ingress"},
        "spec": {
            "type": "LoadBalancer",
            "clusterIP": "10.96.0.9",
            "ports": [{"port": 80, "nodePort": 31380}, {"port": 443}],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.7"}, {"hostname": "lb.example.org"}]}},
    },
    {
        "kind": "Service",
        "metadata": {"name": "elsewhere"},
        "spec": {"type": "ExternalName"},
        "status": {"loadBalancer": {}},
    },
    {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"bare.mesh/injected-by": OWNER}}},
    {"kind": "Namespace", "metadata": {"name": "left", "labels": {"bare.mesh/injected-by": OWNER}}},
    {"kind": "Namespace", "metadata": {"name": "of-others", "labels": {"bare.mesh/injected-by": "another"}}},
    {"kind": "Namespace", "metadata": {"name": "bare"}},
]


def render(template, objects):
    """The template's text on what the role's query returns."""
    query = yaml.safe_load((ROLE / "vars/main/main.yml").read_text())["__istio_objects_query"]
    environment = jinja2.Environment(trim_blocks=True)
    environment.filters.update(
        to_json=json.dumps,
        difference=lambda one, other: [item for item in one if item not in other],
        combine=lambda one, other: {**one, **other},
        zip=zip,
        regex_replace=lambda text, _start, words: words + text,
    )
    known = {
        "__istio_objects": {"result": jmespath.search(query.replace("{{ __istio_owner }}", OWNER), objects)},
        "__istio_injection": {"istio-injection": "enabled"},
        "__istio_mark": {"bare.mesh/injected-by": OWNER},
        "__istio_mesh": {"injected": ["shop"], "policies": [], "waypoints": [], "profile": "default"},
        "__istio_marks": {},
        "istio_namespace": "istio-system",
        "bare_mesh_istio_version": "1.31.0",
    }
    return environment.from_string((ROLE / "templates" / template).read_text()).render(known)


@pytest.mark.feature("report-pods")
def test_the_report():
    assert render("report.j2", OBJECTS).splitlines() == [
        "Istio 1.31.0, profile default, in istio-system",
        "pod istiod-1: 1/2 ready on node2, pilot:1, proxy:1",
        "pod waiting: 0/1 ready on no node yet, proxy:1",
        "service ingress: LoadBalancer 10.96.0.9, outside 198.51.100.7, outside lb.example.org, ports 80:31380 443",
        "service elsewhere: ExternalName , ports ",
    ]
    # In check mode on bare hosts, there is no cluster yet.
    assert render("report.j2", []).splitlines() == ["Istio 1.31.0, profile default, in istio-system"]
