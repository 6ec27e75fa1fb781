# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The subset that gets more requests: whether it exists, and the label by which metrics know its requests."""

from __future__ import annotations

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.hosts import forms, fqdn, same, service
from ansible_collections.bare.mesh.plugins.module_utils._istio.shift.gates import LABELS, Target
from ansible_collections.bare.mesh.plugins.module_utils._istio.shift.routes import Route, members, name
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds

Object = dict[str, Any]
# DestinationRules of Istio's own namespace hold for the whole mesh.
ROOT = "istio-system"


def known(client: Client, host: str, where: str) -> dict[str, dict[str, str]]:
    """The labels of each subset of a host, by name. Istio looks into the namespaces in this order."""
    found = service(host, where)
    exact: dict[str, dict[str, str]] = {}
    wild: dict[str, dict[str, str]] = {}
    for namespace in dict.fromkeys([where, *([found[1]] if found else []), ROOT]):
        for rule in client.pages(Kinds(client).collection("networking.istio.io/v1", "DestinationRule", namespace)):
            spec = rule.get("spec") or {}
            pattern = spec.get("host") or ""
            if same(forms(host, where), forms(pattern, namespace)):
                for subset in spec.get("subsets") or []:
                    (wild if pattern.startswith("*") else exact).setdefault(subset["name"], subset.get("labels") or {})
        if exact or wild:
            break
    # A rule with a wildcard holds where none names the host.
    return exact or wild


def full_name(host: str, where: str) -> str:
    """The host as the metrics have it."""
    found = service(host, where)
    return f"{found[0]}.{found[1]}.svc.cluster.local" if found else fqdn(host, where)


def target(
    params: Object, subsets: dict[str, dict[str, str]], routes: list[Route], measured: bool
) -> tuple[Target | None, list[str]]:
    """Whose requests are measured, if a gate needs Istio's metrics; and what is wrong with the subset."""
    host, to, where = params["host"], params["to"], params["namespace"]
    if to not in subsets:
        listed = ", ".join(sorted(subsets)) or "none"
        return None, [f"no DestinationRule of {host} has the subset {to} (there are: {listed}): correct to, or add it"]
    if not measured:
        return None, []
    if all(route.section != "http" for route in routes):
        return None, ["success_rate and latency measure HTTP, and no http route is shifted: write gates with a query"]
    labels = subsets[to]
    label = next((one for one in LABELS if labels.get(one)), None)
    if label is None:
        return None, [
            f"the subset {to} has none of the labels {', '.join(LABELS)}, by which metrics know its requests: add one"
            " to its labels and pods, or write gates with a query"
        ]
    others = {
        name(route.entry["route"][number])
        for route in routes
        for number in members(route.entry, host, where)
        if number != route.taker
    }
    twins = sorted(one for one in others if (subsets.get(one) or {}).get(label) == labels[label])
    if twins:
        return None, [
            f"the subsets {to} and {', '.join(twins)} have the same label {label}={labels[label]}, so metrics cannot"
            " tell them apart: give the pods of each their own, or write gates with a query"
        ]
    return Target(params["reporter"], full_name(host, where), LABELS[label], labels[label]), []
