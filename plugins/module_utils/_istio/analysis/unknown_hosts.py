# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Destinations that are no service of the mesh."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import Context, Object, namespace, spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.finding import Finding, finding
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.hosts import destinations, forms, same, service

_SOURCE = "reference/config/analysis/ist0101/"


def unknown(context: Context) -> Iterator[Finding]:
    """The destinations of routes in the batch that are neither a Service nor a host of a ServiceEntry."""
    for route in context.mine("VirtualService"):
        for path, target in destinations(route):
            host = target["host"]
            if _missing(context, host, namespace(route)):
                message = f"{host!r} is neither a Service nor a host of a ServiceEntry, so these requests get 503"
                fix = "Correct the name (a name without dots is in the namespace of the VirtualService), or create it"
                yield finding("unknown-host", route, f"{path}.host", message, fix, _SOURCE)


def _missing(context: Context, host: str, where: str) -> bool:
    # What other clusters export has no Service here.
    if host.endswith(".clusterset.local") or not context.complete("ServiceEntry") or _external(context, host, where):
        return False
    meant = service(host, where)
    if meant is None:
        return True
    name, home = meant
    there = {one["metadata"]["name"] for one in context.all("Service") if namespace(one) == home}
    # A namespace without any service is one that is not deployed yet, for example in check mode. But shop.example can
    # also be the name of a host in the internet.
    known = bool(there) or host.count(".") == 1
    return context.complete("Service", home) and known and name not in there


def _external(context: Context, host: str, where: str) -> bool:
    return any(same(forms(host, where), _hosts(entry)) for entry in context.all("ServiceEntry"))


def _hosts(entry: Object) -> set[str]:
    return {form for host in spec(entry).get("hosts") or [] for form in forms(host, namespace(entry))}
