#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_api_gateway
short_description: Manages Gateways of the Gateway API, each of which is a proxy with an address of its own
version_added: 0.2.0
description:
  - Creates, changes and removes Gateways of the Gateway API (C(gateway.networking.k8s.io)), one or many in a task.
  - A Gateway of the Gateway API asks for a proxy. The controller of its class runs one for it, with a Service; Istio
    does so for the class V(istio). Routes such as those of M(bare.mesh.http_route) are attached to its listeners.
  - The module M(bare.mesh.gateway) is for a kind of the same name, Istio's own (C(networking.istio.io)). It runs
    nothing, but says which ports and hosts a gateway serves that is there already. VirtualServices belong to it.
  - Checks all resources by the rules of the Gateway API before anything is written. The message names each wrong field
    and the fix.
  - Can wait until the controllers have programmed the Gateways, and returns what they say of them.
  - The fields inside the options are those of the Gateway API, see
    U(https://gateway-api.sigs.k8s.io/api-types/gateway/).
options:
  gateway_class_name:
    description:
      - Name of the GatewayClass, which decides whose controller runs the Gateway, such as V(istio).
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#gatewayspec).
    type: str
  listeners:
    description:
      - The ports, each by C(name), C(port), C(protocol) and optionally C(hostname), C(tls) and C(allowedRoutes). By
        default only routes of the same namespace are allowed.
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#listener).
    type: list
    elements: dict
  addresses:
    description:
      - The addresses that the Gateway should have, by C(type) and C(value). By default the controller decides.
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#gatewayspecaddress).
    type: list
    elements: dict
  infrastructure:
    description:
      - What the objects get that the controller makes for the Gateway, by C(labels), C(annotations) and
        C(parametersRef).
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#gatewayinfrastructure).
    type: dict
  allowed_listeners:
    description:
      - The namespaces whose ListenerSets can add listeners to the Gateway. By default none.
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#allowedlisteners).
    type: dict
  tls:
    description:
      - How the Gateway validates clients (C(frontend)), and the certificate that it shows to backends (C(backend)).
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#gatewaytlsconfig).
    type: dict
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.gateway_api_kind
  - bare.mesh.istio_kind
  - bare.mesh.gateway_api_kind.waiting
  - bare.mesh.connection
seealso:
  - module: bare.mesh.http_route
  - module: bare.mesh.gateway
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: A Gateway that Istio runs, with an address inside of the cluster, and wait until it works
  bare.mesh.gateway_api_gateway:
    name: web
    namespace: shop
    annotations: {networking.istio.io/service-type: ClusterIP}
    gateway_class_name: istio
    listeners:
      - {name: http, port: 80, protocol: HTTP}
    wait: true

- name: One with TLS, for routes of all namespaces
  bare.mesh.gateway_api_gateway:
    name: public
    namespace: ingress
    gateway_class_name: istio
    listeners:
      - name: https
        hostname: "*.example.com"
        port: 443
        protocol: HTTPS
        tls: {certificateRefs: [{name: example-com}]}
        allowedRoutes: {namespaces: {from: All}}

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.gateway_api_gateway:
    namespace: shop
    resources:
      - name: inner
        gateway_class_name: istio
        listeners: [{name: http, port: 80, protocol: HTTP}]
      - metadata:
          name: outer
        spec:
          gatewayClassName: istio
          listeners: [{name: tcp, port: 5432, protocol: TCP}]

- name: Remove one
  bare.mesh.gateway_api_gateway:
    name: inner
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
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.rules.gateway_api_gateway import faults
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.schemas import gateway_api_gateway


def main() -> None:
    family.main(gateway_api_gateway, faults)


if __name__ == "__main__":
    main()
