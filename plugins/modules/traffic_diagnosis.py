#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_diagnosis
short_description: Checks the usual causes of the status 503 between a workload and a destination
version_added: 0.2.0
description:
  - Follows a request from a pod to a host and port, and checks one by one what makes Istio's proxies answer 503
    (Service Unavailable). Each check returns what was found, and for a fault the object, what is wrong and the fix.
  - What only follows from a fault that was found is not said again. Where a Service has no endpoints, the proxy
    has none either.
  - The checks are in RV(findings[].check).
  - Needs the rights to read pods, Services and EndpointSlices in the namespaces of both ends, Istio's objects in the
    whole cluster, and to run commands in the pods of the client and of istiod (C(create) for C(pods/exec)).
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
options:
  namespace:
    description: Namespace of the client.
    type: str
    required: true
  name:
    description: Name of the client, a pod or a workload such as a Deployment. Of its pods, the first ready one is used.
      It can be a gateway.
    type: str
    required: true
  destination:
    description: Host that is called, as the client writes it. A name without dots is a Service in the client's
      namespace.
    type: str
    required: true
  port:
    description: Port that is called.
    type: int
    required: true
  istio_namespace:
    description: Namespace of istiod, and the one whose policies hold for the whole mesh.
    type: str
    default: istio-system
  timeout:
    description: Seconds after which a proxy or an istiod counts as one that does not answer.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
    details: Changes nothing in any mode.
  diff_mode:
    support: none
notes:
  - It looks at this moment. A limit that is reached in a burst of requests, or an endpoint that is left out for a few
    seconds, is found only meanwhile. The access log of the client's proxy keeps why each request failed.
  - An answer 503 of the application itself looks the same to the caller, and no check finds it.
  - In ambient mode, the checks of Services, endpoints and mutual TLS hold. Those of routes and of the proxy are of
    sidecars and gateways.
seealso:
  - module: bare.mesh.proxy_status
  - module: bare.mesh.proxy_config_info
  - module: bare.mesh.k8s_logs
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Look for the causes of 503 between the product page and the reviews
  bare.mesh.traffic_diagnosis:
    namespace: bookinfo
    name: productpage-v1
    destination: reviews
    port: 9080
  register: diagnosis

- name: Show only the faults, from the gateway to the product page
  bare.mesh.traffic_diagnosis:
    namespace: istio-system
    name: istio-ingressgateway
    destination: productpage.bookinfo.svc.cluster.local
    port: 9080
  register: diagnosis
  failed_when: not diagnosis.ok
"""

RETURN = r"""
ok:
  description: Whether no check has found a fault.
  returned: always
  type: bool
findings:
  description: What the checks have found, in the order of the way of a request.
  returned: always
  type: list
  elements: dict
  contains:
    check:
      description:
        - V(client), the pod is ready.
        - V(proxy-synced), its proxy has the latest configuration of istiod.
        - V(service), there is such a Service or ServiceEntry; V(port), it has the port; V(protocol), what the port
          declares is usable; V(endpoints), it has ready endpoints.
        - V(routes), the hosts and subsets of VirtualServices exist; V(subsets), the labels of these subsets select pods
          that serve.
        - V(mtls), the client speaks TLS as the servers want it, by PeerAuthentications and DestinationRules.
        - V(proxy-clusters), the client's proxy knows the destination; V(proxy-endpoints), it has healthy endpoints and
          leaves none out by outlier detection; V(circuit-breaker), its limits are not used up.
      type: str
      sample: endpoints
    ok: {description: Whether it is as it should be., type: bool, sample: false}
    message:
      description: The object, what is wrong and the fix, or what was found right.
      type: str
      sample: "Service bookinfo/reviews has no ready endpoint: its selector app=review matches no pod. Correct
        spec.selector or the pods' labels, or start the workload"
client:
  description: Namespace and name of the client's pod. Empty in check mode without a cluster.
  returned: always
  type: dict
  sample: {namespace: bookinfo, name: productpage-v1-54c7887dd5-9zc9r}
servers:
  description: The same of the pods that serve, and of those that the Service selects and that are not ready, sorted.
  returned: always
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._istio.diagnosis.diagnose import diagnose
from ansible_collections.bare.mesh.plugins.module_utils._istio.diagnosis.subject import Subject, read, selected
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, run

ARGUMENTS: dict[str, Any] = {
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "destination": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "istio_namespace": {"type": "str", "default": "istio-system"},
    "timeout": {"type": "int", "default": 60},
}


def refuse(params: dict[str, Any]) -> None:
    """Raises Failure for all options that are impossible."""
    faults = [f"{name} is empty" for name in ("namespace", "name", "destination") if not params[name].strip()]
    if any(sign in params["destination"] for sign in "/:* "):
        faults.append(f"destination is {params['destination']!r}: give the name of one host, without scheme and port")
    if not 0 < params["port"] < 65536:
        faults.append(f"port is {params['port']}: give a number from 1 to 65535")
    if params["timeout"] <= 0:
        faults.append(f"timeout is {params['timeout']}: give a number of seconds above 0")
    if faults:
        raise Failure("; ".join(faults))


def reference(pod: dict[str, Any]) -> dict[str, str]:
    return {"namespace": pod["metadata"]["namespace"], "name": pod["metadata"]["name"]}


def servers(subject: Subject) -> list[dict[str, str]]:
    selector = ((subject.service or {}).get("spec") or {}).get("selector")
    pods = [*subject.servers, *(selected(subject.pods, selector) if selector else [])]
    names = {(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods}
    return [{"namespace": where, "name": name} for where, name in sorted(names)]


def work(module: AnsibleModule) -> dict[str, Any]:
    """Check one cause after another."""
    params = module.params
    refuse(params)
    api = connect(module, "no cause is found")
    if api is None:
        return {"changed": False, "ok": True, "findings": [], "client": {}, "servers": []}
    subject = read(api, params["namespace"], params["name"], params["destination"], params["port"])
    findings = list(diagnose(subject, params["istio_namespace"], params["timeout"]))
    return {
        "changed": False,
        "ok": all(one.ok for one in findings),
        # What pods and proxies say can have several lines.
        "findings": [{**one._asdict(), "message": " ".join(one.message.split())} for one in findings],
        "client": reference(subject.client),
        "servers": servers(subject),
    }


def main() -> None:
    run(work, ARGUMENTS)


if __name__ == "__main__":
    main()
