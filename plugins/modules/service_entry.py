#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: service_entry
short_description: Manages Istio's ServiceEntries, which add hosts to the services that the mesh knows
version_added: 0.2.0
description:
  - Creates, changes and removes ServiceEntries of Istio (C(networking.istio.io)), one or many in a task.
  - A ServiceEntry gives traffic to a host outside of the mesh the same routes, policies and metrics as traffic to a
    service inside. It can also give a host name to pods and to workloads of M(bare.mesh.workload_entry).
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/networking/service-entry/).
options:
  hosts:
    description:
      - The host names of the service, such as V(api.example.com) or V(*.example.com). V(*) alone is not possible.
      - Routes of M(bare.mesh.virtual_service) and policies of M(bare.mesh.destination_rule) refer to them.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-hosts).
    type: list
    elements: str
  addresses:
    description:
      - The virtual IP addresses of the service, or ranges such as V(10.1.0.0/16). A range needs O(resolution=NONE) or
        O(resolution=STATIC).
      - Reference U(https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-addresses).
    type: list
    elements: str
  ports:
    description:
      - The ports of the service, each with C(number), C(name) and C(protocol).
      - C(targetPort) is the port of the endpoints, where it is another one.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/service-entry/#ServicePort).
    type: list
    elements: dict
  location:
    description:
      - V(MESH_EXTERNAL), the default, for a service outside of the mesh. V(MESH_INTERNAL) for a part of the mesh, whose
        workloads have identities and mutual TLS.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-Location).
    type: str
  resolution:
    description:
      - How the proxy finds the IP address of an endpoint.
      - V(NONE), the default, keeps the address to which the client connects. V(STATIC) takes the addresses in
        O(endpoints) or those of the selected workloads. V(DNS) and V(DNS_ROUND_ROBIN) look up the names in O(endpoints)
        or, without them, the O(hosts). V(DYNAMIC_DNS) is for wildcards, and looks up the host of each request.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-Resolution).
    type: str
  endpoints:
    description:
      - The workloads that serve the hosts, with the fields of a WorkloadEntry. The keys of their C(ports) are names of
        O(ports).
      - Only one of O(endpoints) and O(workload_selector) can be given.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-endpoints).
    type: list
    elements: dict
  workload_selector:
    description:
      - Selects pods and WorkloadEntries of the same namespace, by C(labels). For O(location=MESH_INTERNAL).
      - Reference U(https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-workload_selector).
    type: dict
  export_to:
    description:
      - The namespaces in which it is visible. V(.) means its own namespace, V(*) all namespaces, V(~) none. By default
        all.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-export_to).
    type: list
    elements: str
  subject_alt_names:
    description:
      - The names of which the certificate of the server must have one.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-subject_alt_names).
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
- name: Let the shop call the API of a bank over TLS
  bare.mesh.service_entry:
    name: bank
    namespace: shop
    hosts: [api.bank.example.com]
    ports:
      - {number: 443, name: tls, protocol: TLS}
    location: MESH_EXTERNAL
    resolution: DNS
    export_to: ["."]

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.service_entry:
    namespace: shop
    resources:
      - name: database
        hosts: [mysql.shop.internal]
        ports: [{number: 3306, name: mysql, protocol: MySQL}]
        resolution: STATIC
        endpoints: [{address: 192.0.2.11}, {address: 192.0.2.12, ports: {mysql: 3307}}]
      - metadata:
          name: stock
        spec:
          hosts: [stock.shop.internal]
          ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]
          location: MESH_INTERNAL
          resolution: STATIC
          workloadSelector: {labels: {app: stock}}

- name: Remove one
  bare.mesh.service_entry:
    name: bank
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.service_entry import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import service_entry


def main() -> None:
    kind_module.main(service_entry, faults)


if __name__ == "__main__":
    main()
