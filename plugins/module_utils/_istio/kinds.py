# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Data of Istio's kinds. The modules of these kinds differ only in this data, the rules and the documentation."""

from __future__ import annotations

from typing import Any, NamedTuple


class ResourceKind(NamedTuple):
    """The data of one kind that the shared code of the modules needs."""

    kind: str
    group: str
    # API versions, the preferred one first. All have the same fields.
    versions: tuple[str, ...]
    # Module option -> field of the spec and argument spec of the option.
    options: dict[str, tuple[str, dict[str, Any]]]


_TEXTS = {"type": "list", "elements": "str"}
_MAPPINGS = {"type": "list", "elements": "dict"}
_MAPPING = {"type": "dict"}

VIRTUAL_SERVICE = ResourceKind(
    "VirtualService",
    "networking.istio.io",
    ("v1", "v1beta1", "v1alpha3"),
    {
        "hosts": ("hosts", _TEXTS),
        "gateways": ("gateways", _TEXTS),
        "http": ("http", _MAPPINGS),
        "tls": ("tls", _MAPPINGS),
        "tcp": ("tcp", _MAPPINGS),
        "export_to": ("exportTo", _TEXTS),
    },
)
DESTINATION_RULE = ResourceKind(
    "DestinationRule",
    "networking.istio.io",
    ("v1", "v1beta1", "v1alpha3"),
    {
        "host": ("host", {"type": "str"}),
        "traffic_policy": ("trafficPolicy", _MAPPING),
        "subsets": ("subsets", _MAPPINGS),
        "export_to": ("exportTo", _TEXTS),
        "workload_selector": ("workloadSelector", _MAPPING),
    },
)
GATEWAY = ResourceKind(
    "Gateway",
    "networking.istio.io",
    ("v1", "v1beta1", "v1alpha3"),
    {
        "servers": ("servers", _MAPPINGS),
        "selector": ("selector", _MAPPING),
    },
)
PEER_AUTHENTICATION = ResourceKind(
    "PeerAuthentication",
    "security.istio.io",
    ("v1", "v1beta1"),
    {
        "selector": ("selector", _MAPPING),
        "mtls": ("mtls", _MAPPING),
        "port_level_mtls": ("portLevelMtls", _MAPPING),
    },
)
AUTHORIZATION_POLICY = ResourceKind(
    "AuthorizationPolicy",
    "security.istio.io",
    ("v1", "v1beta1"),
    {
        "selector": ("selector", _MAPPING),
        "target_ref": ("targetRef", _MAPPING),
        "target_refs": ("targetRefs", _MAPPINGS),
        "action": ("action", {"type": "str"}),
        "provider": ("provider", _MAPPING),
        "rules": ("rules", _MAPPINGS),
    },
)
REQUEST_AUTHENTICATION = ResourceKind(
    "RequestAuthentication",
    "security.istio.io",
    ("v1", "v1beta1"),
    {
        "selector": ("selector", _MAPPING),
        "target_ref": ("targetRef", _MAPPING),
        "target_refs": ("targetRefs", _MAPPINGS),
        "jwt_rules": ("jwtRules", _MAPPINGS),
    },
)
