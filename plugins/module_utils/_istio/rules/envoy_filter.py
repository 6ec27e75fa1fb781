# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in an EnvoyFilter.

https://istio.io/latest/docs/reference/config/networking/envoy-filter/

Rules of ValidateEnvoyFilter in Istio 1.31 (pkg/config/validation/envoyfilter) and of the definition of the kind. Istio
also reads the value of each patch as Envoy's type of object. Here, only what all filters have in common is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.re2 import refused

# What a patch is applied to -> what can select it; the others can be selected by anything.
_MATCHES = {
    **dict.fromkeys(("LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER"), "listener"),
    **dict.fromkeys(("ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"), "routeConfiguration"),
    "CLUSTER": "cluster",
}
# Objects with settings whose type is in @type.
_TYPED = ("HTTP_FILTER", "NETWORK_FILTER", "LISTENER_FILTER", "EXTENSION_CONFIG")
_HTTP_MANAGERS = ("envoy.filters.network.http_connection_manager", "envoy.http_connection_manager")
# Istio does not expand a longer expression, and ignores it with a warning.
_LONGEST_VERSION = 1024
_GROUP = re.compile(r"(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*)?")
_KIND = re.compile(r"[a-zA-Z](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")
_OLD_TYPE = re.compile(r"(?:.*/)?envoy\.(?:[^/]*\.)?v2\.[^/]*", re.DOTALL)


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    yield from validators.workload_selector(spec.get("workloadSelector"), "spec.workloadSelector", "labels")
    for index, target in enumerate(spec.get("targetRefs") or []):
        yield from _target(target, f"spec.targetRefs[{index}]")
    for index, patch in enumerate(spec.get("configPatches") or []):
        path, match = f"spec.configPatches[{index}]", patch.get("match") or {}
        yield from _context(match, f"{path}.match")
        value = (patch.get("patch") or {}).get("value")
        if value is not None and not isinstance(value, dict):
            yield Fault(f"{path}.patch.value", f"must be a mapping, is {value!r:.60}")
        # Istio does not look at patches for waypoints.
        elif match.get("context") != "WAYPOINT":
            yield from _patch(patch, path)


def _target(target: dict[str, Any], path: str) -> Iterator[Fault]:
    """Check a target by the definition of the kind. The webhook takes each kind as one."""
    if target.get("namespace"):
        yield Fault(f"{path}.namespace", "must not be set: the target is in the namespace of the filter")
    if target.get("group") and not _GROUP.fullmatch(target["group"]):
        yield Fault(f"{path}.group", f"{target['group']!r} is not an API group such as gateway.networking.k8s.io")
    if target.get("kind") and not _KIND.fullmatch(target["kind"]):
        yield Fault(f"{path}.kind", f"{target['kind']!r} is not the name of a kind such as Gateway")


def _context(match: dict[str, Any], path: str) -> Iterator[Fault]:
    waypoint, context = match.get("waypoint"), match.get("context")
    if context == "WAYPOINT" and waypoint is None:
        yield Fault(f"{path}.waypoint", "is required with context: WAYPOINT; {} is for all of a waypoint")
    if context != "WAYPOINT" and waypoint is not None:
        yield Fault(f"{path}.waypoint", "needs context: WAYPOINT")
    port = (waypoint or {}).get("portNumber")
    if port is not None and validators.port(port):
        yield Fault(f"{path}.waypoint.portNumber", validators.port(port))


def _patch(patch: dict[str, Any], path: str) -> Iterator[Fault]:
    target, change = patch.get("applyTo") or "INVALID", patch.get("patch")
    if target == "INVALID":
        yield Fault(f"{path}.applyTo", "is required: what the patch changes, such as HTTP_FILTER")
    if change is None:
        yield Fault(f"{path}.patch", "is required: operation and value")
        return
    operation, value = change.get("operation") or "INVALID", change.get("value")
    if operation == "INVALID":
        yield Fault(f"{path}.patch.operation", "is required: how the patch changes it, such as MERGE")
    elif operation != "REMOVE" and value is None:
        yield Fault(f"{path}.patch.value", f"is required with the operation {operation}")
    yield from _match(patch.get("match") or {}, target, f"{path}.match")
    if value is not None:
        yield from _value(value, target, f"{path}.patch.value")


def _match(match: dict[str, Any], target: str, path: str) -> Iterator[Fault]:
    version = (match.get("proxy") or {}).get("proxyVersion") or ""
    if version and len(version.encode("utf-8", "surrogatepass")) <= _LONGEST_VERSION and refused(version):
        yield Fault(f"{path}.proxy.proxyVersion", refused(version))
    wanted = _MATCHES.get(target)
    for other in ("listener", "routeConfiguration", "cluster"):
        if wanted and other != wanted and match.get(other) is not None:
            yield Fault(f"{path}.{other}", f"does not select a {target}: use {wanted}")
    chosen = ((match.get("listener") or {}).get("filterChain") or {}).get("filter")
    if wanted == "listener" and chosen is not None:
        yield from _chosen(chosen, target, f"{path}.listener.filterChain.filter")


def _chosen(chosen: dict[str, Any], target: str, path: str) -> Iterator[Fault]:
    """Check the filter, and the one inside it, that a patch is applied to or is put beside."""
    name, inner = chosen.get("name"), chosen.get("subFilter")
    if not name:
        yield Fault(f"{path}.name", "is required: the filter that is meant")
    elif inner is not None and target != "HTTP_FILTER":
        yield Fault(f"{path}.subFilter", f"is for applyTo: HTTP_FILTER, not for {target}")
    elif inner is not None and name not in _HTTP_MANAGERS:
        yield Fault(f"{path}.name", f"must be {_HTTP_MANAGERS[0]}, which has the HTTP filters, if subFilter is set")
    elif inner is not None and not inner.get("name"):
        yield Fault(f"{path}.subFilter.name", "is required: the HTTP filter that is meant")


def _value(value: dict[str, Any], target: str, path: str) -> Iterator[Fault]:
    """Check what is known of Envoy's objects without their types."""
    if target != "BOOTSTRAP" and value.get("name") is not None and not isinstance(value["name"], str):
        yield Fault(f"{path}.name", f"must be a string, is {value['name']!r:.60}")
    if target in _TYPED:
        yield from _settings(value, path)


def _settings(value: dict[str, Any], path: str) -> Iterator[Fault]:
    # Istio takes both names of the field, and this one if both are given.
    field = "typedConfig" if "typedConfig" in value else "typed_config"
    settings = value.get(field)
    if settings is None:
        return
    kind = settings.get("@type") if isinstance(settings, dict) else ""
    if not isinstance(settings, dict):
        yield Fault(f"{path}.{field}", f"must be a mapping, is {settings!r:.60}")
    elif not isinstance(kind, str) or not kind:
        message = "is required: the type of the settings, such as type.googleapis.com/envoy.extensions..."
        yield Fault(f"{path}.{field}['@type']", message)
    elif _OLD_TYPE.fullmatch(kind):
        yield Fault(f"{path}.{field}['@type']", f"{kind!r} is of Envoy's API v2: use the type of v3")
