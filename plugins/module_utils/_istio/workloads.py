# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which workloads run proxies, and of which revision: by their pods, which the injection has marked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import controller

# The injection and the charts of gateways write it into each pod with a proxy.
# pkg/kube/inject/webhook.go of Istio 1.31; manifests/charts/gateway/templates/deployment.yaml
REVISION = "istio.io/rev"
PLURALS = {"DaemonSet": "daemonsets", "Deployment": "deployments", "StatefulSet": "statefulsets"}
# What kubectl rollout restart writes into the template of the pods.
RESTARTED = "kubectl.kubernetes.io/restartedAt"

Object = dict[str, Any]


class Name(NamedTuple):
    namespace: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass
class Workload:
    """What controls pods with proxies, or a pod that nothing starts again."""

    name: Name
    pods: list[str] = field(default_factory=list)
    revisions: set[str] = field(default_factory=set)

    @property
    def restartable(self) -> bool:
        return self.name.kind in PLURALS

    @property
    def path(self) -> str:
        parts = (quote(self.name.namespace, safe=""), PLURALS[self.name.kind], quote(self.name.name, safe=""))
        return "/apis/apps/v1/namespaces/{}/{}/{}".format(*parts)


def revision_of(pod: Object) -> str:
    """The revision of the pod's proxy; empty if it has none, has ended or is about to."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed") or pod["metadata"].get("deletionTimestamp"):
        return ""
    return str((pod["metadata"].get("annotations") or {}).get(REVISION, ""))


def named_revision(template: Object) -> str:
    """The revision that a template of pods names itself; empty if it leaves that to its namespace."""
    meta = template.get("metadata") or {}
    return str((meta.get("labels") or {}).get(REVISION) or (meta.get("annotations") or {}).get(REVISION) or "")


def find(client: Client, namespaces: list[str]) -> list[Workload]:
    """The workloads whose pods have proxies, sorted. namespaces: all of them if it is empty."""
    found: dict[Name, Workload] = {}
    deployments: dict[str, dict[str, str]] = {}
    for pod in _pods(client, namespaces):
        revision = revision_of(pod)
        if not revision:
            continue
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        kind, owner = controller(pod)
        if kind == "ReplicaSet":
            if namespace not in deployments:
                deployments[namespace] = _deployments(client, namespace)
            if owner in deployments[namespace]:
                kind, owner = "Deployment", deployments[namespace][owner]
        key = Name(namespace, kind or "Pod", owner or name)
        workload = found.setdefault(key, Workload(key))
        workload.pods.append(name)
        workload.revisions.add(revision)
    return [found[key] for key in sorted(found)]


def _pods(client: Client, namespaces: list[str]) -> list[Object]:
    paths = [f"/api/v1/namespaces/{quote(name, safe='')}/pods" for name in namespaces] or ["/api/v1/pods"]
    return [pod for path in paths for pod in client.pages(path)]


def _deployments(client: Client, namespace: str) -> dict[str, str]:
    """The Deployments of the namespace's ReplicaSets."""
    listed = client.pages(f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/replicasets")
    owners = {one["metadata"]["name"]: controller(one) for one in listed}
    return {name: owner for name, (kind, owner) in owners.items() if kind == "Deployment"}


def next_revision(client: Client, live: Object) -> str | None:
    """The revision that a new pod of the workload would have: the API server's answer to a dry run.

    Empty if it would have no proxy. None if the API server refuses the dry run, which another user's quota may cause.
    """
    namespace, template = live["metadata"]["namespace"], live["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**(template.get("metadata") or {}), "generateName": "proxy-revision-", "namespace": namespace},
        "spec": template["spec"],
    }
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"
    try:
        return revision_of(client.request("POST", path, {"dryRun": "All"}, pod))
    except ApiError:
        return None


def restart(client: Client, workload: Workload, when: str) -> Object:
    """Let the workload replace its pods, as kubectl rollout restart does. Returns it as it is then."""
    body = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: when}}}}}
    return client.patch(workload.path, body, "kubectl-rollout")
