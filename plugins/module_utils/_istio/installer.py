# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `istioctl install` does with rendered objects, as pure functions.

Source: operator/pkg/install, operator/pkg/uninstall and istioctl/pkg/tag of Istio 1.31. The field manager, the labels
and the revision tag are the same, so istioctl and this module can be used on the same mesh.
"""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s.argspec import WAITING

# The arguments of the modules that install a mesh: doc_fragments/mesh.py.
MESH: dict[str, Any] = {
    "spec": {"type": "dict", "default": {}},
    **{name: {"type": "str"} for name in ("profile", "revision", "hub", "tag", "namespace")},
    "wait": {**WAITING["wait"], "default": True},
    "wait_timeout": {**WAITING["wait_timeout"], "default": 600},
}
MANAGER = "istio-operator"
COMPONENT = "operator.istio.io/component"
OWNER = "install.operator.istio.io/owning-resource"
OWNER_NAMESPACE = "install.operator.istio.io/owning-resource-namespace"
MANAGED = "operator.istio.io/managed"
VERSION = "operator.istio.io/version"
NOT_PRUNED = "install.operator.istio.io/owning-resource-not-pruned"
REVISION = "istio.io/rev"
TAG = "istio.io/tag"

# The component of an object without a component label, by its chart.
_CHARTS = {
    "base": "Base",
    "istiod": "Pilot",
    "cni": "Cni",
    "ztunnel": "Ztunnel",
    "istio-ingress": "IngressGateways",
    "istio-egress": "EgressGateways",
}
# Each group is applied and waited for before the next one: gateways need the injection of istiod.
_GROUPS = (("Base",), ("Cni", "Pilot"), ("Ztunnel", "IngressGateways", "EgressGateways"))

# The kinds that istioctl prunes. CRDs are not among them, because their removal would delete the users' objects.
PRUNED = (
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "DaemonSet"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("networking.istio.io/v1alpha3", "EnvoyFilter"),
)


def merge(base: Any, over: Any) -> Any:
    """Merge two values: mappings are merged, everything else is replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{key: merge(base.get(key), value) for key, value in over.items()}}
    return copy.deepcopy(over)


def operator(source: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The IstioOperator for istioctl: the file, overridden by the option spec, overridden by single options."""
    spec = merge(source.get("spec") or {}, params.get("spec") or {})
    for option in ("profile", "revision", "hub", "tag"):
        if params.get(option):
            spec[option] = params[option]
    if params.get("namespace"):
        spec = merge(spec, {"values": {"global": {"istioNamespace": params["namespace"]}}})
    name = (source.get("metadata") or {}).get("name")
    return {
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": {"name": name} if name else {},
        "spec": spec,
    }


def _value(spec: dict[str, Any], *path: str) -> Any:
    current: Any = spec
    for name in path:
        current = current.get(name) if isinstance(current, dict) else None
    return current


def namespace_of(spec: dict[str, Any]) -> str:
    return _value(spec, "values", "global", "istioNamespace") or "istio-system"


def revision_of(spec: dict[str, Any]) -> str:
    """The name of the revision; empty for the default revision."""
    return _value(spec, "values", "revision") or spec.get("revision") or ""


def owner_labels(iop: dict[str, Any], version: str) -> dict[str, str]:
    labels = {
        MANAGED: "Reconcile",
        VERSION: version,
        OWNER_NAMESPACE: namespace_of(iop["spec"]),
        REVISION: revision_of(iop["spec"]) or "default",
    }
    if iop["metadata"].get("name"):
        labels[OWNER] = iop["metadata"]["name"]
    return labels


def component_of(definition: dict[str, Any]) -> str:
    labels = definition["metadata"].get("labels") or {}
    chart = str(labels.get("helm.sh/chart", "")).rpartition("-")[0]
    return labels.get(COMPONENT) or _CHARTS.get(chart, "Base")


def labelled(definition: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    meta = definition["metadata"]
    return {**definition, "metadata": {**meta, "labels": {**(meta.get("labels") or {}), **labels}}}


def owned(objects: list[dict[str, Any]], labels: dict[str, str]) -> list[dict[str, Any]]:
    """The rendered objects with the labels by which istioctl and this module recognize them."""
    return [labelled(one, {**labels, COMPONENT: component_of(one)}) for one in objects]


def groups(objects: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [part for names in _GROUPS if (part := [one for one in objects if component_of(one) in names])]


def canonical_webhook(objects: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The injection webhook configuration of the revision, if it is among the objects."""
    for one in objects:
        labels = one["metadata"].get("labels") or {}
        if (
            one["kind"] == "MutatingWebhookConfiguration"
            and TAG not in labels
            and any(map(_injects, one.get("webhooks") or []))
        ):
            return one
    return None


def _injects(webhook: dict[str, Any]) -> bool:
    return str(webhook.get("name", "")).endswith("sidecar-injector.istio.io")


def tag_needed(spec: dict[str, Any], tag_exists: bool, wanted: bool = False) -> bool:
    """Whether to point the tag `default` to this revision.

    Always for the default revision, for others if it is wanted or the tag does not exist.
    """
    managed_elsewhere = bool(_value(spec, "values", "global", "operatorManageWebhooks"))
    return not managed_elsewhere and (wanted or not tag_exists or not revision_of(spec))


def left_alone(objects: list[dict[str, Any]], keep: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The objects that are not among those to keep, which are described as the results of modules describe them."""
    names = {tuple(one.get(part) or "" for part in ("kind", "namespace", "name")) for one in keep}
    return [
        one
        for one in objects
        if (one["kind"], one["metadata"].get("namespace") or "", one["metadata"]["name"]) not in names
    ]


def tag_settings(spec: dict[str, Any], webhook: dict[str, Any]) -> dict[str, str]:
    """The settings from which istioctl renders the objects of the tag."""
    first = next(filter(_injects, webhook["webhooks"]))
    by_default = _value(spec, "values", "sidecarInjectorWebhook", "enableNamespacesByDefault")
    settings = {
        "profile": "empty",
        "components.pilot.enabled": "true",
        "revision": revision_of(spec) or "default",
        "values.revisionTags[0]": "default",
        "values.sidecarInjectorWebhook.enableNamespacesByDefault": "true" if by_default else "false",
        "values.istiodRemote.injectionURL": first["clientConfig"].get("url") or "",
        "values.global.istioNamespace": namespace_of(spec),
    }
    if first.get("reinvocationPolicy"):
        settings["values.sidecarInjectorWebhook.reinvocationPolicy"] = first["reinvocationPolicy"]
    return settings


def tag_objects(
    rendered: list[dict[str, Any]], webhook: dict[str, Any], labels: dict[str, str], namespace: str
) -> list[dict[str, Any]]:
    """The objects of the tag as istioctl deploys them: with the address of the revision's webhook, and never pruned."""
    address = next(filter(_injects, webhook["webhooks"]))["clientConfig"]
    meta = webhook["metadata"]
    general = {name: value for name, value in (meta.get("labels") or {}).items() if name != "app"}
    mine = {**labels, NOT_PRUNED: "true"}
    result = []
    for one in rendered:
        if one["kind"] == "MutatingWebhookConfiguration":
            one = labelled(copy.deepcopy(one), {**general, **mine})
            for entry in one["webhooks"]:
                if "service" in entry["clientConfig"]:
                    entry["clientConfig"]["service"].update(
                        {key: address["service"][key] for key in ("name", "path") if key in address["service"]}
                    )
            result.append(_annotated(one, meta))
        elif one["kind"] == "Service":
            one = labelled(copy.deepcopy(one), mine)
            for port in one["spec"]["ports"]:
                # istioctl always writes this field, so it owns it.
                port.setdefault("targetPort", port["port"])
            result.append(one)
    if result:
        validator = default_validator(address, namespace, revision_of_label(labels))
        result.append(_annotated(labelled(validator, {**general, **mine, "app": "istiod", "istio": "istiod"}), meta))
    return result


def revision_of_label(labels: dict[str, str]) -> str:
    return "" if labels[REVISION] == "default" else labels[REVISION]


def _annotated(one: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    annotations = {**(one["metadata"].get("annotations") or {}), **(meta.get("annotations") or {})}
    return {**one, "metadata": {**one["metadata"], "annotations": annotations}} if annotations else one


def default_validator(client_config: dict[str, Any], namespace: str, revision: str) -> dict[str, Any]:
    """The webhook that validates objects without a revision label, as in Istio's chart `default`."""
    if client_config.get("url"):
        base = client_config["url"].split("://", 1)
        target: dict[str, Any] = {"url": f"{base[0]}://{base[-1].split('/')[0]}/validate"}
    else:
        service = "istiod" + (f"-{revision}" if revision else "")
        target = {"service": {"name": service, "namespace": namespace, "path": "/validate"}}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {
            "name": "istiod-default-validator",
            "labels": {"app": "istiod", "istio": "istiod", TAG: "default", "app.kubernetes.io/name": "istiod"},
        },
        "webhooks": [
            {
                "name": "validation.istio.io",
                "clientConfig": target,
                "rules": [
                    {
                        "operations": ["CREATE", "UPDATE"],
                        "apiGroups": [
                            f"{name}.istio.io" for name in ("security", "networking", "telemetry", "extensions")
                        ],
                        "apiVersions": ["*"],
                        "resources": ["*"],
                    }
                ],
                "failurePolicy": "Ignore",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "objectSelector": {"matchExpressions": [{"key": REVISION, "operator": "DoesNotExist"}]},
            }
        ],
    }


def deactivated(webhook: dict[str, Any]) -> dict[str, Any]:
    """The webhooks of the default revision when the tag exists: they match nothing."""
    never = {"matchLabels": {"istio.io/deactivated": "never-match"}}
    entries = [{**entry, "namespaceSelector": never, "objectSelector": never} for entry in webhook["webhooks"]]
    return {**webhook, "webhooks": entries}


def adapt(desired: dict[str, Any], live: dict[str, Any]) -> dict[str, Any]:
    """Keep values that other controllers set on purpose.

    All revisions share the base, so it keeps the label of the revision that installed it. Otherwise each run of one
    revision would change the label of the other. istiod sets the failurePolicy of its webhooks to Fail when it can
    validate.
    """
    revision = (live["metadata"].get("labels") or {}).get(REVISION)
    if component_of(desired) == "Base" and revision:
        return labelled(desired, {REVISION: revision})
    if desired["kind"] != "ValidatingWebhookConfiguration":
        return desired
    policies = {entry["name"]: entry.get("failurePolicy") for entry in live.get("webhooks") or []}
    entries = [
        {**entry, "failurePolicy": "Fail"}
        if policies.get(entry["name"]) == "Fail" and entry.get("failurePolicy") == "Ignore"
        else entry
        for entry in desired["webhooks"]
    ]
    return {**desired, "webhooks": entries}


def prune_selector(labels: dict[str, str], base: bool = False) -> str:
    """Label selector of all objects that this IstioOperator installed. base: only those of the base, of any revision.

    In any version: an upgrade removes old objects too.
    """
    left_out = (VERSION, REVISION) if base else (VERSION,)
    chosen = {name: value for name, value in labels.items() if name not in left_out}
    first = f"{COMPONENT}=Base" if base else COMPONENT
    return ",".join([first, *(f"{name}={value}" for name, value in sorted(chosen.items()))])


def prunable(live: dict[str, Any], named: bool) -> bool:
    """Whether an object may be pruned. An unnamed IstioOperator does not prune the objects of a named one."""
    labels = live["metadata"].get("labels") or {}
    return labels.get(NOT_PRUNED) != "true" and (named or labels.get(OWNER, "unknown") == "unknown")
