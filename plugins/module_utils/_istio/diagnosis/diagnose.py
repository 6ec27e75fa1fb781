# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The usual causes of the status 503, one by one. What follows from a cause that was found is not said again."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.bare.mesh.plugins.module_utils._istio.diagnosis import proxy, routing, security, service
from ansible_collections.bare.mesh.plugins.module_utils._istio.diagnosis.subject import (
    Finding,
    Subject,
    has_proxy,
    named,
)
from ansible_collections.bare.mesh.plugins.module_utils._k8s.commands import ready
from ansible_collections.bare.mesh.plugins.module_utils._k8s.diagnosis import pod_trouble
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure


def diagnose(subject: Subject, istio: str, timeout: int) -> Iterator[Finding]:
    """The findings in the order of the way of a request. istio: namespace of istiod. timeout: seconds for a command."""
    pod = subject.client
    meshed = has_proxy(pod)
    if ready(pod):
        sidecar = "" if meshed else ", without a sidecar: neither routes nor limits apply to what it sends"
        yield Finding("client", True, f"the pod {named(pod)} is ready{sidecar}")
    else:
        yield Finding("client", False, f"the pod {named(pod)} is not ready: {pod_trouble(pod)}. See its logs".strip())
    if meshed:
        yield proxy.synced(subject, istio, timeout)
    reachable = True
    for found in service.check(subject):
        reachable &= found.ok
        yield found
    if meshed:
        yield from routing.check(subject)
    if not reachable:
        return
    said = None
    if meshed:
        try:
            said = proxy.read(subject, timeout)
        except Failure as error:
            yield Finding("proxy-clusters", False, f"{error}. See the log of the container istio-proxy")
    used = [said.clusters[name] for name in said.wanted if name in said.clusters] if said else []
    yield from security.check(subject, istio, [one for one in used if one["host"] == subject.host])
    if said:
        yield from proxy.check(subject, said)
