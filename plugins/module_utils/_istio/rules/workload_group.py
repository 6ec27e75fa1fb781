# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a WorkloadGroup.

https://istio.io/latest/docs/reference/config/networking/workload-group/

Rules of ValidateWorkloadGroup in Istio 1.31 (pkg/config/validation) and of the definition of the kind. Neither of them
looks at the address and the labels of the template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import workloads

_METHODS = ("httpGet", "tcpSocket", "exec")
_SCHEMES = ("", "HTTP", "HTTPS")
# Unlike Kubernetes, Istio takes no underscore.
_HEADER = re.compile("[-A-Za-z0-9]+")


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
    yield from validators.labels((spec.get("metadata") or {}).get("labels"), "spec.metadata.labels")
    yield from workloads.common(spec["template"], "spec.template")
    if spec.get("probe") is not None:
        yield from _probe(spec["probe"], "spec.probe")


def _probe(probe: dict[str, Any], path: str) -> Iterator[Fault]:
    if probe.get("grpc") is not None:
        yield Fault(f"{path}.grpc", f"is refused by Istio's webhook: use one of {', '.join(_METHODS)}")
    elif not any(probe.get(name) is not None for name in _METHODS):
        yield Fault(path, f"says no way of probing: add one of {', '.join(_METHODS)}")
    for name in ("httpGet", "tcpSocket"):
        number = (probe.get(name) or {}).get("port")
        wrong = validators.port(number) if number is not None else ""
        if wrong:
            yield Fault(f"{path}.{name}.port", wrong)
    if (command := probe.get("exec")) and not command.get("command"):
        yield Fault(f"{path}.exec.command", "must not be empty")
    yield from _http(probe.get("httpGet") or {}, f"{path}.httpGet")


def _http(request: dict[str, Any], path: str) -> Iterator[Fault]:
    scheme = request.get("scheme") or ""
    if scheme not in _SCHEMES:
        yield Fault(f"{path}.scheme", f"{scheme!r} is neither HTTP nor HTTPS")
    for index, header in enumerate(request.get("httpHeaders") or []):
        name = header.get("name") or ""
        if not _HEADER.fullmatch(name):
            wrong = f"{name!r} is not the name of a header: letters, digits and -" if name else "is required"
            yield Fault(f"{path}.httpHeaders[{index}].name", wrong)
