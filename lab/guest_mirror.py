# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Serve the bundle to the guest: files by this process, images by a registry. Both listen on the loopback interface."""

from __future__ import annotations

import functools
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lab import paths
from lab.artifacts.progress import run
from lab.nodes import roots

# The address by which QEMU's own network reaches the loopback interface of this computer.
HOST = "10.0.2.2"
_REGISTRY = """version: 0.1
storage:
  filesystem: {{rootdirectory: {bundle}/registry}}
  cache: {{blobdescriptor: inmemory}}
  maintenance: {{readonly: {{enabled: true}}}}
http:
  addr: 127.0.0.1:{port}
  relativeurls: true
  tls: {{certificate: {directory}/mirror.crt, key: {directory}/mirror.key}}
"""


@dataclass(frozen=True)
class Mirror:
    """The ports of a running mirror, and the certificate authority that its certificate is from."""

    files: int
    plain_files: int
    registry: int
    ca: Path


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A client that connects and says nothing must not hold a thread for ever.
    timeout = 60

    def log_message(self, format: str, *args: object) -> None:
        """No log: failures are seen by the client."""


class _TLSServer(ThreadingHTTPServer):
    """The handshake is done by the thread of the connection, so that a slow client does not stop the others."""

    def __init__(self, directory: Path, handler: functools.partial[_Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "mirror.crt", directory / "mirror.key")
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)


def free_port() -> int:
    """A port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _certificate(directory: Path) -> Path:
    """Create a certificate authority and the mirror's certificate, for this run alone."""
    ca, key = directory / "ca.crt", directory / "ca.key"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    purpose = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    run([*request, "-days", "2", "-subj", "/CN=bare.mesh guest CA", *purpose, "-keyout", key, "-out", ca])
    signer = ["-CA", ca, "-CAkey", key, "-keyout", directory / "mirror.key", "-out", directory / "mirror.crt"]
    names = [f"subjectAltName=IP:{HOST}", "extendedKeyUsage=serverAuth", "basicConstraints=critical,CA:FALSE"]
    purpose = [word for name in names for word in ("-addext", name)]
    run([*request, "-days", "2", "-subj", "/CN=mirror", *purpose, *signer])
    return ca


@contextmanager
def serving(directory: Path, record: list[int]) -> Iterator[Mirror]:
    """Serve until the block ends. Keeps its files in the directory; notes the id of the process that it starts."""
    bundle = paths.bundle().resolve()
    ca = _certificate(directory)
    handler = functools.partial(_Handler, directory=str(bundle))
    servers = [_TLSServer(directory, handler), ThreadingHTTPServer(("127.0.0.1", 0), handler)]
    port = free_port()
    config = directory / "registry.yml"
    config.write_text(_REGISTRY.format(bundle=bundle, port=port, directory=directory), encoding="utf-8")
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    # The program of the lab's mirror: as a package of this computer it would also be a service here.
    program = roots.directory("mirror") / "usr/bin/docker-registry"
    with open(directory / "registry.log", "wb") as log:
        registry = subprocess.Popen([program, "serve", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    record.append(registry.pid)
    try:
        yield Mirror(servers[0].server_port, servers[1].server_port, port, ca)
    finally:
        registry.terminate()
        registry.wait()
        for server in servers:
            server.shutdown()
            server.server_close()
