#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: telemetry
short_description: Manages Istio's Telemetry resources, which set up metrics, traces and access logs
version_added: 0.2.0
description:
  - Creates, changes and removes Telemetry resources of Istio (C(telemetry.istio.io)), one or many in a task.
  - Without O(selector) and O(target_refs), a Telemetry is for all workloads of its namespace, or, in the root namespace
    of the mesh (C(istio-system)), for all workloads of the mesh.
  - The providers that the options name are defined in the settings of the mesh (C(meshConfig.extensionProviders)).
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/telemetry/).
options:
  tracing:
    description:
      - Which requests are traced, such as C(randomSamplingPercentage) from V(0) to V(100), which tags their spans have
        (C(customTags)), and to which one of the C(providers) they are sent.
      - Reference U(https://istio.io/latest/docs/reference/config/telemetry/#Tracing).
    type: list
    elements: dict
  metrics:
    description:
      - Changes to the metrics of some or all C(providers), by C(overrides) that switch metrics off (C(disabled)), or
        add and remove their labels (C(tagOverrides)). They are applied in order.
      - Reference U(https://istio.io/latest/docs/reference/config/telemetry/#Metrics).
    type: list
    elements: dict
  access_logging:
    description:
      - Which requests and connections are logged, and by which C(providers). C(filter.expression) is an expression in
        the language CEL that selects them, C(disabled) switches the logs off.
      - Reference U(https://istio.io/latest/docs/reference/config/telemetry/#AccessLogging).
    type: list
    elements: dict
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.istio_kind
  - bare.mesh.istio_targets
  - bare.mesh.istio_targets.target_ref
  - bare.mesh.connection
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Log all failed requests of a namespace to the output of the proxies
  bare.mesh.telemetry:
    name: default
    namespace: shop
    access_logging:
      - providers: [{name: envoy}]
        filter: {expression: response.code >= 500 || response.flags > 0}

- name: Trace every tenth request to a workload, with a tag from a header
  bare.mesh.telemetry:
    name: reviews
    namespace: shop
    selector: {matchLabels: {app: reviews}}
    tracing:
      - randomSamplingPercentage: 10
        customTags:
          user: {header: {name: x-user, defaultValue: unknown}}
          stage: {literal: {value: production}}

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.telemetry:
    namespace: shop
    resources:
      - name: ratings
        selector: {matchLabels: {app: ratings}}
        metrics:
          - providers: [{name: prometheus}]
            overrides:
              - match: {metric: REQUEST_COUNT, mode: SERVER}
                tagOverrides:
                  method: {value: request.method}
                  response_flags: {operation: REMOVE}
      - metadata:
          name: details
        spec:
          selector: {matchLabels: {app: details}}
          metrics: [{overrides: [{match: {metric: REQUEST_SIZE}, disabled: true}]}]

- name: Remove one
  bare.mesh.telemetry:
    name: reviews
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.telemetry import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import telemetry


def main() -> None:
    kind_module.main(telemetry, faults)


if __name__ == "__main__":
    main()
