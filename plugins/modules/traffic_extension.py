#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_extension
short_description: Manages Istio's TrafficExtensions, which run Lua code or WebAssembly modules in the proxies
version_added: 0.2.0
description:
  - Creates, changes and removes TrafficExtensions of Istio (C(extensions.istio.io)), one or many in a task.
  - Istio 1.29 does not have this kind. There, use M(bare.mesh.wasm_plugin), or M(bare.mesh.envoy_filter) for Lua code.
  - Each extension has O(lua) or O(wasm). The proxies run them. That the code is right, that C(url) leads to a module,
    and that it takes C(pluginConfig), only they can tell.
  - Without O(selector) and O(target_refs), an extension is for all workloads of its namespace, or, in the root
    namespace of the mesh (C(istio-system)), for all workloads of the mesh.
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/proxy_extensions/traffic_extension/).
options:
  lua:
    description:
      - Lua code, at most 64 KiB in C(inlineCode). Its functions C(envoy_on_request) and C(envoy_on_response) are called
        with each request and response.
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/traffic_extension/#LuaConfig).
    type: dict
  wasm:
    description:
      - A WebAssembly module, by C(url), an image in a registry (C(oci://), also without a scheme), a file in the
        proxy's container (C(file://)), or an address on the web. C(pluginConfig) has its settings.
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/traffic_extension/#WasmConfig).
    type: dict
  phase:
    description:
      - The place among the filters of the proxy. V(AUTHN) runs it before Istio's authentication, V(AUTHZ) between
        authentication and authorization, V(STATS) between authorization and the metrics.
      - Istio's default is V(UNSPECIFIED), the end of the filters, before the router.
      - Reference
        U(https://istio.io/latest/docs/reference/config/proxy_extensions/traffic_extension/#TrafficExtension-ExecutionPhase).
    type: str
  priority:
    description:
      - The order of the extensions of the same phase, the highest first. Istio's default is V(0).
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/traffic_extension/#TrafficExtension).
    type: int
  match:
    description:
      - The traffic that the extension is for, by C(mode) (V(CLIENT), V(SERVER) or V(CLIENT_AND_SERVER)) and C(ports),
        each with its C(number). Istio's default is all traffic.
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/traffic_extension/#TrafficSelector).
    type: list
    elements: dict
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.istio_kind
  - bare.mesh.istio_targets
  - bare.mesh.connection
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Add a header to each response of the reviews
  bare.mesh.traffic_extension:
    name: served-by
    namespace: shop
    selector: {matchLabels: {app: reviews}}
    match: [{mode: SERVER}]
    lua:
      inlineCode: |
        function envoy_on_response(handle)
          handle:headers():add("x-served-by", "reviews")
        end

- name: A login before the page, by a WebAssembly module from a registry
  bare.mesh.traffic_extension:
    name: login
    namespace: shop
    selector: {matchLabels: {app: productpage}}
    phase: AUTHN
    wasm:
      url: oci://registry.example.com/filters/openid:1.0
      pluginConfig:
        openid_server: https://login.example.com
        openid_realm: shop

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.traffic_extension:
    namespace: shop
    resources:
      - name: first
        target_refs: [{kind: Service, name: reviews}]
        priority: 10
        wasm:
          url: oci://registry.example.com:5000/first:1.0
          imagePullSecret: registry
          vmConfig:
            env: [{name: POD_NAME, valueFrom: HOST}]
      - metadata:
          name: second
        spec:
          phase: STATS
          lua: {inlineCode: "function envoy_on_request(handle) handle:logInfo('a request') end"}

- name: Remove one
  bare.mesh.traffic_extension:
    name: served-by
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.traffic_extension import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import traffic_extension


def main() -> None:
    kind_module.main(traffic_extension, faults)


if __name__ == "__main__":
    main()
