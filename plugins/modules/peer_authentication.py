#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: peer_authentication
short_description: Manages Istio's PeerAuthentications, which say where mutual TLS is required
version_added: 0.2.0
description:
  - Creates, changes and removes PeerAuthentications of Istio (C(security.istio.io)), one or many in a task.
  - Without O(selector), a PeerAuthentication is for all workloads of its namespace, or, in the root namespace of the
    mesh (C(istio-system)), for all workloads of the mesh.
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/security/peer_authentication/).
options:
  selector:
    description:
      - The workloads, by C(matchLabels).
      - Reference U(https://istio.io/latest/docs/reference/config/type/workload-selector/#WorkloadSelector).
    type: dict
  mtls:
    description:
      - C(mode) is V(STRICT) (only mutual TLS), V(PERMISSIVE) (also plain text), V(DISABLE) or V(UNSET) (as in the
        namespace or the mesh).
      - Reference U(https://istio.io/latest/docs/reference/config/security/peer_authentication/#PeerAuthentication-MutualTLS).
    type: dict
  port_level_mtls:
    description:
      - Port number of the workload to a mapping with C(mode), which overrides O(mtls) for that port. Needs O(selector).
      - Reference U(https://istio.io/latest/docs/reference/config/security/peer_authentication/#PeerAuthentication).
    type: dict
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.istio_kind
  - bare.mesh.connection
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Require mutual TLS in a namespace
  bare.mesh.peer_authentication:
    name: default
    namespace: shop
    mtls: {mode: STRICT}

- name: Require it of one workload, except on its port for metrics
  bare.mesh.peer_authentication:
    name: reviews
    namespace: shop
    selector: {matchLabels: {app: reviews}}
    mtls: {mode: STRICT}
    port_level_mtls:
      9090: {mode: PERMISSIVE}

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.peer_authentication:
    namespace: shop
    resources:
      - name: ratings
        selector: {matchLabels: {app: ratings}}
        mtls: {mode: STRICT}
      - metadata:
          name: details
        spec:
          selector: {matchLabels: {app: details}}
          mtls: {mode: PERMISSIVE}

- name: Remove one
  bare.mesh.peer_authentication:
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.peer_authentication import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import peer_authentication


def main() -> None:
    kind_module.main(peer_authentication, faults)


if __name__ == "__main__":
    main()
