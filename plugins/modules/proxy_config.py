#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_config
short_description: Manages Istio's ProxyConfigs, which set up the proxies of workloads
version_added: 0.2.0
description:
  - Creates, changes and removes ProxyConfigs of Istio (C(networking.istio.io)), one or many in a task.
  - Without O(selector), a ProxyConfig is for all workloads of its namespace, or, in the root namespace of the mesh
    (C(istio-system)), for all workloads of the mesh.
  - A proxy reads its settings when it starts, so they become effective when the pods are created again.
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/networking/proxy-config/).
options:
  selector:
    description:
      - The workloads, by C(matchLabels).
      - Reference U(https://istio.io/latest/docs/reference/config/type/workload-selector/#WorkloadSelector).
    type: dict
  concurrency:
    description:
      - The number of threads of the proxy. With V(0) it has one for each core of the machine. By default Istio takes
        the number from the limits of the container.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/proxy-config/#ProxyConfig-concurrency).
    type: int
  environment_variables:
    description:
      - Environment variables of the proxy, each with a string. Those that begin with C(ISTIO_META_) are also sent to
        the control plane.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/proxy-config/#ProxyConfig).
    type: dict
  image:
    description:
      - The image of the proxy. C(imageType) is V(default), V(debug), V(distroless) or another type that the registry
        has.
      - Reference U(https://istio.io/latest/docs/reference/config/networking/proxy-config/#ProxyImage).
    type: dict
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.istio_kind
  - bare.mesh.connection
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Give the proxies of a namespace two threads each
  bare.mesh.proxy_config:
    name: default
    namespace: shop
    concurrency: 2

- name: Let the proxies of one workload end when their last connection does, and use the smaller image
  bare.mesh.proxy_config:
    name: reviews
    namespace: shop
    selector: {matchLabels: {app: reviews}}
    environment_variables: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"}
    image: {imageType: distroless}

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.proxy_config:
    namespace: shop
    resources:
      - name: ratings
        selector: {matchLabels: {app: ratings}}
        concurrency: 1
      - metadata:
          name: details
        spec:
          selector: {matchLabels: {app: details}}
          environmentVariables: {ISTIO_META_TEAM: catalogue}

- name: Remove one
  bare.mesh.proxy_config:
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.proxy_config import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import proxy_config


def main() -> None:
    kind_module.main(proxy_config, faults)


if __name__ == "__main__":
    main()
