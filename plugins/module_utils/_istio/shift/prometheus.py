# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values of Prometheus, through the API server's proxy of its Service.

https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple
from urllib.parse import quote

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable


class NoAnswer(Failure):
    """Prometheus cannot be asked. The query itself may be right."""


class Source(NamedTuple):
    """Where Prometheus is."""

    client: Client
    namespace: str
    service: str
    port: int

    def value(self, query: str) -> float | None:
        """The one value of a query, None if it has none. Raises NoAnswer, and Failure for a query that is not right."""
        name = quote(f"http:{self.service}:{self.port}", safe=":")
        path = f"/api/v1/namespaces/{quote(self.namespace, safe='')}/services/{name}/proxy/api/v1/query"
        where = f"{self.namespace}/{self.service}:{self.port}"
        stranger = NoAnswer(f"what answers at {where} is not Prometheus: check the option prometheus")
        try:
            answer = self.client.request("GET", path, {"query": query})
        except ApiError as error:
            # These two are Prometheus's own, of a query that it cannot read or compute.
            if error.status in (400, 422):
                raise Failure(f"Prometheus refuses the query {query}: {error}: correct it") from error
            fix = "check the option prometheus, that it runs (install_addons.yml), and the right to get services/proxy"
            raise NoAnswer(f"Prometheus at {where} does not answer: {error}: {fix}") from error
        except Unreachable:
            raise
        except Failure as error:
            raise stranger from error
        try:
            return single(answer["data"], query)
        except (LookupError, TypeError, ValueError) as error:
            raise stranger from error


def single(data: dict[str, Any], query: str) -> float | None:
    """The value of an answer. What is no finite number says nothing, such as the quotient of two zeros."""
    kind, result = data["resultType"], data["result"]
    if kind == "scalar" and isinstance(result, list):
        value = float(result[1])
    elif kind != "vector" or not isinstance(result, list):
        raise Failure(f"the query {query} gives a {kind}: write one that gives a single value")
    elif len(result) > 1:
        raise Failure(f"the query {query} gives {len(result)} values: aggregate them, by sum() for example")
    elif not result:
        return None
    elif "value" not in result[0]:
        raise Failure(f"the query {query} gives a histogram: write one that gives a single value")
    else:
        value = float(result[0]["value"][1])
    return value if math.isfinite(value) else None
