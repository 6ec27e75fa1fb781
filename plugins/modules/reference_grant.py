#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: reference_grant
short_description: Manages ReferenceGrants of the Gateway API, which allow references from other namespaces
version_added: 0.2.0
description:
  - Creates, changes and removes ReferenceGrants of the Gateway API (C(gateway.networking.k8s.io)), one or many in a
    task.
  - A route that names a Service of another namespace, or a Gateway that names a Secret of one, needs a ReferenceGrant
    in that other namespace. Without it, the condition C(ResolvedRefs) is C(False), with the reason C(RefNotPermitted).
  - Checks all resources by the rules of the Gateway API before anything is written. The message names each wrong field
    and the fix.
  - Controllers set no conditions of ReferenceGrants, so there is nothing to wait for.
  - The fields inside the options are those of the Gateway API, see
    U(https://gateway-api.sigs.k8s.io/api-types/referencegrant/).
options:
  from:
    description:
      - Who can refer to the namespace, by C(group), C(kind) and C(namespace).
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#referencegrantfrom).
    type: list
    elements: dict
  to:
    description:
      - What can be referred to, by C(group) (empty for the core group), C(kind) and optionally C(name).
      - Reference U(https://gateway-api.sigs.k8s.io/reference/spec/#referencegrantto).
    type: list
    elements: dict
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.gateway_api_kind
  - bare.mesh.istio_kind
  - bare.mesh.connection
seealso:
  - module: bare.mesh.http_route
  - module: bare.mesh.gateway_api_gateway
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: HTTPRoutes of the namespace ingress can send requests to all Services of the namespace shop
  bare.mesh.reference_grant:
    name: from-ingress
    namespace: shop
    from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: ingress}]
    to: [{group: "", kind: Service}]

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.reference_grant:
    namespace: certificates
    resources:
      - name: example-com
        from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: ingress}]
        to: [{group: "", kind: Secret, name: example-com}]
      - metadata:
          name: example-org
        spec:
          from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: ingress}]
          to: [{group: "", kind: Secret, name: example-org}]

- name: Remove one
  bare.mesh.reference_grant:
    name: from-ingress
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

from ansible_collections.bare.mesh.plugins.module_utils._gateway_api import family
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.rules.reference_grant import faults
from ansible_collections.bare.mesh.plugins.module_utils._gateway_api.schemas import reference_grant


def main() -> None:
    family.main(reference_grant, faults)


if __name__ == "__main__":
    main()
