#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: gateway
short_description: Manages Istio's Gateways, which open ports at the edge of the mesh
version_added: 0.1.0
description:
  - Creates, changes and removes Gateways of Istio (C(networking.istio.io)), one or many in a task.
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/networking/gateway/).
options:
  servers:
    description:
      - The ports to open, with their hosts and TLS settings.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/gateway/#Server).
    type: list
    elements: dict
  selector:
    description:
      - Labels of the gateway pods to which it applies, such as C(istio) with V(ingressgateway).
      - Reference U(https://istio.io/latest/docs/reference/config/networking/gateway/#Gateway-selector).
    type: dict
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.istio_kind
  - bare.mesh.connection
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Open plain HTTP for a host
  bare.mesh.gateway:
    name: web
    namespace: shop
    selector: {istio: ingressgateway}
    servers:
      - port: {number: 80, name: http, protocol: HTTP}
        hosts: [shop.example.com]

- name: Open HTTPS with a certificate from a Secret
  bare.mesh.gateway:
    name: shop
    namespace: shop
    selector: {istio: ingressgateway}
    servers:
      - port: {number: 443, name: https, protocol: HTTPS}
        hosts: [shop.example.com]
        tls: {mode: SIMPLE, credentialName: shop-certificate}

- name: Create two gateways, the second one as a Kubernetes manifest
  bare.mesh.gateway:
    namespace: shop
    resources:
      - name: tls
        selector: {istio: ingressgateway}
        servers: [{port: {number: 443, name: tls, protocol: TLS}, hosts: [pay.example.com], tls: {mode: PASSTHROUGH}}]
      - metadata:
          name: tcp
        spec:
          selector: {istio: ingressgateway}
          servers: [{port: {number: 3306, name: mysql, protocol: TCP}, hosts: ["*"]}]

- name: Remove the gateway
  bare.mesh.gateway:
    name: shop
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.gateway import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import gateway


def main() -> None:
    kind_module.main(gateway, faults)


if __name__ == "__main__":
    main()
