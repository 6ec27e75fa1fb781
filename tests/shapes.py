# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Definitions of the kinds that users write, and random edits of them: removed, added and moved fields."""

from __future__ import annotations

import copy
from typing import Any

import yaml
from hypothesis import strategies as st

SHAPES: list[dict[str, Any]] = list(
    yaml.safe_load_all("""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shape, labels: {team: a, tier: b}}
spec:
  hosts: [reviews, ratings]
  http:
    - name: jason
      match:
        - headers: {end-user: {exact: jason}, cookie: {prefix: a}}
          uri: {prefix: /a}
        - uri: {exact: /b}
      fault: {delay: {fixedDelay: 7s, percentage: {value: 100}}, abort: {httpStatus: 500}}
      timeout: 1s
      retries: {attempts: 1, perTryTimeout: 1s}
      route:
        - {destination: {host: reviews, subset: v2, port: {number: 9080}}, weight: 30}
        - {destination: {host: reviews, subset: v1}, weight: 70, headers: {request: {remove: [x, "y"], set: {a: "1"}}}}
    - route: [{destination: {host: reviews}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shape, annotations: {note: a}}
spec:
  host: reviews
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 0}}
    outlierDetection: {consecutive5xxErrors: 0, interval: 1s, baseEjectionTime: 3m}
    tls: {mode: ISTIO_MUTUAL}
  subsets:
    - {name: v1, labels: {version: v1, app: reviews}}
    - name: v2
      labels: {version: v2}
      trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: a}}, outlierDetection: {}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shape}
spec:
  selector: {istio: nobody, app: nobody}
  servers:
    - port: {number: 80, name: http, protocol: HTTP}
      hosts: [a.example.com, b.example.com]
      tls: {httpsRedirect: true}
    - {port: {number: 443, name: tls, protocol: TLS}, hosts: ["*"], tls: {mode: PASSTHROUGH}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: shape}
spec:
  selector: {matchLabels: {app: nobody, version: v1}}
  action: ALLOW
  rules:
    - from: [{source: {namespaces: [a, b]}}, {source: {principals: [c]}}]
      to: [{operation: {methods: [GET], paths: [/a]}}]
    - {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shape}
spec:
  podSelector: {matchLabels: {app: nobody, tier: a}}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - {podSelector: {matchLabels: {a: b}}, namespaceSelector: {}}
        - {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}
      ports: [{port: 80, protocol: TCP}, {port: 53, protocol: UDP}, {port: 443}]
  egress: [{}]
---
apiVersion: v1
kind: Service
metadata: {name: shape, labels: {app: shape}}
spec:
  clusterIP: None
  selector: {app: nobody, version: v1}
  ports:
    - {name: http, port: 80, targetPort: 8080, appProtocol: http}
    - {name: dns, port: 53, protocol: UDP}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: shape}
rules:
  - {apiGroups: [""], resources: [configmaps, secrets], verbs: [get, list], resourceNames: [a, b]}
  - {apiGroups: [apps], resources: [deployments], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: shape}
roleRef: {kind: Role, name: shape, apiGroup: rbac.authorization.k8s.io}
subjects:
  - {kind: ServiceAccount, name: nobody, namespace: default}
  - {kind: User, name: nobody}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shape}
spec:
  replicas: 0
  paused: false
  selector: {matchLabels: {app: nobody}}
  template:
    metadata: {labels: {app: nobody, version: v1}}
    spec:
      nodeSelector: {kubernetes.io/os: linux, disk: ""}
      tolerations: [{key: a, operator: Exists}, {key: b, value: "", effect: NoSchedule}]
      securityContext: {}
      containers:
        - name: web
          image: web:1
          args: [-v, -x]
          env:
            - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
            - {name: A, value: ""}
            - {name: B, value: $(A)}
          ports: [{containerPort: 80}, {containerPort: 53, protocol: UDP}]
          securityContext: {capabilities: {drop: [ALL, NET_RAW]}, privileged: false}
          readinessProbe: {httpGet: {path: /, port: 80, httpHeaders: [{name: a, value: b}]}}
        - {name: helper, image: "helper:1"}
      volumes: [{name: tmp, emptyDir: {}}, {name: settings, configMap: {name: settings, items: [{key: a, path: b}]}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shape, labels: {}}
data: {a: "1", b: ""}
""")
)
# Without these fields it is another object, or not valid.
_FIXED = (("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of each field and item inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for step, item in inner for place in [(*path, step), *places(item, (*path, step))]]


def without(value: Any, path: tuple[Any, ...]) -> Any:
    """A copy without the field or item at a path."""
    result = copy.deepcopy(value)
    holder = result
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    return result


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of the value with another one at the path."""
    if not path:
        return new
    head, rest = path[0], path[1:]
    if isinstance(value, list):
        return [replaced(item, rest, new) if index == head else item for index, item in enumerate(value)]
    return {key: replaced(item, rest, new) if key == head else item for key, item in value.items()}


@st.composite
def edited(draw: st.DrawFn, definition: dict[str, Any]) -> dict[str, Any]:
    """The definition after one to three edits."""
    result = copy.deepcopy(definition)
    for _number in range(draw(st.integers(1, 3))):
        left = [place for place in places(result) if place not in _FIXED]
        if not left:
            break
        path = draw(st.sampled_from(left))
        holder: Any = result
        for step in path[:-1]:
            holder = holder[step]
        edit = draw(st.sampled_from(["remove", "move", "empty", "change", "repeat"]))
        here = holder[path[-1]]
        if edit == "move" and isinstance(here, list):
            here.reverse()
        elif edit == "empty" and isinstance(here, (dict, list)):
            here.clear()
        elif edit == "change" and isinstance(here, str):
            holder[path[-1]] = here + "x"
        elif edit == "change" and isinstance(here, int) and not isinstance(here, bool):
            holder[path[-1]] = here + 1
        elif edit == "repeat" and isinstance(here, list) and here:
            here.append(copy.deepcopy(here[0]))
        else:
            del holder[path[-1]]
    return result
