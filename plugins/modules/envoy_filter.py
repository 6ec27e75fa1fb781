#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: envoy_filter
short_description: Manages Istio's EnvoyFilters, which change the configuration of the proxies
version_added: 0.2.0
description:
  - Creates, changes and removes EnvoyFilters of Istio (C(networking.istio.io)), one or many in a task.
  - Without O(workload_selector) and O(target_refs), a filter is for all workloads of its namespace, or, in the root
    namespace of the mesh (C(istio-system)), for all workloads of the mesh.
  - A filter depends on how Istio configures Envoy, which can change with each version of Istio. Use another kind where
    one can do the same, and test filters before each upgrade.
  - Checks all resources before anything is written, by those rules of Istio that do not depend on Envoy's types. The
    message names each wrong field and the fix.
  - Only the API server, by Istio's webhook, can tell whether the C(value) of a patch has the form of Envoy's object and
    whether the type in C(@type) exists. It ignores unknown fields in there, and accepts filters that match nothing. In
    check mode, the module asks the server too, if it can.
  - Istio does not look at patches for waypoints (C(context=WAYPOINT)).
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/networking/envoy-filter/), and those inside of the C(value) of a
    patch are those of Envoy, see U(https://www.envoyproxy.io/docs/envoy/latest/api-v3/api).
options:
  workload_selector:
    description:
      - The workloads, by C(labels). Waypoints need O(target_refs) instead.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/sidecar/#WorkloadSelector).
    type: dict
  target_refs:
    description:
      - The Gateways, Services or ServiceEntries to which the filter is attached, at most 16.
      - Reference U(https://istio.io/latest/docs/reference/config/type/workload-selector/#PolicyTargetReference).
    type: list
    elements: dict
  config_patches:
    description:
      - The changes. C(applyTo) is the type of what is changed, such as V(HTTP_FILTER) or V(CLUSTER). C(match) selects
        by C(context), C(proxy) and C(listener), C(routeConfiguration), C(cluster) or C(waypoint). C(patch) has the
        C(operation), such as V(MERGE) or V(INSERT_BEFORE), and the C(value), a part of Envoy's configuration.
      - The patches are applied in the order of the list.
      - Reference
        U(https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-EnvoyConfigObjectPatch).
    type: list
    elements: dict
  priority:
    description:
      - The order of the filters of a namespace, the lowest first, then the oldest. Those of the root namespace come
        before those of the workload's namespace. Istio's default is V(0).
      - Reference U(https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter).
    type: int
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.istio_kind
  - bare.mesh.connection
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Buffer less for each connection that reaches the page
  bare.mesh.envoy_filter:
    name: small-buffers
    namespace: shop
    workload_selector: {labels: {app: productpage}}
    config_patches:
      - applyTo: LISTENER
        match: {context: SIDECAR_INBOUND}
        patch:
          operation: MERGE
          value: {per_connection_buffer_limit_bytes: 32768}

- name: At most 100 requests per minute for each workload of the ratings
  bare.mesh.envoy_filter:
    name: rate-limit
    namespace: shop
    workload_selector: {labels: {app: ratings}}
    config_patches:
      - applyTo: HTTP_FILTER
        match:
          context: SIDECAR_INBOUND
          listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}
        patch:
          operation: INSERT_BEFORE
          value:
            name: envoy.filters.http.local_ratelimit
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: http_local_rate_limiter
              token_bucket: {max_tokens: 100, tokens_per_fill: 100, fill_interval: 60s}
              filter_enabled: {default_value: {numerator: 100, denominator: HUNDRED}}
              filter_enforced: {default_value: {numerator: 100, denominator: HUNDRED}}

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.envoy_filter:
    namespace: shop
    resources:
      - name: keep-alive
        config_patches:
          - applyTo: CLUSTER
            match: {context: SIDECAR_OUTBOUND, cluster: {service: reviews.shop.svc.cluster.local}}
            patch:
              operation: MERGE
              value: {upstream_connection_options: {tcp_keepalive: {keepalive_time: 60}}}
      - metadata:
          name: lua
        spec:
          workloadSelector: {labels: {app: reviews}}
          configPatches:
            - applyTo: HTTP_FILTER
              match:
                context: SIDECAR_INBOUND
                listener:
                  filterChain:
                    filter:
                      name: envoy.filters.network.http_connection_manager
                      subFilter: {name: envoy.filters.http.router}
              patch:
                operation: INSERT_BEFORE
                value:
                  name: envoy.filters.http.lua
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
                    default_source_code:
                      inline_string: |
                        function envoy_on_response(handle)
                          handle:headers():add("x-served-by", "reviews")
                        end

- name: Remove one
  bare.mesh.envoy_filter:
    name: rate-limit
    namespace: shop
    state: absent
"""

RETURN = r"""
objects:
  description: The resources, and what happened to each of them.
  returned: success
  type: list
  elements: dict
  contains:
    api_version:
      description: Its API version.
      type: str
    kind:
      description: Its kind.
      type: str
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    action:
      description: V(created), V(updated), V(unchanged), V(deleted) or V(absent). In check mode, what would happen.
      type: str
"""

from ansible_collections.bare.mesh.plugins.module_utils._istio import kind_module
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.envoy_filter import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import envoy_filter


def main() -> None:
    kind_module.main(envoy_filter, faults)


if __name__ == "__main__":
    main()
