#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: wasm_plugin
short_description: Manages Istio's WasmPlugins, which run WebAssembly modules in the proxies
version_added: 0.2.0
description:
  - Creates, changes and removes WasmPlugins of Istio (C(extensions.istio.io)), one or many in a task.
  - Without O(selector) and O(target_refs), a plugin is for all workloads of its namespace, or, in the root namespace of
    the mesh (C(istio-system)), for all workloads of the mesh.
  - The proxies fetch the modules. That O(url) leads to one, and that it takes O(plugin_config), only they can tell.
  - Istio 1.31 has a successor, see M(bare.mesh.traffic_extension).
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/).
options:
  url:
    description:
      - The place of the module, which each plugin needs. An image in a registry (C(oci://), also without a scheme), a
        file in the proxy's container (C(file://)), or an address on the web (C(https://), C(http://)).
      - A registry with a name and a port needs the scheme, as in V(oci://registry.example.com:5000/filter:1.0).
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#WasmPlugin).
    type: str
  sha256:
    description:
      - The checksum of the module or of the image, 64 lower-case hexadecimal digits.
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#WasmPlugin).
    type: str
  image_pull_policy:
    description:
      - V(IfNotPresent), or V(Always) to fetch the module again when the plugin changes. Istio's default is
        V(IfNotPresent), and V(Always) for an image with the tag C(latest).
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#PullPolicy).
    type: str
  image_pull_secret:
    description:
      - The name of the Secret with the credentials for the registry, in the namespace of the plugin.
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#WasmPlugin).
    type: str
  verification_key:
    description:
      - A key for the signature of the module. Istio has the field, but does not use it yet.
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#WasmPlugin).
    type: str
  plugin_config:
    description:
      - The settings that the module gets. What is possible depends on the module.
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#WasmPlugin).
    type: dict
  plugin_name:
    description:
      - The name of the plugin in Envoy's configuration, at most 256 bytes. Modules with several plugins need it.
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#WasmPlugin).
    type: str
  phase:
    description:
      - The place among the filters of the proxy. V(AUTHN) runs it before Istio's authentication, V(AUTHZ) between
        authentication and authorization, V(STATS) between authorization and the metrics.
      - Istio's default is V(UNSPECIFIED_PHASE), the end of the filters, before the router.
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#PluginPhase).
    type: str
  priority:
    description:
      - The order of the plugins of the same phase, the highest first. Istio's default is V(0).
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#WasmPlugin).
    type: int
  fail_strategy:
    description:
      - What happens to requests when the module cannot be fetched or fails. V(FAIL_CLOSE), Istio's default, refuses
        them, V(FAIL_OPEN) lets them pass, and V(FAIL_RELOAD) starts the module again.
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#FailStrategy).
    type: str
  vm_config:
    description:
      - The environment variables of the module, in C(env), by C(name) and C(value), or with C(valueFrom=HOST) by the
        name that they have in the proxy.
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#VmConfig).
    type: dict
  match:
    description:
      - The traffic that the plugin is for, by C(mode) (V(CLIENT), V(SERVER) or V(CLIENT_AND_SERVER)) and C(ports), each
        with its C(number). Istio's default is all traffic.
      - Reference
        U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#WasmPlugin-TrafficSelector).
    type: list
    elements: dict
  type:
    description:
      - V(HTTP), Istio's default, or V(NETWORK) for a module that reads the bytes of connections.
      - Reference U(https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#PluginType).
    type: str
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
- name: A login before the page, with an image from a registry
  bare.mesh.wasm_plugin:
    name: login
    namespace: shop
    selector: {matchLabels: {app: productpage}}
    url: oci://registry.example.com/filters/openid:1.0
    phase: AUTHN
    plugin_config:
      openid_server: https://login.example.com
      openid_realm: shop

- name: A module from the web, with its checksum, and only for requests to the port 9080
  bare.mesh.wasm_plugin:
    name: headers
    namespace: shop
    url: https://example.com/filters/headers.wasm
    sha256: 1ef0c9a92b0420cf25f7fe5d481b231464bc88f486ca3b9c83ed5cc21d2f6210
    fail_strategy: FAIL_OPEN
    match:
      - mode: SERVER
        ports: [{number: 9080}]
    vm_config:
      env:
        - {name: POD_NAME, valueFrom: HOST}
        - {name: TRUST_DOMAIN, value: cluster.local}

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.wasm_plugin:
    namespace: shop
    resources:
      - name: first
        url: oci://registry.example.com:5000/first:1.0
        image_pull_secret: registry
        priority: 10
      - metadata:
          name: second
        spec:
          url: file:///opt/filters/second.wasm
          targetRefs: [{kind: Service, name: reviews}]

- name: Remove one
  bare.mesh.wasm_plugin:
    name: headers
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
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.wasm_plugin import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import wasm_plugin


def main() -> None:
    kind_module.main(wasm_plugin, faults)


if __name__ == "__main__":
    main()
