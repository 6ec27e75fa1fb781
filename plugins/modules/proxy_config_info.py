#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_config_info
short_description: Reads the listeners, routes, clusters and endpoints of a workload's proxy as data
version_added: 0.2.0
description:
  - Asks the Envoy of one pod, a sidecar or a gateway, for the configuration with which it works now, as
    C(istioctl proxy-config) does, and returns it as plain lists of dictionaries.
  - It shows what has become of a VirtualService or a DestinationRule in the proxy that must obey it.
  - Certificates and keys are neither read from the answer nor returned.
  - Needs the right to run commands in the pod (C(create) for C(pods/exec)), and no istioctl.
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
options:
  namespace:
    description: Namespace of the pod.
    type: str
    required: true
  name:
    description: Name of the pod.
    type: str
  label_selectors:
    description: Label selectors of the pod, instead of its name. Of the pods that match all of them, the first ready
      one is used.
    type: list
    elements: str
  container:
    description: Container of the proxy.
    type: str
    default: istio-proxy
  parts:
    description: What to return.
    type: list
    elements: str
    choices: [listeners, routes, clusters, endpoints]
    default: [listeners, routes, clusters, endpoints]
  query:
    description: A JMESPath expression on a dictionary of the O(parts), whose value is RV(result).
    type: str
  timeout:
    description: Seconds after which the module fails if the proxy has not answered.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
    details: Changes nothing in any mode.
  diff_mode:
    support: none
seealso:
  - module: bare.mesh.proxy_status
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: See which subset of the reviews gets how many percent of the requests of the product page
  bare.mesh.proxy_config_info:
    namespace: bookinfo
    label_selectors: [app=productpage]
    parts: [routes]
    query: "routes[?virtual_host=='reviews.bookinfo.svc.cluster.local:9080'].clusters[].[subset, percent]"
  register: shares

- name: Find the endpoints of the ratings that are not healthy
  bare.mesh.proxy_config_info:
    namespace: bookinfo
    label_selectors: [app=reviews, version=v2]
    parts: [endpoints]
    query: "endpoints[?cluster=='outbound|9080||ratings.bookinfo.svc.cluster.local' && health!='HEALTHY']"
  register: ill

- name: Find the services of the namespace to which the gateway does not speak with mutual TLS
  bare.mesh.proxy_config_info:
    namespace: istio-system
    label_selectors: [istio=ingressgateway]
    parts: [clusters]
    query: "clusters[?ends_with(host, '.bookinfo.svc.cluster.local') && tls!='AUTO' && tls!='ISTIO_MUTUAL'].host"
  register: plain
"""

RETURN = r"""
pod:
  description: The pod whose proxy was asked. Empty in check mode without a cluster.
  returned: always
  type: str
  sample: productpage-v1-54c7887dd5-9zc9r
listeners:
  description: Where the proxy takes connections, sorted by name.
  returned: if O(parts) has V(listeners)
  type: list
  elements: dict
  contains:
    name: {description: Name of the listener., type: str, sample: 0.0.0.0_9080}
    address: {description: 'IP address, path of a Unix socket, or empty.', type: str, sample: 0.0.0.0}
    port: {description: 'Number of the port, or null.', type: int, sample: 9080}
    direction: {description: 'V(INBOUND), V(OUTBOUND), or empty for those of the proxy itself.', type: str}
    filter_chains:
      description: What happens to a connection. Envoy takes the chain that matches best.
      type: list
      elements: dict
      contains:
        name: {description: 'Name of the chain, or empty.', type: str, sample: virtualInbound-catchall-http}
        destination_port: {description: 'The port to which the connection was made, or null for any.', type: int}
        destinations: {description: Ranges of addresses in CIDR notation. Empty for any., type: list, elements: str}
        server_names: {description: Server names of TLS (SNI). Empty for any., type: list, elements: str}
        transport_protocol: {description: 'V(tls), V(raw_buffer) (plain text), or empty for any.', type: str}
        application_protocols: {description: Protocols by ALPN. Empty for any., type: list, elements: str}
        tls:
          description: Whether the proxy requires TLS and ends it here. Plain text is taken too if a chain without TLS
            matches the same port.
          type: bool
        client_certificate: {description: 'Whether the client must show a certificate, as in mutual TLS.', type: bool}
        protocol: {description: 'V(http), V(tcp), or empty for others.', type: str}
        route: {description: 'Name of the route configuration, for HTTP.', type: str, sample: '9080'}
        clusters:
          description: Clusters to which the connection goes, for TCP.
          type: list
          elements: dict
          contains: &targets
            name: {description: Name of the cluster., type: str}
            weight: {description: Its weight., type: int, sample: 90}
            percent: {description: Its share of all weights in percent., type: float, sample: 90.0}
            port: {description: 'Port of the service, or null.', type: int, sample: 9080}
            subset: {description: 'Subset of the DestinationRule, or empty.', type: str, sample: v1}
            host: {description: 'Host of the service, or empty.', type: str}
routes:
  description: What the proxy does with requests of HTTP. Route configurations are sorted by name. Within a virtual
    host, Envoy takes the first route that matches.
  returned: if O(parts) has V(routes)
  type: list
  elements: dict
  contains:
    route_config: {description: 'Name of the route configuration, or empty.', type: str, sample: http.8080}
    virtual_host: {description: Name of the virtual host., type: str, sample: 'reviews.bookinfo.svc.cluster.local:9080'}
    domains: {description: Hosts for which the virtual host stands., type: list, elements: str}
    require_tls: {description: 'V(ALL) if requests in plain text are redirected to HTTPS, else V(NONE).', type: str}
    name: {description: 'Name of the route, or empty.', type: str, sample: default}
    match:
      description: Which paths match.
      type: dict
      contains:
        type: {description: 'V(prefix), V(path), V(path_separated_prefix), V(regex), or empty for others.', type: str}
        value: {description: The text to match with., type: str, sample: /productpage}
        case_sensitive: {description: Whether capital letters differ from small ones., type: bool}
    headers:
      description: Conditions on headers, all of which must hold.
      type: list
      elements: dict
      contains: &conditions
        name: {description: Name of the header or of the parameter., type: str, sample: end-user}
        type:
          description: V(exact), V(prefix), V(suffix), V(contains), V(regex), V(present), V(absent), or empty for
            others.
          type: str
        value: {description: The text to match with., type: str, sample: jason}
        invert: {description: Whether the condition is turned round., type: bool}
    query_parameters:
      description: Conditions on parameters of the query, all of which must hold.
      type: list
      elements: dict
      contains: *conditions
    clusters:
      description: Clusters to which the requests go.
      type: list
      elements: dict
      contains: *targets
    timeout: {description: 'Time for the answer; V(0s) is none.', type: str, sample: 0s}
    retries:
      description: How requests are tried again. Empty if not at all.
      type: dict
      contains:
        attempts: {description: Number of further attempts., type: int, sample: 2}
        retry_on: {description: Conditions., type: str, sample: 'connect-failure,refused-stream'}
        per_try_timeout: {description: 'Time for one attempt, or empty.', type: str}
    rewrite:
      description: What is changed in the request. Empty if nothing.
      type: dict
      contains:
        prefix: {description: What replaces the path that matched., type: str}
        regex: {description: A regular expression on the path., type: str}
        substitution: {description: What replaces that., type: str}
        host: {description: The new host., type: str}
    redirect:
      description: Where the client is sent. Empty if it is not.
      type: dict
      contains:
        scheme: {description: The new scheme., type: str, sample: https}
        host: {description: The new host., type: str}
        port: {description: 'The new port, or null.', type: int}
        path: {description: The new path., type: str}
        prefix: {description: What replaces the path that matched., type: str}
        code: {description: Status of the answer., type: int, sample: 301}
    direct_response: {description: 'Status with which the proxy answers itself, or null.', type: int}
    fault:
      description: Faults that are injected. Empty if there are none.
      type: dict
      contains:
        delay: {description: 'Delay, or empty.', type: str, sample: 7s}
        delay_percent: {description: Percentage of requests that are delayed., type: float}
        abort_status: {description: 'Status of HTTP with which requests are aborted, or null.', type: int}
        abort_grpc_status: {description: 'The same for gRPC, or null.', type: int}
        abort_percent: {description: Percentage of requests that are aborted., type: float}
    mirrors:
      description: Clusters that get a copy of the requests.
      type: list
      elements: dict
      contains:
        cluster: {description: Name of the cluster., type: str}
        percent: {description: Percentage of requests that are copied., type: float}
    virtual_service:
      description: Namespace and name of the VirtualService it comes from. Empty if there is none.
      type: str
      sample: bookinfo/reviews
clusters:
  description: The destinations of the proxy, sorted by name.
  returned: if O(parts) has V(clusters)
  type: list
  elements: dict
  contains:
    name: {description: Name of the cluster., type: str, sample: outbound|9080|v1|reviews.bookinfo.svc.cluster.local}
    direction: {description: 'V(INBOUND), V(OUTBOUND), or empty for those of the proxy itself.', type: str}
    port: {description: 'Port of the service, or null.', type: int, sample: 9080}
    subset: {description: 'Subset of the DestinationRule, or empty.', type: str, sample: v1}
    host: {description: 'Host of the service, or empty.', type: str, sample: reviews.bookinfo.svc.cluster.local}
    type: {description: 'How endpoints are found, such as V(EDS), V(STRICT_DNS) or V(ORIGINAL_DST).', type: str}
    lb_policy: {description: 'How one of the endpoints is chosen, or empty for V(ROUND_ROBIN).', type: str}
    connect_timeout: {description: Time for a connection., type: str, sample: 10s}
    tls:
      description: V(ISTIO_MUTUAL), V(MUTUAL), V(SIMPLE) or V(DISABLE) as in a DestinationRule, or V(AUTO) for mutual
        TLS with endpoints that have a proxy and plain text with others.
      type: str
    sni: {description: 'Server name that the proxy sends, or empty.', type: str}
    circuit_breaker:
      description: Limits. Empty if none is set, in which case Envoy's defaults hold.
      type: dict
      contains:
        max_connections: {description: 'Connections; V(4294967295) is no limit, and null is the default.', type: int}
        max_pending_requests: {description: The same of requests that wait., type: int}
        max_requests: {description: The same of requests., type: int}
        max_retries: {description: The same of retries., type: int}
    outlier_detection:
      description: When an endpoint is left out for a time. Empty if never. What is not set is null or empty.
      type: dict
      contains:
        consecutive_5xx: {description: Errors one after another., type: int}
        consecutive_gateway_failure: {description: The same of the statuses 502 to 504., type: int}
        max_ejection_percent: {description: Percentage of endpoints that may be left out., type: int}
        interval: {description: Time between two looks., type: str, sample: 10s}
        base_ejection_time: {description: For how long the first time., type: str, sample: 30s}
    destination_rule:
      description: Namespace and name of the DestinationRule it comes from. Empty if there is none.
      type: str
      sample: bookinfo/reviews
endpoints:
  description: The endpoints of all clusters, sorted by cluster.
  returned: if O(parts) has V(endpoints)
  type: list
  elements: dict
  contains:
    cluster: {description: Name of the cluster., type: str}
    address: {description: 'IP address, or path of a Unix socket.', type: str, sample: 10.244.1.8}
    port: {description: 'Number of the port, or null.', type: int, sample: 9080}
    health: {description: 'V(HEALTHY), V(UNHEALTHY), V(DRAINING), V(TIMEOUT), V(DEGRADED) or V(UNKNOWN).', type: str}
    weight: {description: Weight within its locality., type: int, sample: 1}
    workload: {description: 'Name of the workload, such as a Deployment, or empty.', type: str, sample: reviews-v1}
    locality: {description: 'Region, zone and part of the zone with a V(/) between, or empty.', type: str}
    priority: {description: V(0) is used first., type: int, sample: 0}
result:
  description: The value of O(query).
  returned: if O(query) is set
  type: raw
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._istio.envoy import CONFIGURATION, page
from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.clusters import clusters, endpoints
from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.listeners import listeners
from ansible_collections.bare.mesh.plugins.module_utils._istio.proxy_config_dump.routes import routes
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.commands import find_pod
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.query import evaluate, expression

PARTS = {"listeners": listeners, "routes": routes, "clusters": clusters, "endpoints": endpoints}
ARGUMENTS: dict[str, Any] = {
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str"},
    "label_selectors": {"type": "list", "elements": "str"},
    "container": {"type": "str", "default": "istio-proxy"},
    "parts": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(PARTS)},
    "query": {"type": "str"},
    "timeout": {"type": "int", "default": 60},
}


def ask(client: Client, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The pod, and the answer of its proxy. Raises Failure if there is none, or it does not answer."""
    namespace = params["namespace"]
    pod = params["name"] or find_pod(client, namespace, params["label_selectors"])
    return pod, page(client, namespace, pod, params["container"], CONFIGURATION, params["timeout"])


def work(module: AnsibleModule) -> dict[str, Any]:
    """Ask the proxy, and take what is asked for out of its answer."""
    params = module.params
    query = expression(params, "query")
    client = connect(module, "nothing is found in the proxy")
    pod, dump = ask(client, params) if client else ("", {})
    # In the order of the documentation, and each once.
    found = {part: read(dump) for part, read in PARTS.items() if part in params["parts"]}
    result: dict[str, Any] = {"changed": False, "pod": pod, **found}
    if query is not None:
        result["result"] = evaluate(query, "query", found)
    return result


def main() -> None:
    run(
        work,
        ARGUMENTS,
        required_one_of=[("name", "label_selectors")],
        mutually_exclusive=[("name", "label_selectors")],
    )


if __name__ == "__main__":
    main()
