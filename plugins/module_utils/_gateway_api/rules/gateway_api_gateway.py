# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Gateway API refuses in a Gateway. https://gateway-api.sigs.k8s.io/api-types/gateway/

Rules of the definition of the kind in the Gateway API 1.6. Its defaults count as if they were given.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api import formats
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.schemas import gateway_api_gateway

_TERMINATE = "Terminate"
_PLAIN = ("HTTP", "TCP", "UDP")
_WITHOUT_HOSTS = ("TCP", "UDP")
_HOST = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KEY = re.compile(
    r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]"
)
_LONGEST_PREFIX = 252


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    yield from formats.faults(spec, gateway_api_gateway.ROOT, gateway_api_gateway.DEFINITIONS, "spec")
    yield from _addresses(spec.get("addresses") or [])
    for field in ("annotations", "labels"):
        for key in (spec.get("infrastructure") or {}).get(field) or {}:
            if not _KEY.fullmatch(key) or len(key.partition("/")[0]) > _LONGEST_PREFIX:
                message = "is not a valid name: at most 63 letters, digits, - _ . after an optional domain and /"
                yield Fault(f"spec.infrastructure.{field}[{key!r}]", message)
    yield from _listeners(spec.get("listeners") or [])


def _addresses(addresses: list[dict[str, Any]]) -> Iterator[Fault]:
    seen = []
    for index, address in enumerate(addresses):
        kind, value = address.get("type") or "IPAddress", address.get("value")
        path = f"spec.addresses[{index}].value"
        if value is None or kind not in ("IPAddress", "Hostname"):
            continue
        if (kind, value) in seen:
            yield Fault(path, f"{value!r} is given twice: each may be there once")
        seen.append((kind, value))
        if kind == "IPAddress" and not _is_ip(value):
            yield Fault(path, f"{value!r} is not an IP address; the type Hostname is for names")
        elif kind == "Hostname" and not _HOST.fullmatch(value):
            yield Fault(path, f"{value!r} is not a host name in lower case such as www.example.com")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _listeners(listeners: list[dict[str, Any]]) -> Iterator[Fault]:
    seen = []
    for index, listener in enumerate(listeners):
        path, protocol, host = f"spec.listeners[{index}]", listener.get("protocol"), listener.get("hostname")
        place = (listener.get("port"), protocol, host)
        if place in seen:
            message = f"another listener has the port {place[0]}, the protocol {protocol}"
            yield Fault(path, f"{message} and {f'the hostname {host}' if host else 'no hostname'}, too")
        seen.append(place)
        if host and protocol in _WITHOUT_HOSTS:
            yield Fault(f"{path}.hostname", f"is not possible with the protocol {protocol}: remove it")
        tls = listener.get("tls")
        if tls is None:
            if protocol == "TLS":
                yield Fault(f"{path}.tls", "is required with the protocol TLS")
            continue
        mode = tls.get("mode") or _TERMINATE
        if protocol in _PLAIN:
            yield Fault(f"{path}.tls", f"is not possible with the protocol {protocol}: use HTTPS or TLS, or remove it")
        elif protocol == "HTTPS" and mode != _TERMINATE:
            yield Fault(f"{path}.tls.mode", f"must be {_TERMINATE} with HTTPS: use the protocol TLS for {mode}")
        if mode == _TERMINATE and not tls.get("certificateRefs") and not tls.get("options"):
            yield Fault(f"{path}.tls.certificateRefs", f"is required with the mode {_TERMINATE}, or options")
