# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The facts of each of Istio's kinds: all that makes one module differ from another, apart from its documentation."""

from __future__ import annotations

from typing import Any, NamedTuple


class ResourceKind(NamedTuple):
    """What the shared part of the modules needs to know of a kind."""

    kind: str
    group: str
    # Best first; all of them have the same fields.
    versions: tuple[str, ...]
    # Module option -> field of the spec, and the option's argument spec.
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
