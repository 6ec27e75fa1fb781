# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Policies that lock out more than is meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import Context, Object, namespace, spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.finding import Finding, finding

_NOTHING = "concepts/security/#allow-nothing-deny-all-and-allow-all-policy"
_PEERS = "concepts/security/#peer-authentication"
_ROOT = "istio-system"


def allow_nothing(context: Context) -> Iterator[Finding]:
    """Policies that allow without rules. With another one that has rules, such a policy is a base on purpose."""
    rich = [one for one in context.all("AuthorizationPolicy") if _allows(one) and spec(one).get("rules")]
    for policy in context.mine("AuthorizationPolicy"):
        content, where = spec(policy), namespace(policy)
        others = [one for one in rich if where == _ROOT or namespace(one) in (where, _ROOT)]
        if not _allows(policy) or content.get("rules") or others:
            continue
        form = "ALLOW without rules" if content else "an empty spec"
        message = f"{form} allows nothing: all requests to {_whom(content, where)} are refused"
        fix = "Add rules; {} as the only rule allows everything"
        yield finding("allow-nothing", policy, "spec.rules" if content else "spec", message, fix, _NOTHING)


def _whom(content: dict[str, Any], where: str) -> str:
    if any(content.get(name) for name in ("selector", "targetRef", "targetRefs")):
        return "the workloads that it selects"
    return "all workloads of the mesh" if where == _ROOT else f"all workloads of the namespace {where}"


def _allows(policy: Object) -> bool:
    """Whether a policy allows. One on trial has no effect."""
    trial = (policy["metadata"].get("annotations") or {}).get("istio.io/dry-run")
    return (spec(policy).get("action") or "ALLOW") == "ALLOW" and str(trial).lower() != "true"


def strict(context: Context) -> Iterator[Finding]:
    """Namespaces that allow only mutual TLS, with pods that cannot speak it."""
    for policy in context.mine("PeerAuthentication"):
        content, where = spec(policy), namespace(policy)
        # Istio's own pods have no sidecar.
        if (content.get("mtls") or {}).get("mode") != "STRICT" or where == _ROOT:
            continue
        wanted = ((content.get("selector") or {}).get("matchLabels") or {}).items()
        names = [
            one["metadata"]["name"]
            for kind in ("Pod", "Deployment")
            for one in context.all(kind)
            if namespace(one) == where and wanted <= _labels(one).items() and _without_sidecar(one)
        ]
        if names:
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            message = f"STRICT needs sidecars, and these have none: {shown}; they are not protected and reach no others"
            fix = "Inject the sidecar and restart them, or use PERMISSIVE until then"
            yield finding("strict-mtls-without-sidecar", policy, "spec.mtls.mode", message, fix, _PEERS)


def _meta(one: Object) -> dict[str, Any]:
    """The metadata of a pod, or of the pods of a deployment."""
    return (spec(one).get("template") or {}).get("metadata") or {} if one["kind"] == "Deployment" else one["metadata"]


def _labels(one: Object) -> dict[str, Any]:
    return _meta(one).get("labels") or {}


def _without_sidecar(one: Object) -> bool:
    """Whether an object certainly has no sidecar, and no ztunnel instead of it."""
    meta = _meta(one)
    marks = {**(meta.get("annotations") or {}), **(meta.get("labels") or {})}
    if marks.get("ambient.istio.io/redirection") == "enabled" or marks.get("istio.io/dataplane-mode") == "ambient":
        return False
    if one["kind"] == "Deployment":
        # The sidecar is added to its pods. That it will not be is only certain where it is said.
        return str(marks.get("sidecar.istio.io/inject")).lower() == "false"
    content = spec(one)
    containers = [*(content.get("containers") or []), *(content.get("initContainers") or [])]
    done = (one.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return bool(containers) and not done and all(each.get("name") != "istio-proxy" for each in containers)
