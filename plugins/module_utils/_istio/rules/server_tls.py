# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in the TLS settings of a server, in a Gateway or Sidecar.

https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings

Rules of Istio 1.31 (pkg/config/validation).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault

PASSTHROUGH = ("PASSTHROUGH", "AUTO_PASSTHROUGH")
CERTIFICATES = (
    "serverCertificate", "privateKey", "caCertificates",
    "tlsCertificates", "credentialName", "credentialNames",
)  # fmt: skip


def tls_faults(tls: dict[str, Any], path: str, other: str = ", or credentialName instead") -> Iterator[Fault]:
    """Check the TLS settings of a server. other: what can be given instead of files."""
    mode = tls.get("mode") or "PASSTHROUGH"
    if mode == "ISTIO_MUTUAL":
        for name in CERTIFICATES:
            if tls.get(name):
                yield Fault(f"{path}.{name}", "cannot be given with ISTIO_MUTUAL, which has its own certificates")
        return
    sources = [
        "serverCertificate and privateKey" if tls.get("serverCertificate") and tls.get("privateKey") else "",
        *(name if tls.get(name) else "" for name in ("credentialName", "credentialNames", "tlsCertificates")),
    ]
    if len(given := [name for name in sources if name]) > 1:
        yield Fault(path, f"only one source of certificates is possible, not {' and '.join(given)}")
    if mode in PASSTHROUGH and tls.get("caCrl") and tls.get("credentialName"):
        yield Fault(f"{path}.caCrl", "cannot be combined with credentialName, which holds it")
    if mode in PASSTHROUGH or tls.get("credentialName") or tls.get("credentialNames"):
        return
    if mode in ("MUTUAL", "OPTIONAL_MUTUAL") and not tls.get("caCertificates"):
        yield Fault(f"{path}.caCertificates", f"is required with the mode {mode}{other}")
    several = [(one, f"{path}.tlsCertificates[{index}]") for index, one in enumerate(tls.get("tlsCertificates") or [])]
    for certificate, where in several or [(tls, path)]:
        for name in ("serverCertificate", "privateKey"):
            if not certificate.get(name):
                yield Fault(f"{where}.{name}", f"is required with the mode {mode}{other}")
    if tls.get("caCrl") and mode == "SIMPLE":
        yield Fault(f"{path}.caCrl", "is for the modes that check client certificates, not for SIMPLE")
