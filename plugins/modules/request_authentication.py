#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: request_authentication
short_description: Manages Istio's RequestAuthentications, which say how the tokens of requests are verified
version_added: 0.2.0
description:
  - Creates, changes and removes RequestAuthentications of Istio (C(security.istio.io)), one or many in a task.
  - A request with a wrong token is refused. A request without a token passes; M(bare.mesh.authorization_policy) can
    require one.
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/security/request_authentication/).
options:
  jwt_rules:
    description:
      - The issuers of tokens, with the places of their keys and of the tokens in a request.
      - Reference U(https://istio.io/latest/docs/reference/config/security/request_authentication/#JWTRule).
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
- name: Verify the tokens of one issuer
  bare.mesh.request_authentication:
    name: users
    namespace: shop
    selector: {matchLabels: {app: productpage}}
    jwt_rules:
      - issuer: https://login.example.com
        jwksUri: https://login.example.com/.well-known/jwks.json
        audiences: [shop]
        outputClaimToHeaders: [{header: x-user, claim: sub}]

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.request_authentication:
    namespace: shop
    resources:
      - name: partners
        selector: {matchLabels: {app: details}}
        jwt_rules:
          - issuer: partner
            jwksUri: https://partner.example.com/jwks.json
            fromHeaders: [{name: x-partner-token}]
      - metadata:
          name: robots
        spec:
          selector: {matchLabels: {app: ratings}}
          jwtRules: [{issuer: robots, jwksUri: "https://robots.example.com/jwks.json", forwardOriginalToken: true}]

- name: Remove one
  bare.mesh.request_authentication:
    name: users
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.request_authentication import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import request_authentication


def main() -> None:
    kind_module.main(request_authentication, faults)


if __name__ == "__main__":
    main()
