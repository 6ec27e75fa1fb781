# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: gateway_url
short_description: Where an ingress gateway answers plain HTTP
version_added: 0.1.0
description:
  - The base URL of a gateway, from its Service and its pods as M(bare.mesh.k8s_info) returns them.
  - A load balancer's address comes first, then the host of a pod on the host network, then the host of a pod with the
    node port. A load balancer that has no address yet is reached by its node port.
  - Where a node's host is reached by another address than the node's own, as in clouds with private networks, that
    other address takes its place, if the host has it for itself alone.
positional: _input
options:
  _input:
    description: The Service and the pods.
    type: list
    elements: dict
    required: true
  port:
    description: Number of the Service's port.
    type: int
    default: 80
  hosts:
    description:
      - The hosts of the cluster, as P(bare.mesh.cluster_hosts#filter) returns them.
      - Without them, the URL has the node's own address.
    type: list
    elements: dict
    default: []
    version_added: 0.2.0
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Look at the gateway
  bare.mesh.k8s_info:
    kind: [Service, Pod]
    namespace: istio-system
    label_selectors: [istio=ingressgateway]
  register: gateway

- name: Name the page
  ansible.builtin.debug:
    msg: "{{ gateway.resources | bare.mesh.gateway_url(hosts=groups | bare.mesh.cluster_hosts(hostvars)) }}/productpage"
"""

RETURN = r"""
_value:
  description: URL without a path.
  type: str
  sample: http://192.0.2.11:31380
"""

import ipaddress
from collections import Counter
from typing import Any

from ansible.errors import AnsibleFilterError


def _serving(pod: dict[str, Any]) -> bool:
    status = pod.get("status") or {}
    return (
        bool(status.get("hostIP")) and status.get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")
    )


def _pod_port(pod: dict[str, Any], target: Any) -> Any:
    """The number of a target port, which may be given by its name."""
    named = {
        port.get("name"): port["containerPort"] for one in pod["spec"]["containers"] for port in one.get("ports") or []
    }
    return named.get(target, target)


def _outside(host: dict[str, Any]) -> str:
    """The address by which the controller reaches the host's machine; empty where only its SSH server is there."""
    address = str(host["ssh_address"])
    try:
        return "" if ipaddress.ip_address(address).is_loopback else address
    except ValueError:
        # A name of the inventory that is not set as ansible_host may be known to ssh alone.
        return "" if address in ("localhost", host["name"]) else address


def _addresses(objects: list[dict[str, Any]], hosts: list[dict[str, Any]]) -> dict[str, str]:
    """A node's own address -> the one by which its host is reached."""
    shared = {address for address, times in Counter(str(host["ssh_address"]) for host in hosts).items() if times > 1}
    reached = {host["node_name"]: _outside(host) for host in hosts if str(host["ssh_address"]) not in shared}
    found = {host["node_ip"]: reached.get(host["node_name"], "") for host in hosts}
    for one in objects:
        # What the API server says needs no facts of the host.
        if one["kind"] == "Pod" and (one.get("status") or {}).get("hostIP"):
            found[one["status"]["hostIP"]] = reached.get(one["spec"].get("nodeName"), "")
    return {own: address for own, address in found.items() if address}


def gateway_url(objects: list[dict[str, Any]], port: int = 80, hosts: list[dict[str, Any]] | None = None) -> str:
    """The base URL; raises where nothing outside the cluster can reach the gateway."""
    service = next((one for one in objects if one["kind"] == "Service"), None)
    if service is None:
        raise AnsibleFilterError(
            "there is no ingress gateway with these labels in this namespace: enable one (components.ingressGateways"
            " of the IstioOperator), or correct the namespace and the labels by which its Service is read"
        )
    spec, name = service["spec"], f"{service['metadata']['namespace']}/{service['metadata']['name']}"
    entry = next((one for one in spec.get("ports") or [] if one["port"] == port), None)
    if entry is None:
        raise AnsibleFilterError(f"the service {name} has no port {port}")
    balancers = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    serving = sorted(
        (one for one in objects if one["kind"] == "Pod" and _serving(one)), key=lambda pod: pod["status"]["hostIP"]
    )
    on_host = [pod for pod in serving if pod["spec"].get("hostNetwork")]
    if balancers:
        host, number = balancers[0].get("ip") or balancers[0]["hostname"], port
    elif on_host:
        host, number = on_host[0]["status"]["hostIP"], _pod_port(on_host[0], entry.get("targetPort", port))
    elif not entry.get("nodePort"):
        raise AnsibleFilterError(
            f"the service {name} is of type {spec.get('type')} and cannot be reached from outside: make it a NodePort"
            " or a LoadBalancer, or run the gateway on the host network (components.ingressGateways of the"
            " IstioOperator)"
        )
    elif serving:
        # Of all nodes, one with a pod answers whatever the service's externalTrafficPolicy is.
        host, number = serving[0]["status"]["hostIP"], entry["nodePort"]
    else:
        raise AnsibleFilterError(f"no pod of the service {name} is running")
    host = _addresses(objects, hosts or []).get(host, host)
    return f"http://[{host}]:{number}" if ":" in host else f"http://{host}:{number}"


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"gateway_url": gateway_url}
