# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the client speaks TLS as the servers want it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import namespace, spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.diagnosis.subject import (
    Finding,
    Object,
    Subject,
    has_proxy,
    in_mesh,
    labels,
    named,
)
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import identity

PERMISSIVE, STRICT, DISABLE, MUTUAL = "PERMISSIVE", "STRICT", "DISABLE", "ISTIO_MUTUAL"


def mode(policies: list[Object], pod: Object, port: int, root: str) -> tuple[str, str]:
    """The mode that a pod has at a port, and the PeerAuthentication that says so.

    A policy with a selector comes before one of the namespace, and that before one of the mesh. Of two for the same,
    the older one counts. https://istio.io/latest/docs/concepts/security/#peer-authentication
    """
    levels: list[list[Object]] = [[], [], []]
    for policy in sorted(policies, key=lambda one: str(one["metadata"].get("creationTimestamp") or "")):
        wanted = (spec(policy).get("selector") or {}).get("matchLabels") or {}
        if wanted and namespace(policy) == namespace(pod) and wanted.items() <= labels(pod).items():
            levels[0].append(policy)
        elif not wanted and namespace(policy) in (namespace(pod), root):
            levels[1 if namespace(policy) == namespace(pod) else 2].append(policy)
    for level, found in enumerate(levels):
        if not found:
            continue
        content = spec(found[0])
        # Modes of single ports are for policies with a selector.
        at_port = (content.get("portLevelMtls") or {}).get(str(port)) if level == 0 else None
        for said in (at_port, content.get("mtls")):
            given = (said or {}).get("mode") or "UNSET"
            if given != "UNSET":
                return given, identity(found[0])
    return PERMISSIVE, "no PeerAuthentication"


def check(subject: Subject, root: str, clusters: list[dict[str, Any]]) -> Iterator[Finding]:
    """clusters: those of the client's proxy for the destination; empty if it has no proxy, or that is not known."""
    if not subject.servers:
        return
    policies = [
        policy
        for where in sorted({subject.home, root})
        for policy in subject.objects("security", "PeerAuthentication", where)
    ]
    faults = set()
    modes = set()
    for pod in subject.servers:
        for port in subject.targets:
            wanted, source = mode(policies, pod, port, root)
            modes.add(wanted)
            faults |= _of_client(subject, pod, wanted, source)
            for one in clusters:
                faults |= _of_cluster(pod, wanted, source, one)
    for message in sorted(faults):
        yield Finding("mtls", False, message)
    if not faults:
        speaks = ", ".join(sorted({one["tls"] for one in clusters})) or "as its application does"
        yield Finding("mtls", True, f"the servers want {', '.join(sorted(modes))}, and the client speaks {speaks}")


def _of_client(subject: Subject, pod: Object, wanted: str, source: str) -> set[str]:
    if wanted != STRICT or not in_mesh(pod) or in_mesh(subject.client):
        return set()
    fix = "Give the client a sidecar and restart it, or use PERMISSIVE until then"
    client = named(subject.client)
    return {f"{source} wants mutual TLS (STRICT), and the pod {client} has no sidecar to speak it. {fix}"}


def _of_cluster(pod: Object, wanted: str, source: str, cluster: dict[str, Any]) -> set[str]:
    speaks = cluster["tls"]
    rule = f"DestinationRule {cluster['destination_rule']}" if cluster["destination_rule"] else "the mesh's settings"
    if wanted == STRICT and in_mesh(pod) and speaks not in ("AUTO", MUTUAL):
        fix = f"Remove tls from {rule}, or set its mode to {MUTUAL}"
        return {f"{source} wants mutual TLS (STRICT), and by {rule} clients speak {speaks}. {fix}"}
    if speaks == MUTUAL and not in_mesh(pod):
        fix = f"Give it a sidecar, or remove tls from {rule}: without it, each server gets what it can speak"
        return {f"by {rule} clients speak {MUTUAL}, and the pod {named(pod)} has no sidecar to answer. {fix}"}
    if speaks == MUTUAL and wanted == DISABLE and has_proxy(pod):
        return {f"by {rule} clients speak {MUTUAL}, and {source} wants plain text (DISABLE). Remove one of the two"}
    return set()
