#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: grpc_route
short_description: Manages GRPCRoutes of the Gateway API, which send gRPC calls from Gateways to services
version_added: 0.2.0
description:
  - Creates, changes and removes GRPCRoutes of the Gateway API (C(gateway.networking.k8s.io)), one or many in a task.
  - A GRPCRoute matches calls by service and method, where an HTTPRoute (M(bare.mesh.http_route)) matches requests by
    path.
  - Checks all resources by the rules of the Gateway API before anything is written. The message names each wrong field
    and the fix.
  - Can wait until the controllers have accepted the routes, and returns what they say of them.
  - The fields inside the options are those of the Gateway API, see
    U(https://gateway-api.sigs.k8s.io/api-types/grpcroute/).
options:
  parent_refs:
    description:
      - The Gateways that the route belongs to, by C(name), and C(namespace) if it is another one. C(sectionName) is the
        name of a listener. With C(kind) V(Service) and an empty C(group), the route is for calls to a Service in the
        mesh.
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#parentreference).
    type: list
    elements: dict
  hostnames:
    description:
      - The host names of the calls, such as V(grpc.example.com) or V(*.example.com). By default those of the listener.
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#grpcroutespec).
    type: list
    elements: str
  rules:
    description:
      - What happens to which calls, by C(matches), C(filters) and C(backendRefs).
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#grpcrouterule).
    type: list
    elements: dict
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.gateway_api_kind
  - bare.mesh.istio_kind
  - bare.mesh.gateway_api_kind.waiting
  - bare.mesh.connection
seealso:
  - module: bare.mesh.http_route
  - module: bare.mesh.gateway_api_gateway
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Send the calls of one service to its backend, and wait until that is accepted
  bare.mesh.grpc_route:
    name: orders
    namespace: shop
    parent_refs: [{name: web}]
    hostnames: [grpc.example.com]
    rules:
      - matches: [{method: {service: shop.v1.Orders}}]
        backendRefs: [{name: orders, port: 9000}]
    wait: true

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.grpc_route:
    namespace: shop
    resources:
      - name: stock
        parent_refs: [{name: web}]
        rules: [{backendRefs: [{name: stock-v1, port: 9000, weight: 9}, {name: stock-v2, port: 9000, weight: 1}]}]
      - metadata:
          name: prices
        spec:
          parentRefs: [{name: web}]
          rules:
            - matches: [{method: {service: shop.v1.Prices, method: Get}}]
              backendRefs: [{name: prices, port: 9000}]

- name: Remove one
  bare.mesh.grpc_route:
    name: stock
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
conditions:
  description: The conditions that controllers have set, also those that are not waited for. A wait that fails returns
    them, too.
  returned: with O(wait=true), outside of check mode
  type: list
  elements: dict
  contains:
    kind:
      description: Kind of the resource.
      type: str
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    parent:
      description: The parent that the condition is about, such as V(Gateway shop/web, section http).
      returned: for routes
      type: str
    controller:
      description: Name of the controller that answers for the parent.
      returned: for routes
      type: str
    listener:
      description: The listener that the condition is about.
      returned: for listeners of Gateways
      type: str
    type:
      description: Type of the condition, such as V(Accepted).
      type: str
    status:
      description: V(True), V(False) or V(Unknown).
      type: str
    reason:
      description: The reason in one word, such as V(BackendNotFound).
      type: str
    message:
      description: The controller's text.
      type: str
"""

from ansible_collections.bare.mesh.plugins.module_utils._gateway_api import family
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.rules.grpc_route import faults
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.schemas import grpc_route


def main() -> None:
    family.main(grpc_route, faults)


if __name__ == "__main__":
    main()
