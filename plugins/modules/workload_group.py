#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: workload_group
short_description: Manages Istio's WorkloadGroups, from which workloads outside of Kubernetes are registered
version_added: 0.2.0
description:
  - Creates, changes and removes WorkloadGroups of Istio (C(networking.istio.io)), one or many in a task.
  - A WorkloadGroup is for machines what a Deployment is for pods. C(istioctl) makes the configuration of a machine from
    it, and a machine that joins the mesh can get its WorkloadEntry from it (see M(bare.mesh.workload_entry)).
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/networking/workload-group/).
options:
  workload_metadata:
    description:
      - The C(labels) and C(annotations) of the WorkloadEntries of the group.
      - This is the field C(metadata) of the C(spec). The WorkloadGroup itself has O(labels) and O(annotations).
      - Reference U(https://istio.io/latest/docs/reference/config/networking/workload-group/#WorkloadGroup-metadata).
    type: dict
  template:
    description:
      - The fields of the WorkloadEntries of the group, such as C(ports), C(serviceAccount) and C(network). Addresses
        come from the machines.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/workload-group/#WorkloadGroup-template).
    type: dict
  probe:
    description:
      - How the proxy on the machine finds out whether the workload is ready, by one of C(httpGet), C(tcpSocket) and
        C(exec).
      - Reference U(https://istio.io/latest/docs/reference/config/networking/workload-group/#ReadinessProbe).
    type: dict
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.istio_kind
  - bare.mesh.connection
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Virtual machines that serve the ratings
  bare.mesh.workload_group:
    name: ratings
    namespace: shop
    workload_metadata:
      labels: {app: ratings, version: vm}
    template:
      serviceAccount: ratings
      ports: {http: 9080}
    probe:
      httpGet: {path: /health, port: 9080}
      periodSeconds: 5
      failureThreshold: 3

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.workload_group:
    namespace: shop
    resources:
      - name: database
        template: {serviceAccount: database, network: datacenter}
        probe: {tcpSocket: {port: 3306}}
      - metadata:
          name: batch
        spec:
          metadata: {labels: {app: batch}}
          template: {serviceAccount: batch}
          probe: {exec: {command: [/usr/bin/test, -e, /run/batch/ready]}}

- name: Remove one
  bare.mesh.workload_group:
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.workload_group import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import workload_group


def main() -> None:
    kind_module.main(workload_group, faults)


if __name__ == "__main__":
    main()
