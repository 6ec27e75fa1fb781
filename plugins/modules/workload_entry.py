#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: workload_entry
short_description: Manages Istio's WorkloadEntries, which describe workloads outside of Kubernetes
version_added: 0.2.0
description:
  - Creates, changes and removes WorkloadEntries of Istio (C(networking.istio.io)), one or many in a task.
  - A WorkloadEntry is one workload on a virtual or physical machine. The selector of a M(bare.mesh.service_entry)
    or of a Service makes it a part of a service.
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/networking/workload-entry/).
options:
  address:
    description:
      - The IP address or domain name of the workload, without a port, or a socket as V(unix:///run/app.sock).
      - It can be left out where O(network) is given.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/workload-entry/#WorkloadEntry-address).
    type: str
  ports:
    description:
      - The ports of the workload by the names that they have in the service, such as C(http) with V(8080). Without a
        name here, the workload has the port of the service. Not for sockets.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/workload-entry/#WorkloadEntry-ports).
    type: dict
  workload_labels:
    description:
      - The labels of the workload, by which services and policies select it.
      - This is the field C(labels) of the C(spec). O(labels) are the labels of the WorkloadEntry itself.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/workload-entry/#WorkloadEntry-labels).
    type: dict
  network:
    description:
      - The network of the workload. Workloads of other networks are reached through the gateway of theirs.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/workload-entry/#WorkloadEntry-network).
    type: str
  locality:
    description:
      - Where the workload runs, as V(region/zone/subzone). Proxies prefer workloads nearby.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/workload-entry/#WorkloadEntry-locality).
    type: str
  weight:
    description:
      - The share of the traffic, compared with the weights of the other endpoints.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/workload-entry/#WorkloadEntry-weight).
    type: int
  service_account:
    description:
      - The service account whose identity the proxy of the workload has, in the same namespace.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/workload-entry/#WorkloadEntry-service_account).
    type: str
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.istio_kind
  - bare.mesh.connection
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: A virtual machine that serves the ratings
  bare.mesh.workload_entry:
    name: ratings-vm1
    namespace: shop
    address: 192.0.2.21
    ports: {http: 9080}
    workload_labels: {app: ratings, version: vm}
    service_account: ratings

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.workload_entry:
    namespace: shop
    resources:
      - name: ratings-vm2
        address: 192.0.2.22
        workload_labels: {app: ratings, version: vm}
        locality: eu-west/eu-west-1a
        weight: 50
      - metadata:
          name: ratings-vm3
        spec:
          address: vm3.shop.example.com
          labels: {app: ratings, version: vm}

- name: Remove one
  bare.mesh.workload_entry:
    name: ratings-vm1
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.workload_entry import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import workload_entry


def main() -> None:
    kind_module.main(workload_entry, faults)


if __name__ == "__main__":
    main()
