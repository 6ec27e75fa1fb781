#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_shift
short_description: Moves requests to another version step by step, as long as metrics are good
version_added: 0.2.0
description:
  - Raises the weight of a subset in routes of a VirtualService in steps. After each step it waits, and asks Prometheus
    for the values of the gates. If a value is outside of its limits, it writes the weights of before, and fails.
  - Runs on the controller for as long as the task. Nothing is installed in the cluster.
  - Everything is checked before the first write, such as the subset, the routes, the gates' queries, and whether
    Prometheus answers. The message names all faults.
  - Changes the weights alone, by a patch that the API server refuses if the routes are no longer as they were
    read. What somebody else changes meanwhile is never overwritten. The task fails then, and leaves
    the weights as they are.
  - Steps to which the live weights have come already are left out, so a run after an interrupted one goes on. If a gate
    fails then, it goes back to the weights with which that run began. At the last step, it changes nothing, and asks
    nothing.
  - Needs the rights to get and patch VirtualServices, to list DestinationRules in the namespaces of the VirtualService
    and of the host, and to get C(services/proxy) of Prometheus.
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
options:
  name:
    description: Name of the VirtualService.
    type: str
    required: true
  namespace:
    description: Namespace of the VirtualService.
    type: str
    default: default
  host:
    description: Host of the destinations. A name without dots is a Service in the namespace of the VirtualService.
    type: str
    required: true
  route:
    description: Name of the HTTP route. By default all routes that have the host with the subset O(to) among their
      destinations; others, such as those of testers, stay as they are.
    type: str
  to:
    description: Subset that gets more. It has to be one of the destinations, if need be with the weight 0.
    type: str
    required: true
  from:
    description: Subset that gives. By default all other destinations of the route, in proportion to their weights, as
      by P(bare.mesh.next_weights#filter).
    type: str
  steps:
    description: Percentages of the requests that O(to) gets, one after the other, each greater than the one before.
    type: list
    elements: int
    default: [10, 25, 50, 100]
  pause:
    description:
      - Seconds between a step and the look at its metrics. Only requests of this time are measured.
      - Give at least four times the interval in which Prometheus collects, which is 15 seconds with the role
        P(bare.mesh.istio_addons#role). With less, a new version has no values yet.
    type: int
    default: 60
  gates:
    description: What must hold after each step. Each gate has exactly one of O(gates[].success_rate),
      O(gates[].latency) and O(gates[].query).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the gate in messages and results.
        type: str
      success_rate:
        description: The share of the requests to O(to) whose status is not 5xx, by C(istio_requests_total). A call of
          gRPC that fails has the status 200, so it needs a query.
        type: dict
        suboptions:
          minimum:
            description: The least percentage. V(99) is nearly all; V(0.99), which was meant as a share, is refused.
            type: float
            required: true
      latency:
        description: The duration of requests to O(to), by C(istio_request_duration_milliseconds).
        type: dict
        suboptions:
          percentile:
            description: The percentile.
            type: float
            default: 99
          maximum_ms:
            description: The greatest value, in milliseconds.
            type: float
            required: true
      query:
        description: An expression of PromQL that gives one value. It has a window of its own.
        type: str
      minimum:
        description: The least value of O(gates[].query).
        type: float
      maximum:
        description: The greatest value of O(gates[].query).
        type: float
  reporter:
    description:
      - Whose metrics O(gates[].success_rate) and O(gates[].latency) are computed from. V(destination) is the proxy of
        the pods that serve, V(source) that of the callers.
      - Only callers know of requests that never arrived, such as those to a pod that refuses connections.
    type: str
    choices: [destination, source]
    default: destination
  minimum_requests:
    description: How many requests a step needs for O(gates[].success_rate) and O(gates[].latency) to be judged.
    type: int
    default: 10
  no_data:
    description:
      - What a gate without enough requests, or a query without a value, means after the pause.
      - V(fail) is a failed gate, V(pass) one that is met. V(wait) looks again until there is enough, and after
        O(wait_timeout) is a failed gate.
    type: str
    choices: [fail, pass, wait]
    default: fail
  wait_timeout:
    description: Seconds to wait after the pause, with O(no_data=wait).
    type: int
    default: 300
  prometheus:
    description: Where Prometheus is. It is asked through the API server. By default the one of the role
      P(bare.mesh.istio_addons#role).
    type: dict
    default: {}
    suboptions:
      namespace:
        description: Namespace of its Service.
        type: str
        default: istio-system
      service:
        description: Name of its Service.
        type: str
        default: prometheus
      port:
        description: Port of its Service, which speaks HTTP.
        type: int
        default: 9090
  api_host:
    description:
      - URL of the API server, instead of the URL in the kubeconfig. It has no alias here, because O(host) is another
        option.
      - The environment variable E(K8S_AUTH_HOST) also sets it.
    type: str
attributes:
  check_mode:
    support: full
    details: Finds the same faults and shows the last weights, which the API server judges by a dry run. Gates are not
      foretold. A Prometheus that does not answer is a warning. Without a cluster, all steps count as to be taken.
  diff_mode:
    support: full
    details: Shows the weights before and after.
notes:
  - The requests of O(to) are those with its label C(version) (in the metrics C(destination_version)), or if the subset
    has no such label C(service.istio.io/canonical-revision) (C(destination_canonical_revision)). Both are labels of
    the subset in the DestinationRule.
  - A task with M(bare.mesh.virtual_service) or M(bare.mesh.istio_config) and the old weights takes them back. One with
    the new weights says "changed" once, because it takes over the field again.
  - In ambient mode there are no sidecars that report. Write gates with a query there, such as one of what waypoints
    report.
  - Killing the task leaves the weights as they are at that moment.
seealso:
  - module: bare.mesh.virtual_service
  - module: bare.mesh.proxy_status
  - plugin: bare.mesh.next_weights
    plugin_type: filter
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Send all requests to version 3, if it answers well
  bare.mesh.traffic_shift:
    name: reviews
    namespace: bookinfo
    host: reviews
    to: v3
    steps: [10, 25, 50, 100]
    pause: 120
    gates:
      - success_rate: {minimum: 99.5}
      - latency: {percentile: 99, maximum_ms: 500}

- name: Send a quarter, if few orders are refused
  bare.mesh.traffic_shift:
    name: orders
    namespace: shop
    host: orders
    route: public
    from: stable
    to: canary
    steps: [5, 25]
    gates:
      - name: refused orders
        query: sum(rate(orders_refused_total{version="canary"}[2m])) / sum(rate(orders_total{version="canary"}[2m]))
        maximum: 0.01
    no_data: wait
    prometheus: {namespace: monitoring, service: prometheus-operated, port: 9090}
"""

RETURN = r"""
steps:
  description: The steps that were taken, in check mode those that would be taken. Also if the task fails.
  returned: after the checks
  type: list
  elements: dict
  contains:
    percent: {description: Share of the subset that gets more., type: int, sample: 25}
    weights: {description: 'The weights of this step, as in RV(weights).', type: list, elements: dict}
    gates:
      description: What was measured. Empty in check mode.
      type: list
      elements: dict
      contains:
        gate: {description: Name or kind of the gate., type: str, sample: success_rate}
        value: {description: What was measured; null if there was no value., type: float, sample: 99.7}
        requests: {description: 'How many requests that is of; null for a query.', type: int, sample: 240}
        minimum: {description: Least value that passes., type: float, sample: 99}
        maximum: {description: Greatest value that passes., type: float}
        ok: {description: Whether the gate was met., type: bool}
        message: {description: The same in words., type: str}
rolled_back:
  description: Whether the weights of before were written again, because a gate failed.
  returned: after the checks
  type: bool
weights:
  description: The weights in the end.
  returned: after the checks
  type: list
  elements: dict
  contains:
    route: {description: Place and name of the route., type: str, sample: 'http[0] (public)'}
    weights: {description: The weight of each subset., type: dict, sample: {v1: 75, v3: 25}}
"""

from typing import Any
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._istio.shift import gates, routes, subsets
from ansible_collections.bare.mesh.plugins.module_utils._istio.shift.prometheus import NoAnswer, Source
from ansible_collections.bare.mesh.plugins.module_utils._istio.shift.run import Shift
from ansible_collections.bare.mesh.plugins.module_utils._k8s.argspec import API_HOST
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import PATIENCE, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, run

ONE = ("success_rate", "latency", "query")
ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": "default"},
    "host": {"type": "str", "required": True},
    "route": {"type": "str"},
    "to": {"type": "str", "required": True},
    "from": {"type": "str"},
    "steps": {"type": "list", "elements": "int", "default": [10, 25, 50, 100]},
    "pause": {"type": "int", "default": 60},
    "gates": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str"},
            "success_rate": {"type": "dict", "options": {"minimum": {"type": "float", "required": True}}},
            "latency": {
                "type": "dict",
                "options": {
                    "percentile": {"type": "float", "default": 99},
                    "maximum_ms": {"type": "float", "required": True},
                },
            },
            "query": {"type": "str"},
            "minimum": {"type": "float"},
            "maximum": {"type": "float"},
        },
        "required_one_of": [ONE],
        "mutually_exclusive": [ONE],
    },
    "reporter": {"type": "str", "choices": ["destination", "source"], "default": "destination"},
    "minimum_requests": {"type": "int", "default": 10},
    "no_data": {"type": "str", "choices": ["fail", "pass", "wait"], "default": "fail"},
    "wait_timeout": {"type": "int", "default": 300},
    "prometheus": {
        "type": "dict",
        "default": {},
        "apply_defaults": True,
        "options": {
            "namespace": {"type": "str", "default": "istio-system"},
            "service": {"type": "str", "default": "prometheus"},
            "port": {"type": "int", "default": 9090},
        },
    },
    "api_host": API_HOST,
}


def refuse(params: dict[str, Any]) -> None:
    """Raises Failure for all options that are impossible."""
    texts = {name: params[name] for name in ("name", "namespace", "host", "route", "to", "from")}
    texts.update({f"prometheus.{name}": params["prometheus"][name] for name in ("namespace", "service")})
    faults = [f"{name} is empty" for name, text in texts.items() if text is not None and not text.strip()]
    steps = params["steps"]
    rising = all(one < other for one, other in zip(steps, steps[1:]))
    if not steps or not rising or not all(0 < one <= 100 for one in steps):
        faults.append(f"steps is {steps}: give percentages from 1 to 100, each greater than the one before")
    if params["from"] == params["to"]:
        faults.append(f"from and to are both {params['to']}: give two subsets, or leave out from")
    least = {"pause": 1, "minimum_requests": 1, "wait_timeout": 0}
    faults += [f"{name} is {params[name]}: give at least {low}" for name, low in least.items() if params[name] < low]
    if not 0 < params["prometheus"]["port"] < 65536:
        faults.append(f"prometheus.port is {params['prometheus']['port']}: give a number from 1 to 65535")
    faults += gates.faults(params["gates"])
    if faults:
        raise Failure("; ".join(faults))


def asked(judge: gates.Judge, module: AnsibleModule, client: Client) -> list[str]:
    """What is wrong with the queries. Without Prometheus, check mode warns."""
    # Nothing depends on it yet, so there is nothing to be patient for.
    client.patience = 0
    faults = []
    for gate in judge.gates:
        try:
            # Without a target, this only finds whether Prometheus answers.
            blind = gates.standard(gate) and judge.target is None
            query = "vector(1)" if blind else gates.expression(gate, judge.target, module.params["pause"])
            judge.source.value(query)
        except NoAnswer as error:
            if not module.check_mode:
                faults.append(str(error))
            else:
                module.warn(f"The gates cannot be measured: {error}")
            break
        except Failure as error:
            faults.append(f"gate {gates.title(gate)}: {error}")
    client.patience = PATIENCE
    return faults


def work(module: AnsibleModule) -> dict[str, Any]:
    """Check everything, then take the steps."""
    params = module.params
    refuse(params)
    client = connect(module, "all steps count as to be taken")
    if client is None:
        steps = [{"percent": percent, "weights": [], "gates": []} for percent in params["steps"]]
        return {"changed": True, "steps": steps, "rolled_back": False, "weights": []}
    title = f"VirtualService {params['namespace']}/{params['name']}"
    folder = Kinds(client).collection("networking.istio.io/v1", "VirtualService", params["namespace"])
    path = f"{folder}/{quote(params['name'], safe='')}"
    live = client.get(path)
    known = subsets.known(client, params["host"], params["namespace"])
    found, faults = routes.find(live, params) if live else ([], ["it does not exist: correct name and namespace"])
    measured = any(gates.standard(gate) for gate in params["gates"])
    target, wrong = subsets.target(params, known, found, measured and bool(found))
    judge = gates.Judge(
        Source(client, **params["prometheus"]), params["gates"], target, params["minimum_requests"], params["no_data"]
    )
    shift = Shift(client, path, found, params)
    faults = [f"{title}: {fault}" for fault in faults] + wrong
    if shift.left or faults:
        faults += asked(judge, module, client)
    if live is None or faults:
        raise Failure("; ".join(faults) + ". Nothing was written.")
    if not shift.left:
        return shift.state()
    if module.check_mode:
        shift.foretell()
        result = {**shift.state(), "changed": True}
    else:
        shift.go(judge)
        result = shift.state()
    if module._diff:
        result["diff"] = [shift.diff()]
    return result


def main() -> None:
    run(work, ARGUMENTS)


if __name__ == "__main__":
    main()
