#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: http_route
short_description: Manages HTTPRoutes of the Gateway API, which send HTTP requests from Gateways to services
version_added: 0.2.0
description:
  - Creates, changes and removes HTTPRoutes of the Gateway API (C(gateway.networking.k8s.io)), one or many in a task.
  - A route belongs to the Gateways, or to the Services in the mesh, that O(parent_refs) names. Istio and other
    controllers take them; M(bare.mesh.virtual_service) is Istio's own kind for the same purpose.
  - Checks all resources by the rules of the Gateway API before anything is written. The message names each wrong field
    and the fix.
  - Can wait until the controllers have accepted the routes, and returns what they say of them.
  - The fields inside the options are those of the Gateway API, see
    U(https://gateway-api.sigs.k8s.io/api-types/httproute/).
options:
  parent_refs:
    description:
      - The Gateways that the route belongs to, by C(name), and C(namespace) if it is another one. C(sectionName) is the
        name of a listener. With C(kind) V(Service) and an empty C(group), the route is for calls to a
        Service in the mesh.
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#parentreference).
    type: list
    elements: dict
  hostnames:
    description:
      - The host names of the requests, such as V(www.example.com) or V(*.example.com). By default those of the
        listener.
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#httproutespec).
    type: list
    elements: str
  rules:
    description:
      - What happens to which requests, by C(matches), C(filters), C(backendRefs) and C(timeouts).
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule).
    type: list
    elements: dict
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.gateway_api_kind
  - bare.mesh.istio_kind
  - bare.mesh.gateway_api_kind.waiting
  - bare.mesh.connection
seealso:
  - module: bare.mesh.gateway_api_gateway
  - module: bare.mesh.virtual_service
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Send all requests of a Gateway's listener to a Service, and wait until that is accepted
  bare.mesh.http_route:
    name: bookinfo
    namespace: shop
    parent_refs: [{name: web, sectionName: http}]
    rules:
      - backendRefs: [{name: productpage, port: 9080}]
    wait: true

- name: Send a tenth of the requests of one path to a new version, and redirect another path
  bare.mesh.http_route:
    name: canary
    namespace: shop
    parent_refs: [{name: web}]
    hostnames: [www.example.com]
    rules:
      - matches: [{path: {type: PathPrefix, value: /reviews}}]
        backendRefs:
          - {name: reviews-v1, port: 9080, weight: 90}
          - {name: reviews-v2, port: 9080, weight: 10}
        timeouts: {request: 10s}
      - matches: [{path: {type: Exact, value: /old}}]
        filters:
          - type: RequestRedirect
            requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /reviews}, statusCode: 301}

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.http_route:
    namespace: shop
    resources:
      - name: details
        parent_refs: [{name: web}]
        rules: [{backendRefs: [{name: details, port: 9080}]}]
      - metadata:
          name: ratings
        spec:
          parentRefs: [{group: "", kind: Service, name: ratings, port: 9080}]
          rules: [{backendRefs: [{name: ratings, port: 9080}], timeouts: {request: 2s}}]

- name: Remove one
  bare.mesh.http_route:
    name: canary
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
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.rules.http_route import faults
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.schemas import http_route


def main() -> None:
    family.main(http_route, faults)


if __name__ == "__main__":
    main()
