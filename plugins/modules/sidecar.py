#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: sidecar
short_description: Manages Istio's Sidecars, which say what the proxies of workloads listen to and reach
version_added: 0.2.0
description:
  - Creates, changes and removes Sidecars of Istio (C(networking.istio.io)), one or many in a task.
  - Without a Sidecar, a proxy takes traffic on all ports of its workload and gets the configuration of the whole mesh.
  - Without O(workload_selector), a Sidecar is for all workloads of its namespace that no other one selects, or, in the
    root namespace of the mesh (C(istio-system)), for those of all namespaces that have no Sidecar of their own.
  - At least one of the other options is required.
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/networking/sidecar/).
options:
  workload_selector:
    description:
      - The workloads of the namespace, by C(labels).
      - Reference U(https://istio.io/latest/docs/reference/config/networking/sidecar/#WorkloadSelector).
    type: dict
  ingress:
    description:
      - The ports that the proxy takes traffic on for its workload, each with a C(port) and optionally a
        C(defaultEndpoint), which is the address of the workload.
      - By default all ports of the services that the workload belongs to.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioIngressListener).
    type: list
    elements: dict
  egress:
    description:
      - The services that the workload can reach, by C(hosts) such as V(./*) (own namespace), V(istio-system/*) or
        V(*/www.example.com). Less configuration makes proxies smaller and faster.
      - An item with C(port) is for traffic to that port, the last item can be without C(port), for all other traffic.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioEgressListener).
    type: list
    elements: dict
  outbound_traffic_policy:
    description:
      - What happens to traffic to unknown services. C(mode) is V(ALLOW_ANY) (it passes) or V(REGISTRY_ONLY) (it is
        dropped). With V(ALLOW_ANY), C(egressProxy) can name the service through which it leaves.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/sidecar/#OutboundTrafficPolicy).
    type: dict
  inbound_connection_pool:
    description:
      - Limits of the connections to the workload, by C(tcp) and C(http). C(connectionPool) in an item of O(ingress)
        replaces them for its port.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/destination-rule/#ConnectionPoolSettings).
    type: dict
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.istio_kind
  - bare.mesh.connection
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Let all workloads of a namespace know only their own services and those of Istio
  bare.mesh.sidecar:
    name: default
    namespace: shop
    egress:
      - hosts: [./*, istio-system/*]

- name: Take HTTP on one port for a workload that listens on localhost only, and limit its connections
  bare.mesh.sidecar:
    name: ratings
    namespace: shop
    workload_selector: {labels: {app: ratings}}
    ingress:
      - port: {number: 9080, protocol: HTTP, name: http}
        defaultEndpoint: 127.0.0.1:8080
        connectionPool: {http: {http1MaxPendingRequests: 100}}
    egress:
      - port: {number: 3306, protocol: MYSQL, name: mysql}
        hosts: [./mysqldb.shop.svc.cluster.local]
      - hosts: [istio-system/*]
    outbound_traffic_policy: {mode: REGISTRY_ONLY}

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.sidecar:
    namespace: shop
    resources:
      - name: details
        workload_selector: {labels: {app: details}}
        egress: [{hosts: ["*/www.example.com", istio-system/*]}]
      - metadata:
          name: reviews
        spec:
          workloadSelector: {labels: {app: reviews}}
          inboundConnectionPool: {tcp: {maxConnections: 100}}

- name: Remove one
  bare.mesh.sidecar:
    name: ratings
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.sidecar import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import sidecar


def main() -> None:
    kind_module.main(sidecar, faults)


if __name__ == "__main__":
    main()
