# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is diagnosed: a client's pod, a destination, and what the cluster has of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis import hosts
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import namespace, spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.callers import workload
from ansible_collections.bare.mesh.plugins.module_utils._istio.envoy import PROXY
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.commands import ready
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds, UnknownKind
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

Object = dict[str, Any]


class Finding(NamedTuple):
    """The result of one check. message: the object, what is wrong and the fix, or what was found right."""

    check: str
    ok: bool
    message: str


@dataclass
class Subject:
    """A client and a destination. host: the full name where it is a Service, else as it was given."""

    api: Client
    kinds: Kinds
    client: Object
    host: str
    port: int
    # Service, and the pods of its namespace.
    service: Object | None
    home: str
    pods: list[Object]
    entries: list[Object]
    # The pods that serve: those behind ready endpoints of the port. Ports of theirs that are called.
    servers: list[Object] = field(default_factory=list)
    targets: set[int] = field(default_factory=set)
    # Hosts and subsets to which requests fail for a reason that was found already.
    explained: set[tuple[str, str]] = field(default_factory=set)

    @property
    def names(self) -> frozenset[str]:
        return hosts.forms(self.host, namespace(self.client))

    def objects(self, group: str, kind: str, where: str = "") -> list[Object]:
        """The objects of a kind of Istio. Raises Failure where they may not be read."""
        return listed(self.api, self.kinds, group, kind, where)


def listed(api: Client, kinds: Kinds, group: str, kind: str, where: str = "") -> list[Object]:
    try:
        return list(api.pages(kinds.collection(f"{group}.istio.io/v1", kind, where)))
    except UnknownKind:
        return []


def named(one: Object) -> str:
    """Namespace and name of an object."""
    return f"{one['metadata']['namespace']}/{one['metadata']['name']}"


def labels(one: Object) -> dict[str, str]:
    return one["metadata"].get("labels") or {}


def words(selector: dict[str, str]) -> str:
    """Labels as kubectl writes them."""
    return ",".join(f"{name}={value}" for name, value in sorted(selector.items()))


def selected(pods: list[Object], selector: dict[str, str]) -> list[Object]:
    """The pods that have all of these labels, and have not ended."""
    ended = ("Succeeded", "Failed")
    return [
        pod
        for pod in pods
        if selector.items() <= labels(pod).items() and (pod.get("status") or {}).get("phase") not in ended
    ]


def has_proxy(pod: Object) -> bool:
    """Whether a sidecar or gateway is in the pod. A native sidecar is an init container."""
    content = spec(pod)
    containers = [*(content.get("containers") or []), *(content.get("initContainers") or [])]
    return any(one["name"] == PROXY for one in containers)


def in_mesh(pod: Object) -> bool:
    """Whether a pod speaks mutual TLS by itself or by ztunnel."""
    marks = pod["metadata"].get("annotations") or {}
    return has_proxy(pod) or marks.get("ambient.istio.io/redirection") == "enabled"


def is_gateway(pod: Object) -> bool:
    return any("router" in (one.get("args") or []) for one in spec(pod).get("containers") or [] if one["name"] == PROXY)


def find_client(pods: list[Object], where: str, name: str) -> Object:
    """The pod of this name, or of the workload of this name: the first ready one. Raises Failure if there is none."""
    found = [pod for pod in selected(pods, {}) if name in (pod["metadata"]["name"], workload(pod))]
    if not found:
        there = ", ".join(sorted({workload(pod) for pod in selected(pods, {})})) or "nothing"
        raise Failure(f"no pod or workload of the namespace {where} is called {name!r}; there run: {there}")
    return min(found, key=lambda pod: (not ready(pod), pod["metadata"]["name"]))


def pods_of(api: Client, where: str) -> list[Object]:
    return list(api.pages(f"/api/v1/namespaces/{quote(where, safe='')}/pods"))


def read(api: Client, where: str, name: str, host: str, port: int) -> Subject:
    """The client and the destination as they are now. Raises Failure if there is no such client."""
    own = pods_of(api, where)
    client = find_client(own, where, name)
    kinds = Kinds(api)
    meant = hosts.service(host, where)
    service = None
    home = ""
    if meant:
        home = meant[1]
        service = api.get(f"/api/v1/namespaces/{quote(home, safe='')}/services/{quote(meant[0], safe='')}")
    if service and meant:
        host = f"{meant[0]}.{home}.svc.cluster.local"
    forms = hosts.forms(host, where)
    entries = [
        one
        for one in listed(api, kinds, "networking", "ServiceEntry")
        if any(hosts.same(forms, hosts.forms(given, namespace(one))) for given in spec(one).get("hosts") or [])
    ]
    pods = own if home == where else pods_of(api, home) if service else []
    return Subject(api, kinds, client, host, port, service, home, pods, entries)
