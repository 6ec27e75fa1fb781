# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Helm releases that make the mesh of an IstioOperator spec, and their values.

Istio publishes the charts base, istiod, cni, ztunnel and gateway. An IstioOperator has more than their values can say:
istioctl patches what its charts have rendered. What the published charts have no value for is refused, with the name of
the variable. Source: operator/pkg/render and manifests/profiles of Istio 1.31.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_settings import SettingFault
from ansible_collections.bare.mesh.plugins.module_utils._istio.installer import merge

Values = dict[str, Any]
VARIABLE = "istio_operator_spec"
INGRESS, EGRESS = "istio-ingressgateway", "istio-egressgateway"
OTHER_METHOD = "set istio_method to istioctl"


class Release(NamedTuple):
    """One Helm release."""

    name: str
    chart: str
    namespace: str
    values: Values


class Unsupported(Exception):
    """The charts cannot express the spec. The arguments are the faults."""


def _gateways(ingress: bool, egress: bool) -> Values:
    return {
        "ingressGateways": [{"name": INGRESS, "enabled": ingress}],
        "egressGateways": [{"name": EGRESS, "enabled": egress}],
    }


# What istioctl's profiles are, beyond what the charts know by values.profile. Profiles that need another platform are
# not among them.
_BASE: Values = {"components": {"base": {"enabled": True}, "pilot": {"enabled": True}, **_gateways(True, False)}}
_PROFILES: dict[str, Values] = {
    "default": {},
    "ambient": {
        "components": {**_gateways(False, False), "cni": {"enabled": True}, "ztunnel": {"enabled": True}},
        "values": {"profile": "ambient"},
    },
    "demo": {"components": _gateways(True, True), "values": {"profile": "demo"}},
    "minimal": {"components": _gateways(False, False)},
    "empty": {"components": {"base": {"enabled": False}, "pilot": {"enabled": False}, **_gateways(False, False)}},
    "preview": {"values": {"profile": "preview"}},
}
_PORTS = [
    {"port": 15021, "targetPort": 15021, "name": "status-port", "protocol": "TCP"},
    {"port": 80, "targetPort": 8080, "name": "http2", "protocol": "TCP"},
    {"port": 443, "targetPort": 8443, "name": "https", "protocol": "TCP"},
]
_DEMO_PORTS = [
    *({name: value for name, value in port.items() if name != "protocol"} for port in _PORTS),
    {"port": 31400, "targetPort": 31400, "name": "tcp"},
    {"port": 15443, "targetPort": 15443, "name": "tls"},
]
_SMALL = {"requests": {"cpu": "10m", "memory": "40Mi"}}
_EGRESS_PORTS = [{**port, "protocol": "TCP"} for port in _PORTS[1:]]
# What istioctl's charts of a gateway have as defaults and the chart gateway has not.
_GATEWAY_DEFAULTS: dict[str, Values] = {
    "ingressGateways": {"type": "LoadBalancer", "ports": _PORTS},
    "egressGateways": {"type": "ClusterIP", "ports": _EGRESS_PORTS},
}
_GATEWAY_PROFILES: dict[tuple[str, str], Values] = {
    ("demo", "ingressGateways"): {"autoscaleEnabled": False, "ports": _DEMO_PORTS, "resources": _SMALL},
    ("demo", "egressGateways"): {"autoscaleEnabled": False, "resources": _SMALL},
}
# Where a field of values.gateways.NAME is in the values of the chart gateway.
_GATEWAY_VALUES = {
    "type": "service.type",
    "ports": "service.ports",
    "serviceAnnotations": "service.annotations",
    "loadBalancerIP": "service.loadBalancerIP",
    "loadBalancerSourceRanges": "service.loadBalancerSourceRanges",
    "externalTrafficPolicy": "service.externalTrafficPolicy",
    "ipFamilyPolicy": "service.ipFamilyPolicy",
    "ipFamilies": "service.ipFamilies",
    "autoscaleEnabled": "autoscaling.enabled",
    "autoscaleMin": "autoscaling.minReplicas",
    "autoscaleMax": "autoscaling.maxReplicas",
    "replicaCount": "replicaCount",
    "rollingMaxSurge": "strategy.rollingUpdate.maxSurge",
    "rollingMaxUnavailable": "strategy.rollingUpdate.maxUnavailable",
    "resources": "resources",
    "nodeSelector": "nodeSelector",
    "tolerations": "tolerations",
    "podAnnotations": "podAnnotations",
    "env": "env",
}
# Where a field of components.X.k8s is in the values of its chart.
_GATEWAY_KUBERNETES = {
    "service.type": "service.type",
    "service.ports": "service.ports",
    "service.loadBalancerIP": "service.loadBalancerIP",
    "service.loadBalancerSourceRanges": "service.loadBalancerSourceRanges",
    "service.externalTrafficPolicy": "service.externalTrafficPolicy",
    "service.ipFamilyPolicy": "service.ipFamilyPolicy",
    "service.ipFamilies": "service.ipFamilies",
    "serviceAnnotations": "service.annotations",
    "hpaSpec.minReplicas": "autoscaling.minReplicas",
    "hpaSpec.maxReplicas": "autoscaling.maxReplicas",
    "strategy": "strategy",
    **{name: name for name in ("affinity", "resources", "nodeSelector", "tolerations", "podAnnotations")},
}
_POD = ("affinity", "resources", "nodeSelector", "tolerations", "podAnnotations")
_KUBERNETES: dict[str, dict[str, str]] = {
    "base": {},
    "pilot": {
        "hpaSpec.minReplicas": "autoscaleMin",
        "hpaSpec.maxReplicas": "autoscaleMax",
        **{name: name for name in _POD},
    },
    "cni": {name: name for name in _POD if name != "nodeSelector"},
    "ztunnel": {name: name for name in _POD},
}
_COMPONENTS = ("base", "pilot", "cni", "ztunnel", "ingressGateways", "egressGateways")
_SPEC_FIELDS = ("profile", "revision", "hub", "tag", "meshConfig", "values", "components", "compatibilityVersion")


def put(values: Values, path: str, value: Any) -> None:
    """Set the value at a path with dots. Mappings are merged."""
    first, _dot, rest = path.partition(".")
    if rest:
        put(values.setdefault(first, {}), rest, value)
    else:
        values[first] = merge(values.get(first), value)


def _leaves(value: Any, known: dict[str, str], path: str = "") -> list[tuple[str, Any]]:
    """The fields of a mapping by their paths: divided only above the known paths."""
    if path in known or not isinstance(value, dict) or (path and not any(one.startswith(f"{path}.") for one in known)):
        return [(path, value)]
    return [leaf for name, inner in value.items() for leaf in _leaves(inner, known, f"{path}.{name}" if path else name)]


def _translate(given: Values, known: dict[str, str], where: str, faults: list[SettingFault]) -> Values:
    """The values of a chart for the fields that are given."""
    found: Values = {}
    for path, value in _leaves(given, known) if given else []:
        if path in known:
            put(found, known[path], copy.deepcopy(value))
        else:
            faults.append(_fault(f"{where}.{path}", value))
    return found


def _fault(where: str, value: Any) -> SettingFault:
    if where.endswith(".k8s.overlays") and "spec.template.spec.hostNetwork" in str(value):
        where = "istio_ingress_host_network"
    return SettingFault(where, "is set, and Istio's charts have no value for it", f"Leave it out, or {OTHER_METHOD}")


def _component(spec: Values, name: str, faults: list[SettingFault]) -> Values:
    """The settings of a component, and the faults among them."""
    one = (spec.get("components") or {}).get(name) or {}
    for field in set(one) - {"enabled", "namespace", "k8s"}:
        faults.append(_fault(f"{VARIABLE}.components.{name}.{field}", one[field]))
    if name != "cni" and one.get("namespace"):
        faults.append(_fault(f"{VARIABLE}.components.{name}.namespace", one["namespace"]))
    return one


def _gateway(kind: str, one: Values, spec: Values, faults: list[SettingFault]) -> Values:
    """The values of the chart gateway for one gateway of the spec."""
    default = INGRESS if kind == "ingressGateways" else EGRESS
    where = f"{VARIABLE}.components.{kind}.{one.get('name', '')}"
    for field in set(one) - {"name", "enabled", "namespace", "label", "k8s"}:
        faults.append(_fault(f"{where}.{field}", one[field]))
    values = spec.get("values") or {}
    defaults = merge(_GATEWAY_DEFAULTS[kind], _GATEWAY_PROFILES.get((values.get("profile", ""), kind), {}))
    own = {name: value for name, value in ((values.get("gateways") or {}).get(default) or {}).items() if name != "name"}
    given = merge(defaults, own)
    found: Values = {
        "name": one.get("name") or default,
        # The account is the identity of the gateway in policies, so it has the name that istioctl gives it.
        "serviceAccount": {"name": f"{one.get('name') or default}-service-account"},
        "labels": {"app": default, "istio": default.removeprefix("istio-"), **(one.get("label") or {})},
        "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "25%"}},
        "podDisruptionBudget": {"minAvailable": 1},
    }
    found = merge(found, _translate(given, _GATEWAY_VALUES, f"{VARIABLE}.values.gateways.{default}", faults))
    found = merge(found, _translate(one.get("k8s") or {}, _GATEWAY_KUBERNETES, f"{where}.k8s", faults))
    if spec.get("revision"):
        found["revision"] = spec["revision"]
    return found


def complete(spec: Values, profile: str) -> Values:
    """The spec over its profile. Raises Unsupported for a profile that the charts do not have."""
    profile = profile or spec.get("profile") or "default"
    if profile not in _PROFILES:
        fix = f"Use {', '.join(_PROFILES)}, or {OTHER_METHOD}"
        raise Unsupported(SettingFault("istio_profile", f"is {profile}, which is not installed by charts", fix))
    return merge(merge(_BASE, _PROFILES[profile]), spec)


def releases(spec: Values, namespace: str = "istio-system", default_revision: str | None = None) -> list[Release]:
    """The releases of a complete spec, in the order of their installation.

    default_revision is the revision to which namespaces without a revision of their own belong; None: this one.
    Raises Unsupported with all faults.
    """
    faults = [_fault(f"{VARIABLE}.{name}", value) for name, value in spec.items() if name not in _SPEC_FIELDS]
    components = spec.get("components") or {}
    for name, one in components.items():
        if name not in _COMPONENTS and one.get("enabled", True):
            faults.append(_fault(f"{VARIABLE}.components.{name}", one))
    revision = (spec.get("values") or {}).get("revision") or spec.get("revision") or ""
    spec = {**spec, "revision": revision}
    leading = default_revision in (None, revision or "default")
    common = _common(spec, namespace)
    found: list[Release] = []
    base, pilot, cni = (_component(spec, name, faults) for name in ("base", "pilot", "cni"))
    _translate(base.get("k8s") or {}, _KUBERNETES["base"], f"{VARIABLE}.components.base.k8s", faults)
    if base.get("enabled", True):
        first = (revision or "default") if leading else default_revision
        own = {"base": (spec.get("values") or {}).get("base") or {}, "defaultRevision": first}
        found.append(Release("istio-base", "base", namespace, {**_shared(common), **own}))
    if pilot.get("enabled", True):
        values = _istiod(common, spec, bool(cni.get("enabled")), bool(revision) and leading)
        patched = _translate(pilot.get("k8s") or {}, _KUBERNETES["pilot"], f"{VARIABLE}.components.pilot.k8s", faults)
        values["pilot"] = merge(values["pilot"], patched)
        found.append(Release("istiod" + (f"-{revision}" if revision else ""), "istiod", namespace, values))
    if cni.get("enabled"):
        patched = _translate(cni.get("k8s") or {}, _KUBERNETES["cni"], f"{VARIABLE}.components.cni.k8s", faults)
        own = {"cni": merge((spec.get("values") or {}).get("cni") or {}, patched)}
        found.append(Release("istio-cni", "cni", cni.get("namespace") or namespace, {**_shared(common), **own}))
    ztunnel = _component(spec, "ztunnel", faults)
    if ztunnel.get("enabled"):
        place = f"{VARIABLE}.components.ztunnel.k8s"
        patched = _translate(ztunnel.get("k8s") or {}, _KUBERNETES["ztunnel"], place, faults)
        found.append(Release("ztunnel", "ztunnel", namespace, merge(_ztunnel(common), patched)))
    for kind in ("ingressGateways", "egressGateways"):
        for one in components.get(kind) or []:
            if one.get("enabled", True):
                values = _gateway(kind, one, spec, faults)
                found.append(Release(values["name"], "gateway", one.get("namespace") or namespace, values))
    if faults:
        raise Unsupported(*faults)
    return found


def _common(spec: Values, namespace: str) -> Values:
    """The values that an IstioOperator has for all components."""
    values = copy.deepcopy(spec.get("values") or {})
    own: Values = {"global": {"istioNamespace": namespace}}
    for name in ("hub", "tag"):
        if spec.get(name):
            own["global"][name] = spec[name]
    for name in ("revision", "meshConfig", "compatibilityVersion"):
        if spec.get(name):
            own[name] = spec[name]
    # As with istioctl, a value of the user is above the field of the spec that means the same.
    return merge(own, values)


def _shared(common: Values) -> Values:
    """The values that all charts read, except gateway."""
    names = ("global", "revision", "profile", "compatibilityVersion", "platform")
    return {name: copy.deepcopy(common[name]) for name in names if name in common}


def _ztunnel(common: Values) -> Values:
    """This chart has its own values at the root, where it also looks for those of global."""
    return merge(_shared(common), common.get("ztunnel") or {})


def _istiod(common: Values, spec: Values, with_cni: bool, tagged: bool) -> Values:
    others = ("gateways", "ztunnel", "defaultRevision")
    found = {name: value for name, value in copy.deepcopy(common).items() if name not in others}
    found["pilot"] = merge({"cni": {"enabled": with_cni}}, found.get("pilot") or {})
    if tagged:
        found["revisionTags"] = list(dict.fromkeys([*(found.get("revisionTags") or []), "default"]))
    return found
