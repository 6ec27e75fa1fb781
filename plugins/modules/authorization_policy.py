#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: authorization_policy
short_description: Manages Istio's AuthorizationPolicies, which say who may call which workload
version_added: 0.2.0
description:
  - Creates, changes and removes AuthorizationPolicies of Istio (C(security.istio.io)), one or many in a task.
  - Without O(selector) and O(target_refs), a policy is for all workloads of its namespace, or, in the root namespace of
    the mesh (C(istio-system)), for all workloads of the mesh.
  - A policy without O(rules) and with the action V(ALLOW) allows nothing, so it denies all requests.
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/security/authorization-policy/).
options:
  action:
    description:
      - V(ALLOW), V(DENY), V(AUDIT) or V(CUSTOM). Istio's default is V(ALLOW).
      - Reference U(https://istio.io/latest/docs/reference/config/security/authorization-policy/#AuthorizationPolicy-Action).
    type: str
  provider:
    description:
      - The external authorizer of the action V(CUSTOM), by its C(name) in the settings of the mesh.
      - Reference U(https://istio.io/latest/docs/reference/config/security/authorization-policy/#AuthorizationPolicy-ExtensionProvider).
    type: dict
  rules:
    description:
      - The requests that the policy is for, by C(from), C(to) and C(when). An empty rule is for all requests.
      - Reference U(https://istio.io/latest/docs/reference/config/security/authorization-policy/#Rule).
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
- name: Let only the page call the reviews
  bare.mesh.authorization_policy:
    name: reviews
    namespace: shop
    selector: {matchLabels: {app: reviews}}
    action: ALLOW
    rules:
      - from:
          - source:
              principals: [cluster.local/ns/shop/sa/productpage]
        to:
          - operation: {methods: [GET]}

- name: Deny all requests from outside of the own network
  bare.mesh.authorization_policy:
    name: intern
    namespace: shop
    action: DENY
    rules:
      - from:
          - source:
              notIpBlocks: [10.0.0.0/8]

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.authorization_policy:
    namespace: shop
    resources:
      - name: admin
        selector: {matchLabels: {app: productpage}}
        action: DENY
        rules:
          - to: [{operation: {paths: ["/admin/{**}"]}}]
            when: [{key: "request.auth.claims[group]", notValues: [admins]}]
      - metadata:
          name: metrics
        spec:
          selector: {matchLabels: {app: details}}
          rules: [{to: [{operation: {ports: ["9090"]}}]}]

- name: Remove one
  bare.mesh.authorization_policy:
    name: intern
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.authorization_policy import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import authorization_policy


def main() -> None:
    kind_module.main(authorization_policy, faults)


if __name__ == "__main__":
    main()
