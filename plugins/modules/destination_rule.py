#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: destination_rule
short_description: Manages Istio's DestinationRules, which set the traffic policy of a service
version_added: 0.1.0
description:
  - Creates, changes and removes DestinationRules, one or many in a task.
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/networking/destination-rule/).
options:
  host:
    description:
      - The service to which the rule applies.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/destination-rule/#DestinationRule-host).
    type: str
  traffic_policy:
    description:
      - Load balancing, connection pools, outlier detection and TLS.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy).
    type: dict
  subsets:
    description:
      - Named subsets of the pods of the service, selected by labels.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/destination-rule/#Subset).
    type: list
    elements: dict
  export_to:
    description:
      - The namespaces in which it is visible. V(.) means its own namespace, V(*) all namespaces. By default all.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/destination-rule/#DestinationRule-export_to).
    type: list
    elements: str
  workload_selector:
    description:
      - The client pods to which the rule applies, selected by C(matchLabels). By default all.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/destination-rule/#DestinationRule-workload_selector).
    type: dict
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.istio_kind
  - bare.mesh.connection
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Define the versions of the reviews as subsets
  bare.mesh.destination_rule:
    name: reviews
    namespace: shop
    host: reviews
    traffic_policy:
      loadBalancer: {simple: LEAST_REQUEST}
    subsets:
      - {name: v1, labels: {version: v1}}
      - {name: v2, labels: {version: v2}}

- name: Create several rules
  bare.mesh.destination_rule:
    namespace: shop
    resources:
      - {name: ratings, host: ratings, subsets: [{name: v1, labels: {version: v1}}]}
      - {name: details, host: details, subsets: [{name: v1, labels: {version: v1}}]}

- name: Remove the rule
  bare.mesh.destination_rule:
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.destination_rule import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import destination_rule


def main() -> None:
    kind_module.main(destination_rule, faults)


if __name__ == "__main__":
    main()
