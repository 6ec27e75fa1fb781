# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the data plane mode ambient means for the settings of the role istio.

https://istio.io/latest/docs/ambient/. In this mode no pod has a sidecar: ztunnel on each node encrypts, and waypoints
do what needs HTTP.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio import gateway_settings
from ansible_collections.bare.mesh.plugins.module_utils._istio.gateway_settings import SettingFault

MODE, WAYPOINTS, PROFILE = "istio_dataplane_mode", "istio_waypoints", "istio_profile"
AMBIENT = "ambient"
TRAFFIC = ("service", "workload", "all", "none")
_FIELDS = ("name", "namespace", "for")
_EXAMPLE = "Write {name: waypoint, namespace: shop}"
# Other profiles have no ztunnel. The profile default stands for no choice.
_PROFILES = ("default", AMBIENT, "openshift-ambient")
# What only sidecars read, and what a mesh without them has instead.
_OF_SIDECARS = {
    "istio_auto_injection": "Leave it out: pods are in the mesh by the label of their namespace",
    "istio_egress_bypass_ranges": "Leave it out: ztunnel passes on what is not in the mesh as it is",
    "istio_egress_intercept_ranges": "Leave it out: ztunnel takes all traffic of the pods",
    "istio_proxy_resources": "Leave it out, or set values.ztunnel.resources and values.global.waypoint.resources in "
    "istio_operator_spec",
    "istio_sidecar_egress_hosts": "Leave it out: ztunnel and waypoints do not read it",
}


def is_ambient(settings: dict[str, Any]) -> bool:
    return bool(settings[MODE] == AMBIENT)


def _waypoint_faults(given: list[Any]) -> list[SettingFault]:
    found = []
    first: dict[str, str] = {}
    for index, one in enumerate(given):
        at = f"{WAYPOINTS}[{index}]"
        if not isinstance(one, dict) or not one.get("name") or not one.get("namespace"):
            found.append(SettingFault(at, "is not a waypoint with a name and a namespace", _EXAMPLE))
            continue
        unknown = sorted(set(one) - set(_FIELDS))
        if unknown:
            what = f"has the unknown field {', '.join(unknown)}"
            found.append(SettingFault(at, what, f"Use {', '.join(_FIELDS)}"))
        for field in ("name", "namespace"):
            found += gateway_settings.name_faults(f"{at}.{field}", [one[field]])
        if (one.get("for") or TRAFFIC[0]) not in TRAFFIC:
            found.append(SettingFault(f"{at}.for", f"is {one['for']!r}", f"Use {', '.join(TRAFFIC)}"))
        namespace = str(one["namespace"])
        if namespace in first:
            what = f"is in {namespace}, which already uses {first[namespace]}: a namespace uses one waypoint"
            fix = "Keep one of them, and label Services that use another one"
            found.append(SettingFault(at, what, fix))
        first.setdefault(namespace, str(one["name"]))
    return found


def ambient_faults(settings: dict[str, Any], defaults: dict[str, Any]) -> list[SettingFault]:
    """What cannot be combined with the mode, and what is wrong with the waypoints."""
    given = settings[WAYPOINTS] or []
    found = _waypoint_faults(given)
    if not is_ambient(settings):
        if given:
            what = f"has waypoints, and {MODE} is {settings[MODE]}"
            found.append(SettingFault(WAYPOINTS, what, f"Set {MODE} to {AMBIENT}, or remove them"))
        return found
    because = f"and {MODE} is {AMBIENT}"
    if settings[PROFILE] not in _PROFILES:
        what = f"is {settings[PROFILE]}, which has no ztunnel, {because}"
        found.append(SettingFault(PROFILE, what, f"Leave it out, or use {AMBIENT}"))
    for name, fix in _OF_SIDECARS.items():
        if settings[name] != defaults[name]:
            found.append(SettingFault(name, f"is set, {because}: it is for sidecars", fix))
    modes = {"istio_mtls": settings["istio_mtls"]}
    modes |= {f"istio_namespace_mtls.{name}": mode for name, mode in settings["istio_namespace_mtls"].items()}
    for where, mode in modes.items():
        if mode == "DISABLE":
            what = f"is {mode}, {because}, whose traffic is always encrypted"
            found.append(SettingFault(where, what, "Use PERMISSIVE, which also takes plain text"))
    return found


def waypoints(settings: dict[str, Any]) -> list[dict[str, str]]:
    """The waypoints, complete."""
    return [
        {"name": str(one["name"]), "namespace": str(one["namespace"]), "for": one.get("for") or TRAFFIC[0]}
        for one in settings[WAYPOINTS] or []
    ]


def profile(settings: dict[str, Any]) -> str:
    """The profile that has what the mode needs."""
    chosen = str(settings[PROFILE])
    return AMBIENT if is_ambient(settings) and chosen == _PROFILES[0] else chosen
