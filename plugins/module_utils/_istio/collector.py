# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The address of a collector of traces, and what it is in the mesh's configuration.

Source: MeshConfig.extensionProviders, https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ansible_collections.bare.mesh.plugins.module_utils._istio.validators import is_ip

PORTS = {"zipkin": 9411, "otlp": 4317}
# Proxies look a provider up by the name of a service. This one stands for an address without a name.
NAMELESS = "tracing-collector.bare-mesh.internal"


class Collector(NamedTuple):
    """A collector of traces."""

    kind: str
    host: str
    port: int
    path: str

    def _of_cluster(self) -> bool:
        """Whether the host is a Service: SERVICE, SERVICE.NAMESPACE, or with .svc and the cluster's domain."""
        labels = self.host.split(".")
        return not is_ip(self.host) and (len(labels) <= 2 or labels[2] == "svc")

    def provider(self, namespace: str) -> dict[str, Any]:
        """The provider of MeshConfig. A name without a namespace is that of a Service in the given one."""
        name = NAMELESS if is_ip(self.host) else self.host
        if self._of_cluster():
            labels = self.host.split(".")
            name = f"{labels[0]}.{labels[1] if len(labels) > 1 else namespace}.svc." + ".".join(
                labels[3:] or ["cluster.local"]
            )
        service: dict[str, Any] = {"service": name, "port": self.port}
        if self.kind == "zipkin":
            return {"zipkin": {**service, **({"path": self.path} if self.path else {})}}
        # OTLP over HTTP has a path, OTLP over gRPC has none.
        return {"opentelemetry": {**service, **({"http": {"path": self.path, "timeout": "5s"}} if self.path else {})}}

    def service_entry(self) -> dict[str, Any] | None:
        """The spec of the ServiceEntry that makes a host outside of the cluster known to the mesh."""
        if self._of_cluster():
            return None
        protocol = "GRPC" if self.kind == "otlp" and not self.path else "HTTP"
        spec: dict[str, Any] = {
            "hosts": [NAMELESS if is_ip(self.host) else self.host],
            "location": "MESH_EXTERNAL",
            "ports": [{"number": self.port, "name": "tracing", "protocol": protocol}],
            "resolution": "STATIC" if is_ip(self.host) else "DNS",
        }
        if is_ip(self.host):
            spec["endpoints"] = [{"address": self.host}]
        return spec


def read_collector(kind: str, address: str) -> Collector:
    """A collector of HOST, HOST:PORT or http://HOST:PORT/PATH. Raises ValueError(what is wrong, what to do)."""
    url = urlsplit(address if "//" in address else f"//{address}")
    if url.scheme not in ("", "http"):
        raise ValueError(f"is an address with {url.scheme}", "Give an http:// address, or HOST:PORT")
    try:
        port = (80 if url.scheme else PORTS[kind]) if url.port is None else url.port
    except ValueError:
        port = 0
    if not url.hostname or not port or url.username or url.query or url.fragment:
        raise ValueError(f"is {address!r}, which is not an address", "Give HOST:PORT or http://HOST:PORT/PATH")
    return Collector(kind, url.hostname, port, url.path if url.path != "/" else "")
