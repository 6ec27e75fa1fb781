# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The mesh as a drawing: gateways, routes with weights and subsets, versions of services with their pods, nodes.

Pure: from objects as the API server gives them to text. Of matches of routes only what is matched is named, and the
paths: values of headers can be secret.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._report.chart import Chart

Object = dict[str, Any]
Key = tuple[str, ...]
# A drawing with more than this is not read by anybody.
SERVICES = 60
# Kind in the objects that are given -> the path of its list.
LISTS = {
    "gateways": "/apis/networking.istio.io/v1/gateways",
    "routes": "/apis/networking.istio.io/v1/virtualservices",
    "rules": "/apis/networking.istio.io/v1/destinationrules",
    "services": "/api/v1/services",
    "pods": "/api/v1/pods",
    "nodes": "/api/v1/nodes",
}
# Names of a gateway in a route that stand for all sidecars.
SIDECARS = "mesh"


def draw(found: dict[str, list[Object]]) -> tuple[str, list[str]]:
    """The flowchart of these objects, and what has to be said of it. Without routes and services, it is empty."""
    drawing = _Drawing(found)
    drawing.gateways()
    drawing.routes()
    drawing.services()
    drawing.nodes()
    notes = drawing.notes
    if drawing.chart.left_out:
        notes.append(f"{drawing.chart.left_out} nodes and lines are not drawn: the mesh is too large for a drawing.")
    return drawing.chart.text() if drawing.chart.nodes else "", notes


def name(item: Object) -> tuple[str, str]:
    meta = item.get("metadata") or {}
    return str(meta.get("namespace") or ""), str(meta.get("name") or "")


def labels(item: Object) -> dict[str, str]:
    return (item.get("metadata") or {}).get("labels") or {}


def spec(item: Object) -> Object:
    return item.get("spec") or {}


def selects(selector: dict[str, str] | None, item: Object) -> bool:
    """Whether it selects the object. Without a selector it selects nothing, as with Services."""
    return bool(selector) and (selector or {}).items() <= labels(item).items()


def is_ready(item: Object) -> bool:
    conditions = (item.get("status") or {}).get("conditions") or []
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def counts(pods: list[Object]) -> str:
    return f"{sum(is_ready(pod) for pod in pods)}/{len(pods)} pods ready"


def in_mesh(pod: Object) -> bool:
    """Whether it has a sidecar, which may be an init container, or is a part of an ambient mesh, or a gateway."""
    containers = [*(spec(pod).get("containers") or []), *(spec(pod).get("initContainers") or [])]
    ambient = ((pod.get("metadata") or {}).get("annotations") or {}).get("ambient.istio.io/redirection") == "enabled"
    return ambient or any(one.get("name") == "istio-proxy" for one in containers)


def host_of(host: str, namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that a host of a route names. None for hosts outside of the cluster."""
    if "." not in host:
        return namespace, host
    service, _dot, rest = host.partition(".")
    space, _dot, domain = rest.partition(".")
    return (space, service) if domain == "svc" or domain.startswith("svc.") else None


def version(pod: Object) -> str:
    """What tells a pod from those of another version of its service: a label, or else the controller that made it."""
    found = labels(pod).get("version") or labels(pod).get("app.kubernetes.io/version")
    if found:
        return str(found)
    owner: Object = next(iter((pod.get("metadata") or {}).get("ownerReferences") or []), {})
    made_by, own = str(owner.get("name") or ""), str(labels(pod).get("pod-template-hash") or "")
    return (made_by[: -len(own) - 1] if own and made_by.endswith(f"-{own}") else made_by) or name(pod)[1]


def match(rule: Object) -> str:
    """When a rule applies, in a few words."""
    return " or ".join(dict.fromkeys(_conditions(one) for one in rule.get("match") or []))


def _conditions(one: Object) -> str:
    words = []
    for what in sorted(set(one) - {"name", "ignoreUriCase", "gateways"}):
        value = one[what]
        if what in ("headers", "withoutHeaders", "queryParams", "sourceLabels") and isinstance(value, dict):
            words.append(f"{'without ' * (what == 'withoutHeaders')}{what} {', '.join(sorted(value))}")
        elif what == "uri" and isinstance(value, dict):
            words.append(", ".join(f"{kind} {path}" for kind, path in value.items()))
        else:
            words.append(f"{what} {value}" if what == "port" else what)
    return " and ".join(words) or "any"


def weights(targets: list[Object]) -> list[int]:
    """The share of each target in percent. A single one gets all; of several, one without a weight gets nothing."""
    given = [int(one.get("weight") or 0) for one in targets]
    whole = sum(given)
    return [100] * len(given) if len(given) == 1 else [round(100 * one / whole) if whole else 0 for one in given]


class _Drawing:
    def __init__(self, found: dict[str, list[Object]]) -> None:
        self.chart = Chart()
        self.notes: list[str] = []
        self.found = {kind: sorted(found.get(kind) or [], key=name) for kind in LISTS}
        # Pods that have ended are of jobs.
        self.pods = [
            pod for pod in self.found["pods"] if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        ]
        self.by_service = {
            name(one): [
                pod for pod in self.pods if name(pod)[0] == name(one)[0] and selects(spec(one).get("selector"), pod)
            ]
            for one in self.found["services"]
        }
        self.workloads: dict[Key, list[Object]] = {}

    def gateways(self) -> None:
        for one in self.found["gateways"]:
            namespace, own = name(one)
            servers = spec(one).get("servers") or []
            ports = ", ".join(f"{port.get('number')} {port.get('protocol')}" for port in _each(servers, "port"))
            hosts = dict.fromkeys(str(host) for server in servers for host in server.get("hosts") or [])
            pods = [pod for pod in self.pods if selects(spec(one).get("selector"), pod)]
            key = ("gateway", namespace, own)
            text = [f"Gateway {namespace}/{own}", f"hosts {', '.join(hosts)}", f"ports {ports}", counts(pods)]
            self.chart.node(key, text, "([])")
            self.workloads[key] = pods

    def routes(self) -> None:
        for one in self.found["routes"]:
            namespace, own = name(one)
            key = ("route", namespace, own)
            hosts = ", ".join(map(str, spec(one).get("hosts") or []))
            self.chart.node(key, [f"VirtualService {namespace}/{own}", f"hosts {hosts}"], "{{}}")
            for gateway in spec(one).get("gateways") or [SIDECARS]:
                space, _slash, short = str(gateway).rpartition("/")
                source: Key = ("gateway", namespace if space in ("", ".") else space, short)
                if gateway == SIDECARS:
                    source = (SIDECARS,)
                    self.chart.node(source, ["Sidecars of the mesh"], "([])")
                elif source not in self.chart.ids:
                    self.chart.node(source, [f"Gateway {source[1]}/{short}", "does not exist"], "([])")
                self.chart.edge(source, key)
            rules = [(kind, rule) for kind in ("http", "tls", "tcp") for rule in spec(one).get(kind) or []]
            for number, (kind, rule) in enumerate(rules, 1):
                order = f"{number}. " if len(rules) > 1 else ""
                when = match(rule)
                self._rule(key, rule, f"{order}{kind}{' if ' * bool(when)}{when}")

    def _rule(self, source: Key, rule: Object, text: str) -> None:
        targets = rule.get("route") or []
        for target, share in zip(targets, weights(targets)):
            goal = target.get("destination") or {}
            subset = str(goal.get("subset") or "")
            for end in self._ends(str(goal.get("host") or ""), subset, source[1]):
                self.chart.edge(source, end, f"{share}%{' ' * bool(subset)}{subset}: {text}")
        for instead in sorted({"redirect", "directResponse", "delegate"} & set(rule)):
            key = (*source, instead, text)
            self.chart.node(key, [instead])
            self.chart.edge(source, key, text)

    def _ends(self, host: str, subset: str, namespace: str) -> list[Key]:
        """Where a target leads: to a service, or with a subset to the versions that it selects."""
        service = host_of(host, namespace)
        if service is None or service not in self.by_service:
            key: Key = ("host", host if service is None else ".".join(service[::-1]))
            what = "is not a Service of the cluster" if service is None else "Service does not exist"
            self.chart.node(key, [host, what])
            return [key]
        self._service(service)
        if not subset:
            return [("service", *service)]
        selector = self._subset(service, subset)
        ends = [
            key for key, pods in self.workloads.items()
            if key[:3] == ("version", *service) and selector is not None
            and any(selector.items() <= labels(pod).items() for pod in pods)
        ]  # fmt: skip
        if not ends:
            key = ("subset", *service, subset)
            why = "no DestinationRule defines it" if selector is None else "no pods"
            self.chart.node(key, [f"subset {subset} of {'/'.join(service)}", why])
            return [key]
        return ends

    def _subset(self, service: tuple[str, str], subset: str) -> dict[str, str] | None:
        for rule in self.found["rules"]:
            if host_of(str(spec(rule).get("host") or ""), name(rule)[0]) == service:
                for one in spec(rule).get("subsets") or []:
                    if one.get("name") == subset:
                        return one.get("labels") or {}
        return None

    def _service(self, service: tuple[str, str]) -> None:
        """Draw a Service with its versions, once."""
        if ("service", *service) in self.chart.ids:
            return
        self.chart.node(("service", *service), [f"Service {'/'.join(service)}"], "[[]]")
        versions: dict[str, list[Object]] = {}
        for pod in self.by_service[service]:
            versions.setdefault(version(pod), []).append(pod)
        for one, pods in sorted(versions.items()):
            key = ("version", *service, one)
            self.workloads[key] = pods
            self.chart.node(key, [f"{'/'.join(service)} {one}", counts(pods)])
            self.chart.edge(("service", *service), key)

    def services(self) -> None:
        """Those of the mesh to which no route leads. Gateways are drawn as such."""
        gateways = {name(pod) for pods in self.workloads.values() for pod in pods}
        more = [
            service for service, pods in self.by_service.items()
            if ("service", *service) not in self.chart.ids
            and any(in_mesh(pod) and name(pod) not in gateways for pod in pods)
        ]  # fmt: skip
        for service in more[:SERVICES]:
            self._service(service)
        if len(more) > SERVICES:
            self.notes.append(f"{len(more) - SERVICES} more services without a route are not drawn.")

    def nodes(self) -> None:
        for one in self.found["nodes"]:
            own = name(one)[1]
            self.chart.node(("node", own), [f"Node {own}", "ready" if is_ready(one) else "not ready"], "[()]")
        for key, pods in self.workloads.items():
            for node, count in sorted(Counter(str(spec(pod).get("nodeName") or "") for pod in pods).items()):
                if ("node", node) in self.chart.ids:
                    self.chart.edge(key, ("node", node), f"{count} pods" if count > 1 else "", "-.->")


def _each(items: list[Object], field: str) -> list[Object]:
    return [item.get(field) or {} for item in items]
