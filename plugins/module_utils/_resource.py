# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Definitions as plain data: reading, checking, naming and ordering them. Nothing here talks to a cluster."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._failure import Failure, library

# What the server alone writes; server-side apply refuses or ignores it in a definition.
SERVER_FIELDS = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")

# Kinds in the order in which they depend on each other; those of one number are written together.
_ORDER = {
    "Namespace": 0,
    "CustomResourceDefinition": 0,
    "PriorityClass": 1,
    "StorageClass": 1,
    "ServiceAccount": 1,
    "Secret": 1,
    "ConfigMap": 1,
    "Role": 1,
    "ClusterRole": 1,
    "LimitRange": 1,
    "ResourceQuota": 1,
    "PersistentVolume": 1,
    "PersistentVolumeClaim": 1,
    "Service": 1,
    "NetworkPolicy": 1,
    "RoleBinding": 2,
    "ClusterRoleBinding": 2,
    "Pod": 3,
    "Deployment": 3,
    "DaemonSet": 3,
    "StatefulSet": 3,
    "ReplicaSet": 3,
    "Job": 3,
    "CronJob": 3,
    "HorizontalPodAutoscaler": 4,
    "PodDisruptionBudget": 4,
    "Ingress": 4,
    "MutatingWebhookConfiguration": 5,
    "ValidatingWebhookConfiguration": 5,
    "APIService": 5,
    # Subsets before the routes that use them, so that traffic never meets a missing one.
    "DestinationRule": 6,
    "ServiceEntry": 6,
    "Gateway": 6,
}
_DEFAULT_ORDER = 7


def load_yaml(text: str, origin: str) -> list[Any]:
    """Every document of a YAML text."""
    yaml = library("yaml", "PyYAML")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return [document for document in yaml.load_all(text, Loader=loader) if document is not None]
    except yaml.YAMLError as error:
        raise Failure(f"{origin} is not valid YAML: {error}") from error


def read_file(path: str) -> list[Any]:
    try:
        with open(path, encoding="utf-8") as stream:
            return load_yaml(stream.read(), path)
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not UTF-8 text") from error


def expand(definitions: list[Any], origin: str) -> list[dict[str, Any]]:
    """Checked definitions; a List is replaced by its items."""
    result: list[dict[str, Any]] = []
    faults = []
    for number, definition in enumerate(definitions, 1):
        where = f"{origin}, object {number}"
        if not isinstance(definition, dict):
            faults.append(f"{where}: a mapping is needed, this is {definition!r:.60}")
        elif isinstance(definition.get("items"), list) and str(definition.get("kind", "")).endswith("List"):
            result += expand(definition["items"], f"{where}, items")
        else:
            meta = definition.get("metadata")
            missing = [key for key in ("apiVersion", "kind") if not isinstance(definition.get(key), str)]
            if not isinstance(meta, dict) or not isinstance(meta.get("name"), str) or not meta["name"]:
                missing.append("metadata.name")
            if missing:
                faults.append(f"{where}: {' and '.join(missing)} missing, or not a string")
            result.append(definition)
    if faults:
        raise Failure("; ".join(faults))
    return result


def normalise(definition: dict[str, Any], namespaced: bool, namespace: str) -> dict[str, Any]:
    """A copy as it is sent: with its namespace and without what is the server's."""
    # Empty labels say nothing, and the server drops them.
    meta = {key: value for key, value in definition["metadata"].items() if key not in SERVER_FIELDS and value not in (None, {}, [])}
    if namespaced:
        meta["namespace"] = meta.get("namespace") or namespace
    else:
        meta.pop("namespace", None)
    return {**{key: value for key, value in definition.items() if key != "status"}, "metadata": meta}


def identity(definition: dict[str, Any]) -> str:
    """How messages and results name an object: Kind namespace/name."""
    meta = definition["metadata"]
    return f"{definition['kind']} " + "/".join(part for part in (meta.get("namespace"), meta["name"]) if part)


def key(definition: dict[str, Any]) -> tuple[str, str, str, str]:
    """Group, kind, namespace and name: what makes an object one; its API version does not."""
    meta = definition["metadata"]
    group = definition["apiVersion"].rpartition("/")[0]
    return group, definition["kind"], meta.get("namespace", ""), meta["name"]


def duplicates(definitions: list[dict[str, Any]]) -> list[str]:
    """Objects that a batch names more than once."""
    counts = Counter(map(key, definitions))
    return sorted({identity(one) for one in definitions if counts[key(one)] > 1})


def waves(definitions: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Groups to be written one after the other."""
    result: dict[int, list[dict[str, Any]]] = {}
    for definition in definitions:
        result.setdefault(_ORDER.get(definition["kind"], _DEFAULT_ORDER), []).append(definition)
    return [result[number] for number in sorted(result)]


def summary(definition: dict[str, Any], action: str) -> dict[str, str]:
    """An object in a module's result."""
    meta = definition["metadata"]
    return {
        "api_version": definition["apiVersion"],
        "kind": definition["kind"],
        "namespace": meta.get("namespace", ""),
        "name": meta["name"],
        "action": action,
    }
