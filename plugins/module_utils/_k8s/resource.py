# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Definitions as plain data: read, check, name and order them. This file does not use the cluster."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, library

# Fields that only the API server writes. Server-side apply refuses or ignores them in a definition.
SERVER_FIELDS = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")

# (group, kind) -> wave number: kinds depend only on kinds of earlier waves.
_ORDER = {
    kind: number
    for number, kinds in enumerate(
        (
            (("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition")),
            (
                ("scheduling.k8s.io", "PriorityClass"),
                ("storage.k8s.io", "StorageClass"),
                *(("", kind) for kind in ("ServiceAccount", "ConfigMap")),
                *(("", kind) for kind in ("LimitRange", "ResourceQuota", "Service")),
                *((("", kind)) for kind in ("PersistentVolume", "PersistentVolumeClaim")),
                ("rbac.authorization.k8s.io", "Role"),
                ("rbac.authorization.k8s.io", "ClusterRole"),
                ("networking.k8s.io", "NetworkPolicy"),
            ),
            (
                *(("rbac.authorization.k8s.io", kind) for kind in ("RoleBinding", "ClusterRoleBinding")),
                # A token's Secret is deleted by its controller if its ServiceAccount is not there yet.
                ("", "Secret"),
            ),
            (
                ("", "Pod"),
                *(("apps", kind) for kind in ("Deployment", "DaemonSet", "StatefulSet", "ReplicaSet")),
                ("batch", "Job"),
                ("batch", "CronJob"),
            ),
            (
                ("autoscaling", "HorizontalPodAutoscaler"),
                ("policy", "PodDisruptionBudget"),
                ("networking.k8s.io", "Ingress"),
            ),
            (
                ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
                ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
                ("apiregistration.k8s.io", "APIService"),
            ),
            # Subsets before the routes that use them, so that no route uses a missing subset.
            (
                ("networking.istio.io", "DestinationRule"),
                ("networking.istio.io", "ServiceEntry"),
                ("networking.istio.io", "Gateway"),
            ),
        )
    )
    for kind in kinds
}
_DEFAULT_ORDER = 7


def load_yaml(text: str, origin: str) -> list[Any]:
    """The documents of a YAML text. Raises Failure, with the line and without the text, if it is not valid."""
    yaml = library("yaml", "PyYAML")
    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # Kubernetes has no dates: 2026-01-01 is a text, as for kubectl.
    resolvers = {
        first: [(tag, expression) for tag, expression in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in safe.yaml_implicit_resolvers.items()
    }
    loader = type("Loader", (safe,), {"yaml_implicit_resolvers": resolvers})
    try:
        return [_with_text_keys(document) for document in yaml.load_all(text, Loader=loader) if document is not None]
    except yaml.YAMLError as error:
        # Without the text around the error, which may be part of a Secret.
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Failure(
            f"{origin} is not valid YAML{where}: {getattr(error, 'problem', None) or type(error).__name__}"
        ) from error


def _with_text_keys(value: Any) -> Any:
    """The value with texts as keys, as JSON has them: Istio's documentation writes ports as keys without quotes."""
    if isinstance(value, list):
        return [_with_text_keys(item) for item in value]
    if isinstance(value, dict):
        return {_key(name): _with_text_keys(item) for name, item in value.items()}
    return value


def _key(name: Any) -> Any:
    return json.dumps(name) if isinstance(name, (bool, int, float)) else name


def read_file(path: str) -> list[Any]:
    """The documents of a YAML file. Raises Failure if it cannot be read or is not valid."""
    try:
        with open(path, encoding="utf-8") as stream:
            return load_yaml(stream.read(), path)
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not UTF-8 text") from error


def expand(definitions: list[Any], origin: str) -> list[dict[str, Any]]:
    """Check definitions and replace Lists by their items.

    Raises Failure with all faults; origin is their source, for the message.
    """
    result: list[dict[str, Any]] = []
    faults = []
    for number, definition in enumerate(definitions, 1):
        where = f"{origin}, object {number}"
        if not isinstance(definition, dict):
            faults.append(f"{where}: must be a mapping, is {definition!r:.60}")
        elif isinstance(definition.get("items"), list) and str(definition.get("kind", "")).endswith("List"):
            result += expand(definition["items"], f"{where}, items")
        else:
            meta = definition.get("metadata")
            missing = [key for key in ("apiVersion", "kind") if not isinstance(definition.get(key), str)]
            if not isinstance(meta, dict) or not isinstance(meta.get("name"), str) or not meta["name"]:
                missing.append("metadata.name")
            if missing:
                faults.append(f"{where}: {' and '.join(missing)} missing, or not a string")
                continue
            faults += [f"{where}: {fault}" for fault in _secret_faults(definition)]
            try:
                # This also turns keys such as 1 into strings, as in Kubernetes.
                result.append(json.loads(json.dumps(definition, allow_nan=False)))
            except (TypeError, ValueError) as error:
                faults.append(f"{where}: {identity(definition)} has a value that JSON does not support: {error}")
    if faults:
        raise Failure("; ".join(faults))
    return result


def _secret_faults(definition: dict[str, Any]) -> Iterator[str]:
    """Faults of a Secret, without its values: the message of the API server would quote them."""
    for field in ("data", "stringData"):
        values = definition.get(field) if definition["kind"] == "Secret" else None
        if values is not None and not isinstance(values, dict):
            yield f"{identity(definition)}: {field} must be a mapping of names to strings"
        for name, value in values.items() if isinstance(values, dict) else ():
            if value is not None and not isinstance(value, str):
                yield f"{identity(definition)}: {field}.{name} must be a string: quote it"


def normalise(definition: dict[str, Any], namespaced: bool, namespace: str) -> dict[str, Any]:
    """A copy for the API server: with the namespace, and without the fields that only the API server writes."""
    # The API server drops empty labels.
    meta = {
        key: value
        for key, value in definition["metadata"].items()
        if key not in SERVER_FIELDS and value not in (None, {}, [])
    }
    if namespaced:
        meta["namespace"] = meta.get("namespace") or namespace
    else:
        meta.pop("namespace", None)
    return {**{key: value for key, value in definition.items() if key != "status"}, "metadata": meta}


def identity(definition: dict[str, Any]) -> str:
    """The name of an object in messages and results: Kind namespace/name."""
    meta = definition["metadata"]
    return f"{definition['kind']} " + "/".join(part for part in (meta.get("namespace"), meta["name"]) if part)


def key(definition: dict[str, Any]) -> tuple[str, str, str, str]:
    """Group, kind, namespace and name, which identify an object. The API version does not."""
    meta = definition["metadata"]
    group = definition["apiVersion"].rpartition("/")[0]
    return group, definition["kind"], meta.get("namespace", ""), meta["name"]


def controller(one: dict[str, Any]) -> tuple[str, str]:
    """Kind and name of the object that controls this one; empty if none does."""
    owners = one["metadata"].get("ownerReferences") or []
    return next(((owner["kind"], owner["name"]) for owner in owners if owner.get("controller")), ("", ""))


def duplicates(definitions: list[dict[str, Any]]) -> list[str]:
    """The names of objects that are defined more than once."""
    counts = Counter(map(key, definitions))
    return sorted({identity(one) for one in definitions if counts[key(one)] > 1})


def waves(definitions: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The definitions in groups that are written one after the other."""
    result: dict[int, list[dict[str, Any]]] = {}
    for definition in definitions:
        result.setdefault(_ORDER.get(key(definition)[:2], _DEFAULT_ORDER), []).append(definition)
    return [result[number] for number in sorted(result)]


def summary(definition: dict[str, Any], action: str) -> dict[str, str]:
    """The entry of an object in a module's result."""
    meta = definition["metadata"]
    return {
        "api_version": definition["apiVersion"],
        "kind": definition["kind"],
        "namespace": meta.get("namespace", ""),
        "name": meta["name"],
        "action": action,
    }
