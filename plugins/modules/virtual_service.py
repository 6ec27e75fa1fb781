#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: virtual_service
short_description: Manages Istio's VirtualServices, which route traffic
version_added: 0.1.0
description:
  - Creates, changes and removes VirtualServices, one or many in a task.
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/networking/virtual-service/).
options:
  hosts:
    description:
      - The hosts that clients send requests to. A VirtualService without hosts is a delegate.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService-hosts).
    type: list
    elements: str
  gateways:
    description:
      - The gateways, as NAME or NAMESPACE/NAME, and V(mesh) for all sidecars. By default only V(mesh).
      - Reference U(https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService-gateways).
    type: list
    elements: str
  http:
    description:
      - Routes of HTTP, HTTP/2 and gRPC requests. The first route that matches is used.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute).
    type: list
    elements: dict
  tls:
    description:
      - Routes of TLS connections that are not terminated, selected by SNI.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/virtual-service/#TLSRoute).
    type: list
    elements: dict
  tcp:
    description:
      - Routes of other connections.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/virtual-service/#TCPRoute).
    type: list
    elements: dict
  export_to:
    description:
      - The namespaces in which it is visible. V(.) means its own namespace, V(*) all namespaces. By default all.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService-export_to).
    type: list
    elements: str
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.istio_kind
  - bare.mesh.connection
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Send half of the requests to v1 of the reviews and half to v3
  bare.mesh.virtual_service:
    name: reviews
    namespace: shop
    hosts: [reviews]
    http:
      - route:
          - destination: {host: reviews, subset: v1}
            weight: 50
          - destination: {host: reviews, subset: v3}
            weight: 50

- name: Create two resources, the second one as a Kubernetes manifest
  bare.mesh.virtual_service:
    namespace: shop
    resources:
      - name: ratings
        hosts: [ratings]
        http:
          - route: [{destination: {host: ratings, subset: v1}}]
      - metadata:
          name: details
        spec:
          hosts: [details]
          http:
            - route: [{destination: {host: details, subset: v1}}]

- name: Remove the route
  bare.mesh.virtual_service:
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.virtual_service import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import virtual_service


def main() -> None:
    kind_module.main(virtual_service, faults)


if __name__ == "__main__":
    main()
