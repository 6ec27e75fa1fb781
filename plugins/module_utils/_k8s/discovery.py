# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The API paths of kinds: from a table of known kinds, from the CRDs of the task, or by discovery."""

from __future__ import annotations

import difflib
import os
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, library

if TYPE_CHECKING:
    from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client


class Kind(NamedTuple):
    plural: str
    namespaced: bool


class UnknownKind(Failure):
    """The cluster does not serve this kind."""


# group -> {kind: plural}; https://kubernetes.io/docs/reference/kubernetes-api/
_NAMESPACED: dict[str, dict[str, str]] = {
    "": {
        "ConfigMap": "configmaps",
        "Endpoints": "endpoints",
        "Event": "events",
        "LimitRange": "limitranges",
        "PersistentVolumeClaim": "persistentvolumeclaims",
        "Pod": "pods",
        "ResourceQuota": "resourcequotas",
        "Secret": "secrets",
        "Service": "services",
        "ServiceAccount": "serviceaccounts",
    },
    "apps": {
        "DaemonSet": "daemonsets",
        "Deployment": "deployments",
        "ReplicaSet": "replicasets",
        "StatefulSet": "statefulsets",
    },
    "autoscaling": {"HorizontalPodAutoscaler": "horizontalpodautoscalers"},
    "batch": {"CronJob": "cronjobs", "Job": "jobs"},
    "coordination.k8s.io": {"Lease": "leases"},
    "discovery.k8s.io": {"EndpointSlice": "endpointslices"},
    "networking.k8s.io": {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"},
    "policy": {"PodDisruptionBudget": "poddisruptionbudgets"},
    "rbac.authorization.k8s.io": {"Role": "roles", "RoleBinding": "rolebindings"},
    # https://istio.io/latest/docs/reference/config/
    "extensions.istio.io": {"TrafficExtension": "trafficextensions", "WasmPlugin": "wasmplugins"},
    "networking.istio.io": {
        "DestinationRule": "destinationrules",
        "EnvoyFilter": "envoyfilters",
        "Gateway": "gateways",
        "ProxyConfig": "proxyconfigs",
        "ServiceEntry": "serviceentries",
        "Sidecar": "sidecars",
        "VirtualService": "virtualservices",
        "WorkloadEntry": "workloadentries",
        "WorkloadGroup": "workloadgroups",
    },
    "security.istio.io": {
        "AuthorizationPolicy": "authorizationpolicies",
        "PeerAuthentication": "peerauthentications",
        "RequestAuthentication": "requestauthentications",
    },
    "telemetry.istio.io": {"Telemetry": "telemetries"},
    # https://gateway-api.sigs.k8s.io/. Last, because a Gateway without its group is rather meant to be Istio's.
    "gateway.networking.k8s.io": {
        "Gateway": "gateways",
        "GRPCRoute": "grpcroutes",
        "HTTPRoute": "httproutes",
        "ReferenceGrant": "referencegrants",
    },
}
_CLUSTER_WIDE: dict[str, dict[str, str]] = {
    "": {"Namespace": "namespaces", "Node": "nodes", "PersistentVolume": "persistentvolumes"},
    "admissionregistration.k8s.io": {
        "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
        "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
        "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
        "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
    },
    "apiextensions.k8s.io": {"CustomResourceDefinition": "customresourcedefinitions"},
    "apiregistration.k8s.io": {"APIService": "apiservices"},
    "rbac.authorization.k8s.io": {"ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings"},
    "scheduling.k8s.io": {"PriorityClass": "priorityclasses"},
    "storage.k8s.io": {"CSIDriver": "csidrivers", "StorageClass": "storageclasses"},
}
KNOWN: dict[tuple[str, str], Kind] = {
    (group, kind): Kind(plural, namespaced)
    for table, namespaced in ((_NAMESPACED, True), (_CLUSTER_WIDE, False))
    for group, kinds in table.items()
    for kind, plural in kinds.items()
}


def split_version(api_version: str) -> tuple[str, str]:
    """Group and version; the core group's name is empty."""
    group, _slash, version = api_version.rpartition("/")
    return group, version


def suggest(api_version: str, kind: str) -> str:
    """The known kind that is probably meant, as a question; empty if no known kind is close."""
    group = split_version(api_version)[0]
    if (group, kind) in KNOWN:
        return ""
    owners = [owner for owner, name in KNOWN if name == kind]
    if owners:
        return f"Did you mean the {kind} of the API group {owners[0] or 'v1'}?"
    near = difflib.get_close_matches(kind, sorted({name for _owner, name in KNOWN}), 1, 0.8)
    return f"Did you mean {near[0]}?" if near else ""


def not_served(api_version: str, kind: str) -> str:
    """The message about a kind that the cluster does not serve."""
    hint = suggest(api_version, kind)
    fix = f". {hint}" if hint else ": install its CustomResourceDefinition first, or correct apiVersion and kind"
    return f"the cluster serves no kind {kind} in {api_version}{fix}"


def is_crd(definition: dict[str, Any]) -> bool:
    return group_kind(definition) == ("apiextensions.k8s.io", "CustomResourceDefinition")


def group_kind(definition: dict[str, Any]) -> tuple[str, str]:
    """Group and kind, which identify a kind: a Job of another group is not a Job of Kubernetes."""
    return split_version(definition["apiVersion"])[0], definition["kind"]


def _kinds_in(client: Client, api_version: str) -> set[str]:
    """The kinds that the cluster serves in an API version; subresources such as pods/log are not kinds."""
    content = client.get(f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}") or {}
    return {resource["kind"] for resource in content.get("resources") or [] if "/" not in resource["name"]}


class Kinds:
    """The kinds that one run uses."""

    def __init__(self, client: Client | None) -> None:
        self.client = client
        self.learned: dict[tuple[str, str], Kind] = {}
        self.brought: set[tuple[str, str]] = set()
        self._served: dict[str, dict[str, set[str]]] = {}
        self._dynamic: Any = None

    def learn(self, objects: list[dict[str, Any]]) -> None:
        """Take kinds from the CRDs among the objects, because the cluster may not know them yet."""
        for definition in objects:
            if is_crd(definition):
                spec = definition.get("spec") or {}
                names = spec.get("names") or {}
                kind = Kind(names.get("plural", ""), spec.get("scope") == "Namespaced")
                self.learned[spec.get("group", ""), names.get("kind", "")] = kind
                self.brought.add((spec.get("group", ""), names.get("kind", "")))

    def served_versions(self, api_version: str, kind: str) -> list[str]:
        """The API versions, such as apps/v1, in which the cluster serves the kind, the preferred one first."""
        group = split_version(api_version)[0]
        if self.client is None:
            return []
        if group not in self._served:
            listed = (self.client.get(f"/apis/{group}" if group else "/api") or {}).get("versions") or []
            names = [entry["groupVersion"] if isinstance(entry, dict) else entry for entry in listed]
            self._served[group] = {name: _kinds_in(self.client, name) for name in names}
        return [name for name, kinds in self._served[group].items() if kind in kinds]

    def find(self, api_version: str, kind: str) -> Kind:
        """Plural name and scope of a kind.

        Raises UnknownKind if it is in no table and the cluster does not serve it.
        """
        key = split_version(api_version)[0], kind
        found = KNOWN.get(key) or self.learned.get(key)
        if found is None:
            found = self.learned[key] = self._discover(api_version, kind)
        return found

    def _discover(self, api_version: str, kind: str) -> Kind:
        if self.client is not None:
            dynamic = library("openshift.dynamic", "openshift")
            errors = library("kubernetes.dynamic.exceptions", "kubernetes")
            try:
                if self._dynamic is None:
                    # A cache only for this run: the default is a file in /tmp that any user can write.
                    with tempfile.TemporaryDirectory() as folder:
                        self._dynamic = dynamic.DynamicClient(
                            self.client.api_client, cache_file=os.path.join(folder, "cache")
                        )
                resource = self._dynamic.resources.get(api_version=api_version, kind=kind)
                return Kind(resource.name, resource.namespaced)
            except (errors.ResourceNotFoundError, errors.ResourceNotUniqueError, errors.NotFoundError):
                pass
        raise UnknownKind(not_served(api_version, kind))

    def collection(self, api_version: str, kind: str, namespace: str = "") -> str:
        """The API path of the objects of a kind, in one namespace or in all. Raises UnknownKind."""
        found = self.find(api_version, kind)
        base = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        namespace = quote(namespace, safe="")
        if found.namespaced and namespace:
            base += f"/namespaces/{namespace}"
        return f"{base}/{found.plural}"

    def namespaced(self, definition: dict[str, Any]) -> bool:
        return self.find(definition["apiVersion"], definition["kind"]).namespaced

    def path(self, definition: dict[str, Any]) -> str:
        """The API path of an object. Raises UnknownKind."""
        meta = definition["metadata"]
        folder = self.collection(definition["apiVersion"], definition["kind"], meta.get("namespace", ""))
        return f"{folder}/{quote(meta['name'], safe='')}"
