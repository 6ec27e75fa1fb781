# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a Gateway. https://istio.io/latest/docs/reference/config/networking/gateway/

Rules of ValidateGateway in Istio 1.31 (pkg/config/validation).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.server_tls import (
    CERTIFICATES,
    PASSTHROUGH,
    tls_faults,
)

_HTTP = ("HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB")
_TLS = ("HTTPS", "TLS")
_OTHERS = ("TCP", "UDP", "MONGO", "REDIS", "MYSQL")


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    name = definition["metadata"].get("name", "")
    if not validators.dns_label(str(name)):
        yield Fault("metadata.name", f"{name!r} is not a valid Gateway name: it must be a DNS label, without dots")
    servers = definition["spec"].get("servers") or []
    if not servers:
        yield Fault("spec.servers", "at least one server is required")
    names: set[str] = set()
    for index, server in enumerate(servers):
        path = f"spec.servers[{index}]"
        yield from _server(server, path)
        port_name = (server.get("port") or {}).get("name") or ""
        if port_name in names:
            yield Fault(
                f"{path}.port.name", f"{port_name!r} is the port name of another server: each port needs its own name"
            )
        names.add(port_name)


def _server(server: dict[str, Any], path: str) -> Iterator[Fault]:
    if not server.get("hosts"):
        yield Fault(f"{path}.hosts", "at least one host is required, * for all")
    for index, host in enumerate(server.get("hosts") or []):
        yield from _host(host, f"{path}.hosts[{index}]")
    port, bind = server.get("port") or {}, server.get("bind") or ""
    yield from _port(port, bind, path)
    tls = server.get("tls")
    if tls is not None:
        yield from tls_faults(tls, f"{path}.tls")
    protocol = str(port.get("protocol", "")).upper()
    if protocol in _TLS and tls is None:
        yield Fault(f"{path}.tls", f"is required with the protocol {protocol}")
    elif protocol in _HTTP and tls is not None:
        if (tls.get("mode") or "PASSTHROUGH") not in PASSTHROUGH or any(tls.get(name) for name in CERTIFICATES[:3]):
            yield Fault(
                f"{path}.tls",
                f"certificates and modes are for HTTPS or TLS; with {protocol} only httpsRedirect is possible",
            )
    elif protocol in _OTHERS and tls is not None:
        yield Fault(f"{path}.tls", f"is for HTTPS or TLS, not for {protocol}")


def _host(host: str, path: str) -> Iterator[Fault]:
    namespace, slash, name = host.partition("/") if "/" in host else ("", "", host)
    if slash and namespace not in ("*", ".") and not validators.dns_label(namespace):
        yield Fault(path, f"{host!r}: {namespace!r} is not a namespace; write NAMESPACE/HOST, */HOST or ./HOST")
    if name != "*" and "." not in name:
        yield Fault(path, f"{host!r} is a short name: a Gateway's host must be a full domain name or *")
    elif validators.fqdn(name, wildcard=True) and not validators.is_ip(name):
        yield Fault(path, validators.fqdn(name, wildcard=True))
    elif "*" in name and name != "*" and not name.startswith("*."):
        yield Fault(path, f"{host!r}: a wildcard stands for the whole first part of a name, as in *.example.com")


def _port(port: dict[str, Any], bind: str, path: str) -> Iterator[Fault]:
    if not port:
        return  # The schema requires it.
    protocol = str(port.get("protocol", ""))
    if protocol.upper() not in _HTTP + _TLS + _OTHERS:
        yield Fault(f"{path}.port.protocol", f"{protocol!r} is none of {', '.join(_HTTP + _TLS + _OTHERS)}")
    socket = bind.startswith("unix://")
    if (port.get("number") or not socket) and validators.port(port.get("number")):
        yield Fault(f"{path}.port.number", validators.port(port.get("number")))
    if port.get("targetPort"):
        yield Fault(f"{path}.port.targetPort", "has no effect on a Gateway: remove it")
    if not port.get("name"):
        yield Fault(f"{path}.port.name", "must not be empty")
    if socket and port.get("number"):
        yield Fault(f"{path}.port.number", f"must be 0 with the socket {bind}")
    if not socket and bind and not validators.is_ip(bind):
        yield Fault(f"{path}.bind", f"{bind!r} is neither an IP address nor a socket (unix://)")
    target = bind.removeprefix("unix://")
    if socket and not target.startswith("@") and (not target.startswith("/") or target.endswith("/")):
        yield Fault(f"{path}.bind", f"{bind!r} must name a file with its absolute path, or an abstract socket with @")
