# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The same variables by istioctl and by Istio's charts: the same objects, but for differences that are listed here.

Needs the lab's artifacts (`python -m lab artifacts`), whose istioctl, helm and charts run, and no machines.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._istio import charts, installer
from ansible_collections.bare.mesh.plugins.module_utils._istio.mesh_settings import operator_spec

from lab.artifacts import gobuild, helm_release, istio_release, versions

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What may differ: kind/name, path of the field, and why. All of them are matched as a whole.
DIFFERENCES = [
    (
        ".*",
        r"(spec\.template\.)?metadata\.labels\.(app\.kubernetes\.io/(instance|version)|helm\.sh/chart|release)",
        "labels that name the release, its chart and its version",
    ),
    (
        "(Deployment|HorizontalPodAutoscaler|PodDisruptionBudget|Service|ServiceAccount)/istio-(in|e)gressgateway.*",
        r"(spec\.template\.)?metadata\.labels\.(install\.operator\.istio\.io/owning-resource|istio\.io/rev|"
        r"operator\.istio\.io/component|istio\.io/dataplane-mode)",
        "the chart gateway has no labels of istioctl; a gateway's dataplane-mode is none in both",
    ),
    (
        "Deployment/istio-(in|e)gressgateway",
        r"spec\.template\.metadata\.(labels|annotations)\.(chart|heritage|service\.istio\.io/canonical-(name|revision)|"
        r"(sidecar|inject)\.istio\.io/(inject|templates)|istio\.io/rev)",
        "the proxy of the chart gateway is injected by istiod, which also sets the canonical service",
    ),
    (
        "Deployment/istio-(in|e)gressgateway",
        r"spec\.template\.spec\.(volumes|securityContext\..*|containers\.istio-proxy\.(args|env|image|ports|"
        r"readinessProbe.*|securityContext.*|volumeMounts))",
        "the template `gateway` of the injection adds them to the pod",
    ),
    (
        "Deployment/istio-(in|e)gressgateway",
        r"spec\.template\.spec\.terminationGracePeriodSeconds",
        "30 seconds, which is the default of Kubernetes",
    ),
    (
        "ConfigMap/values(-.*)?",
        r"data\.(merged|original)-values\.(defaultRevision|enabled|gateways.*|ztunnel.*|pilot\.enabled|"
        r"global\.(configValidation|hub|tag)|revisionTags)",
        "a record of what was installed with: istioctl also records its profile, and settings of other charts",
    ),
]
# Objects that only one of the two has, and why.
ONLY_ISTIOCTL = [
    (
        r"Role(Binding)?/istio-(in|e)gressgateway-sds",
        "the same rights have the name of the account in the chart gateway",
    ),
]
ONLY_CHARTS = [
    (r"Role(Binding)?/istio-(in|e)gressgateway-service-account", "as above"),
    (
        r"ValidatingWebhookConfiguration/istiod-default-validator|"
        r"(MutatingWebhookConfiguration/istio|Service/istiod)-revision-tag-default",
        "istioctl does not render the tag `default`, but installs it, and so does istio_operator",
    ),
]
RICH = {
    "istio_access_log": "json",
    "istio_tracing": "zipkin",
    "istio_tracing_collector": "zipkin.istio-system:9411",
    "istio_outbound_traffic_policy": "REGISTRY_ONLY",
    "istio_egress_bypass_ranges": ["10.0.0.0/8"],
    "istio_proxy_resources": {"requests": {"cpu": "50m"}},
    "istio_proxy_concurrency": 3,
    "istio_auto_injection": False,
    "istio_high_availability": True,
    "istio_pilot_max_replicas": 4,
    "istio_pilot_resources": {"requests": {"cpu": "50m"}},
    "istio_pilot_node_selector": {"a": "b"},
    "istio_pilot_tolerations": [{"key": "x", "operator": "Exists"}],
    "istio_cni_enabled": True,
    "istio_cni_excluded_namespaces": ["kube-system", "other"],
    "istio_ingress_service_type": "NodePort",
    "istio_ingress_ports": [{"name": "http2", "port": 80, "nodePort": 30080}, {"name": "https", "port": 443}],
    "istio_ingress_annotations": {"a": "b"},
    "istio_ingress_max_replicas": 3,
    "istio_ingress_resources": {"requests": {"cpu": "60m"}},
    "istio_ingress_node_selector": {"c": "d"},
    "istio_ingress_tolerations": [{"key": "y", "operator": "Exists"}],
    "istio_ingress_rolling_update": {"maxSurge": 1, "maxUnavailable": 0},
}
LAB = {
    "istio_ingress_service_type": "NodePort",
    "istio_operator_spec": {
        "values": {"telemetry": {"enabled": False}, "pilot": {"env": {"PILOT_ENABLE_ALPN_FILTER": "false"}}}
    },
}
AMBIENT = {"istio_dataplane_mode": "ambient"}
ZTUNNEL = {
    "components": {"ztunnel": {"k8s": {"tolerations": [{"key": "z", "operator": "Exists"}]}}},
    "values": {"ztunnel": {"resources": {"requests": {"cpu": "70m"}}, "logLevel": "debug"}},
}
MESHES = {
    "default": ({}, {}),
    "every variable": (RICH, {}),
    "lab": (LAB, {}),
    "demo": ({}, {"profile": "demo"}),
    "minimal with a gateway": ({"istio_ingress_enabled": True}, {"profile": "minimal"}),
    "preview": ({}, {"profile": "preview"}),
    "empty": ({}, {"profile": "empty"}),
    "revision": ({"istio_pilot_min_replicas": 2}, {"revision": "canary"}),
    "own images": ({"istio_cni_enabled": True}, {"hub": "mirror:5000/istio", "tag": "1.31.0-own"}),
    "namespace": ({"istio_namespace": "mesh"}, {"namespace": "mesh"}),
    "ambient": (AMBIENT, {"profile": "ambient"}),
    "ambient with a revision, own images and a gateway": (
        {**AMBIENT, "istio_ingress_enabled": True, "istio_operator_spec": ZTUNNEL},
        {"profile": "ambient", "revision": "canary", "hub": "mirror:5000/istio", "tag": "1.31.0-own"},
    ),
    "ambient in another namespace": (
        {**AMBIENT, "istio_namespace": "mesh"},
        {"profile": "ambient", "namespace": "mesh"},
    ),
}


@pytest.fixture(scope="session")
def programs():
    """istioctl, helm, and the directory of the charts."""
    wanted = versions.load()
    built = {name: gobuild.item(each) for name, each in gobuild.components(wanted).items() if name in ("istio", "helm")}
    release = istio_release.archive(wanted, built["istio"])
    place = helm_release.charts(wanted, release, built["helm"]).path() / helm_release.REPOSITORY
    return built["istio"].path() / "bin/istioctl", built["helm"].path() / "bin/helm", place, wanted.istio


def name_of(one):
    return f"{one['kind']}/{one['metadata']['name']}"


def objects(text):
    return {name_of(one): one for one in yaml.load_all(text, LOADER) if one}


def called(command, text):
    return subprocess.run([*map(str, command)], input=text, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="session")
def meshes(programs):
    """Each mesh by istioctl and by the charts."""
    found = {}
    for mesh, (settings, options) in MESHES.items():
        spec = operator_spec(settings)
        found[mesh] = by_istioctl(programs, spec, options), by_charts(programs, spec, options)
    return found


def by_istioctl(programs, spec, options):
    iop = installer.operator({}, {**options, "spec": spec})
    return objects(called([programs[0], "manifest", "generate", "--filename", "-"], json.dumps(iop)))


def by_charts(programs, spec, options):
    full = installer.operator({}, {**options, "spec": spec})["spec"]
    found = {}
    for one in charts.releases(charts.complete(full, ""), installer.namespace_of(full)):
        archive = programs[2] / f"{one.chart}-{programs[3]}.tgz"
        command = [programs[1], "template", one.name, archive, "--namespace", one.namespace, "--values", "-"]
        made = objects(called(command, json.dumps(one.values)))
        assert not made.keys() & found.keys()
        found |= made
    return found


def plain(value):
    """Without nulls and what is empty; containers by their names, and text in JSON as data."""
    if isinstance(value, dict):
        return {name: inner for name, each in value.items() if (inner := plain(each)) not in (None, {}, [])}
    if isinstance(value, list):
        if value and all(isinstance(one, dict) and "name" in one and ("image" in one) for one in value):
            return {one["name"]: plain(one) for one in value}
        return [plain(one) for one in value]
    if isinstance(value, str) and value.startswith("{"):
        try:
            return plain(json.loads(value))
        except ValueError:
            return value
    return value


def fields(left, right, path=""):
    """The paths of the fields that are not the same in both."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted({*left, *right}, key=str):
            yield from fields(left.get(name, {}), right.get(name, {}), f"{path}.{name}" if path else str(name))
    elif left != right:
        yield path


def compared(left, right):
    """Everything that differs, as kind/name and path, and whether a difference is allowed by which entries."""
    used, faults = set(), []
    for names, allowed in ((left.keys() - right.keys(), ONLY_ISTIOCTL), (right.keys() - left.keys(), ONLY_CHARTS)):
        for name in sorted(names):
            matching = [entry for entry in allowed if re.fullmatch(entry[0], name)]
            used |= set(matching)
            faults += [] if matching else [f"{name} is only in one of them"]
    for name in sorted(left.keys() & right.keys()):
        for path in fields(plain(left[name]), plain(right[name])):
            matching = [entry for entry in DIFFERENCES if re.fullmatch(entry[0], name) and re.fullmatch(entry[1], path)]
            used |= set(matching)
            faults += [] if matching else [f"{name} {path}"]
    return used, faults


@pytest.mark.parametrize("mesh", MESHES)
def test_the_charts_make_the_mesh_of_istioctl(meshes, mesh):
    left, right = meshes[mesh]
    assert bool(left) == (mesh != "empty")
    _used, faults = compared(left, right)
    assert not faults


def test_each_allowed_difference_occurs(meshes):
    """What no mesh needs any more is to be deleted from the list."""
    used = set().union(*(compared(left, right)[0] for left, right in meshes.values()))
    assert {*DIFFERENCES, *ONLY_ISTIOCTL, *ONLY_CHARTS} - used == set()


def test_another_difference_would_be_found(meshes):
    left, right = copy.deepcopy(meshes["default"])
    right["Service/istio-ingressgateway"]["spec"]["ports"][1]["targetPort"] = 80
    right["ConfigMap/istio"]["data"]["mesh"] += "x: y\n"
    del right["ServiceAccount/istiod"]
    assert compared(left, right)[1] == [
        "ServiceAccount/istiod is only in one of them",
        "ConfigMap/istio data.mesh",
        "Service/istio-ingressgateway spec.ports",
    ]
