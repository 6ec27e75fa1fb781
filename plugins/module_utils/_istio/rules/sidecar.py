# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a Sidecar.

https://istio.io/latest/docs/reference/config/networking/sidecar/

Rules of ValidateSidecar in Istio 1.31 (pkg/config/validation) and of the definition of the kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.connection_pool import pool_faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.http_route import destination
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.server_tls import tls_faults

_SETTINGS = ("egress", "ingress", "outboundTrafficPolicy", "inboundConnectionPool")
_TLS = ("HTTPS", "TLS")
_PROTOCOLS = (
    "HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB", *_TLS, "TCP", "UDP", "MONGO", "REDIS", "MYSQL",
)  # fmt: skip
# What the TLS settings of a Gateway have, but not those of a Sidecar.
_NO_TLS = ("subjectAltNames", "httpsRedirect", "credentialName", "credentialNames", "tlsCertificates")
_SOCKET = "unix://"
_ADDRESS = r"127\.0\.0\.1|0\.0\.0\.0"
_ENDPOINT = re.compile(rf"(?:(?:{_ADDRESS})?|\[(?:{_ADDRESS}|::1?)?\]):\+?([0-9]+)")


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    yield from validators.workload_selector(spec.get("workloadSelector"), "spec.workloadSelector", "labels")
    # In protobuf an empty list is the same as a missing field.
    if not any(spec.get(name) not in (None, []) for name in _SETTINGS):
        yield Fault("spec", f"is empty: at least one of {', '.join(_SETTINGS)} is required")
    yield from _ingress(spec.get("ingress") or [])
    yield from _egress(spec.get("egress") or [])
    if spec.get("inboundConnectionPool") is not None:
        yield from pool_faults(spec["inboundConnectionPool"], "spec.inboundConnectionPool")
    yield from _outbound(spec.get("outboundTrafficPolicy") or {}, "spec.outboundTrafficPolicy")


def _ingress(listeners: list[dict[str, Any]]) -> Iterator[Fault]:
    numbers: set[int] = set()
    for index, listener in enumerate(listeners):
        path, port = f"spec.ingress[{index}]", listener.get("port")
        if port is not None:
            yield from _port(port, f"{path}.port")
            yield from _address(listener, port, path)
            yield from _unique(port.get("number") or 0, numbers, f"{path}.port.number")
        if listener.get("defaultEndpoint"):
            yield from _endpoint(listener["defaultEndpoint"], f"{path}.defaultEndpoint")
        if listener.get("tls") is not None:
            yield from _tls(listener["tls"], port or {}, f"{path}.tls")
        if listener.get("connectionPool") is not None:
            yield from pool_faults(listener["connectionPool"], f"{path}.connectionPool")


def _egress(listeners: list[dict[str, Any]]) -> Iterator[Fault]:
    numbers: set[int] = set()
    sockets: set[str] = set()
    for index, listener in enumerate(listeners):
        path, port, bind = f"spec.egress[{index}]", listener.get("port"), listener.get("bind") or ""
        if port is None:
            if index < len(listeners) - 1:
                yield Fault(f"{path}.port", "is required, except in the last listener, which is for all other ports")
        else:
            yield from _port(port, f"{path}.port")
        if port is not None and port.get("number"):
            yield from _address(listener, port, path)
            yield from _unique(port["number"], numbers, f"{path}.port.number")
        elif port is not None:
            yield from _socket_listener(listener, path)
            if bind in sockets:
                yield Fault(f"{path}.bind", f"{bind!r} is the socket of another listener: each needs its own")
            sockets.add(bind)
        if not listener.get("hosts"):
            yield Fault(f"{path}.hosts", "at least one host is required, */* for all")
        for place, host in enumerate(listener.get("hosts") or []):
            if wrong := _host(host):
                yield Fault(f"{path}.hosts[{place}]", wrong)


def _port(port: dict[str, Any], path: str) -> Iterator[Fault]:
    """What ports of both directions have in common."""
    if port.get("name") and not validators.dns_label(port["name"]):
        yield Fault(f"{path}.name", f"{port['name']!r} is not a valid port name: at most 63 letters, digits and -")
    if port.get("protocol") and port["protocol"].upper() not in _PROTOCOLS:
        yield Fault(f"{path}.protocol", f"{port['protocol']!r} is none of {', '.join(_PROTOCOLS)}")
    if port.get("targetPort"):
        yield Fault(f"{path}.targetPort", "has no effect on a Sidecar: remove it, or use defaultEndpoint")


def _address(listener: dict[str, Any], port: dict[str, Any], path: str) -> Iterator[Fault]:
    """Check number and bind of a port that is not a socket."""
    number, bind = port.get("number") or 0, listener.get("bind") or ""
    if wrong := validators.port(number):
        yield Fault(f"{path}.port.number", wrong)
    if bind and not validators.is_ip(bind):
        socket = "; a socket is only for egress, with the port number 0" if bind.startswith(_SOCKET) else ""
        yield Fault(f"{path}.bind", f"{bind!r} is not an IP address{socket}")


def _unique(number: int, numbers: set[int], path: str) -> Iterator[Fault]:
    if number in numbers:
        yield Fault(path, f"{number} is the port of another listener: each needs its own")
    numbers.add(number)


def _socket_listener(listener: dict[str, Any], path: str) -> Iterator[Fault]:
    bind = listener.get("bind") or ""
    if not bind.startswith(_SOCKET):
        message = "must be 1 to 65535, or 0 with a socket in bind, such as unix:///run/app.sock"
        yield Fault(f"{path}.port.number", message)
    elif wrong := _socket(bind):
        yield Fault(f"{path}.bind", wrong)
    if listener.get("captureMode") == "IPTABLES":
        yield Fault(f"{path}.captureMode", "IPTABLES is not possible with a socket: remove it, or use NONE")


def _socket(text: str) -> str:
    target = text.removeprefix(_SOCKET)
    if target.startswith("@") or (target.startswith("/") and not target.endswith("/")):
        return ""
    return f"{text!r} must name a file with its absolute path, or an abstract socket with @"


def _host(text: str) -> str:
    namespace, slash, name = text.partition("/")
    if not slash or not namespace or not name:
        return f"{text!r} is not a host: write NAMESPACE/HOST, ./HOST or */HOST"
    label = namespace.removeprefix("~")
    if label not in ("", "*", ".") and not validators.dns_label(label):
        return f"{text!r}: {namespace!r} is not a namespace; write NAMESPACE/HOST, ./HOST or */HOST"
    if name != "*" and "." not in name:
        return f"{text!r}: {name!r} is a short name; write the full domain name, or * for all hosts"
    if wrong := validators.fqdn(name, wildcard=True):
        return wrong
    if "*" in name and name != "*" and not name.startswith("*."):
        return f"{text!r}: a wildcard stands for the whole first part of a name, as in *.example.com"
    return ""


def _endpoint(text: str, path: str) -> Iterator[Fault]:
    if text.startswith(_SOCKET):
        if wrong := _socket(text):
            yield Fault(path, wrong)
        return
    found = _ENDPOINT.fullmatch(text)
    if not found:
        forms = "127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT or unix:///FILE"
        yield Fault(path, f"{text!r} is not an endpoint of the workload: write {forms}")
    elif wrong := validators.port(int(found[1])):
        yield Fault(path, wrong)


def _tls(tls: dict[str, Any], port: dict[str, Any], path: str) -> Iterator[Fault]:
    for name in _NO_TLS:
        if tls.get(name):
            yield Fault(f"{path}.{name}", "is not possible in a Sidecar: use serverCertificate and privateKey")
    if tls.get("mode") in ("ISTIO_MUTUAL", "AUTO_PASSTHROUGH"):
        yield Fault(f"{path}.mode", f"{tls['mode']} is not possible in a Sidecar: use SIMPLE, MUTUAL or PASSTHROUGH")
    if (port.get("protocol") or "").upper() not in _TLS:
        yield Fault(path, "is only for ports with the protocol HTTPS or TLS")
    yield from tls_faults(tls, path, other="")


def _outbound(policy: dict[str, Any], path: str) -> Iterator[Fault]:
    proxy = policy.get("egressProxy")
    if proxy is None:
        return
    if policy.get("mode") != "ALLOW_ANY":
        yield Fault(f"{path}.egressProxy", "needs the mode ALLOW_ANY")
    if proxy.get("port") is None:
        yield Fault(f"{path}.egressProxy.port", "is required, such as {number: 80}")
    host = proxy.get("host") or ""
    if wrong := validators.fqdn(host):
        yield Fault(f"{path}.egressProxy.host", wrong)
    else:
        yield from destination(proxy, f"{path}.egressProxy")
