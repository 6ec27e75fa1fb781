# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The second level of the checks: what Istio accepts, and traffic suffers from. In doubt, nothing is said."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis import (
    conflicts,
    gateways,
    matches,
    policies,
    subsets,
    tls,
    unknown_hosts,
    weights,
)
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import Context, Object
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.finding import Finding

RULES = (
    subsets.unknown,
    subsets.shrinking,
    unknown_hosts.unknown,
    gateways.unknown,
    gateways.unserved,
    weights.odd,
    matches.unreachable,
    conflicts.servers,
    conflicts.routes,
    tls.mismatch,
    tls.double,
    tls.plain,
    policies.allow_nothing,
    policies.strict,
)


def analyse(
    definitions: list[Object], known: Iterable[Object] = (), listed: Collection[tuple[str, str]] | None = None
) -> list[Finding]:
    """The warnings about valid definitions of Istio's kinds.

    known: live objects beside or behind them, as far as they are known. listed: see Context.
    """
    context = Context(definitions, known, listed)
    return [found for rule in RULES for found in rule(context)]
