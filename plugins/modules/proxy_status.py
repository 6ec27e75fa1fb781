#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_status
short_description: Says which configuration the proxies of the mesh have got, and waits until they have the latest
version_added: 0.2.0
description:
  - Reads from every istiod which proxies are connected to it, and whether each has acknowledged the configuration that
    was sent to it last, as C(istioctl proxy-status) does.
  - Needs the right to run commands in the pods of istiod (C(create) for C(pods/exec)), and no istioctl.
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
options:
  istio_namespace:
    description: Namespace of istiod.
    type: str
    default: istio-system
  revision:
    description: Only the proxies of istiods of this revision. By default those of all.
    type: str
  namespace:
    description: Only the proxies of pods in this namespace. By default those of all.
    type: str
  name:
    description: Only the proxies of pods whose names are this, or begin with this and C(-), such as the name of a
      Deployment.
    type: str
  query:
    description: A JMESPath expression on RV(proxies), whose value is RV(result).
    type: str
  wait:
    description:
      - Wait until all of these proxies are synchronised, and there is at least one.
      - A task after a change of routes thus knows that the proxies have the change. istiod sends a change after a short
        pause, so the module looks twice within O(wait_settle) and needs the same answer.
    type: bool
    default: false
  wait_settle:
    description: Seconds in which nothing new may be sent to the proxies. istiod waits for 0.1 seconds, by default,
      for further changes before it sends one. Give more where istiod is busy, for it does not say that it is about to
      send.
    type: float
    default: 2
  wait_timeout:
    description: Seconds to wait.
    type: int
    default: 120
attributes:
  check_mode:
    support: full
    details: Changes nothing in any mode. In check mode, it does not wait.
  diff_mode:
    support: none
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: See which proxies lack the latest configuration
  bare.mesh.proxy_status:
    query: "[?!synced].[namespace, name]"
  register: stale

- name: Wait until the proxies of Bookinfo have the routes
  bare.mesh.proxy_status:
    namespace: bookinfo
    wait: true

- name: Which versions of the proxy there are
  bare.mesh.proxy_status:
    query: "[].version"
  register: versions
"""

RETURN = r"""
proxies:
  description: The proxies, sorted by namespace and name.
  returned: always
  type: list
  elements: dict
  contains:
    name: {description: Name of the pod., type: str, sample: ratings-v1-6665bcdf55-4qs9x}
    namespace: {description: Namespace of the pod., type: str, sample: bookinfo}
    cluster: {description: Name of the pod's cluster., type: str, sample: Kubernetes}
    type: {description: 'V(sidecar), V(router) (a gateway), V(waypoint) or V(ztunnel).', type: str}
    version: {description: Version of Istio in the proxy., type: str, sample: 1.31.0}
    istiod: {description: Pod of istiod to which it is connected., type: str}
    revision: {description: Revision of that istiod., type: str, sample: default}
    synced: {description: Whether it has acknowledged all that was sent to it., type: bool}
    clusters: {description: 'V(SYNCED), V(STALE) or V(NOT_SENT).', type: str}
    listeners: {description: The same of its listeners., type: str}
    endpoints: {description: The same of its endpoints., type: str}
    routes: {description: The same of its routes., type: str}
    extensions: {description: The same of its extensions., type: str}
result:
  description: The value of O(query).
  returned: if O(query) is set
  type: raw
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._istio import proxies
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.query import evaluate, expression

ARGUMENTS: dict[str, Any] = {
    "istio_namespace": {"type": "str", "default": "istio-system"},
    "revision": {"type": "str"},
    "namespace": {"type": "str"},
    "name": {"type": "str"},
    "query": {"type": "str"},
    "wait": {"type": "bool", "default": False},
    "wait_settle": {"type": "float", "default": 2},
    "wait_timeout": {"type": "int", "default": 120},
}
# A proxy, and the nonces of what was sent to it.
Found = list[tuple[dict[str, Any], dict[str, str]]]


def select(found: Found, params: dict[str, Any]) -> Found:
    """The proxies that the options ask for, in order."""
    namespace, name = params["namespace"], params["name"]
    chosen = [
        (proxy, sent)
        for proxy, sent in found
        if namespace in (None, proxy["namespace"])
        and (name in (None, proxy["name"]) or proxy["name"].startswith(f"{name}-"))
    ]
    return sorted(chosen, key=lambda one: (one[0]["namespace"], one[0]["name"]))


def lagging(found: Found, before: Found | None) -> list[str]:
    """The proxies that lack something, or to which something was sent since the last look."""
    known = {(proxy["namespace"], proxy["name"]): sent for proxy, sent in before or []}
    return [
        f"{proxy['namespace']}/{proxy['name']}"
        for proxy, sent in found
        if not proxy["synced"] or known.get((proxy["namespace"], proxy["name"])) != sent
    ]


def look(client: Client, params: dict[str, Any]) -> Found:
    """The chosen proxies as they are now."""
    pods = proxies.istiods(client, params["istio_namespace"], params["revision"])
    return select(proxies.read(client, pods, params["wait_timeout"]), params)


def wait(client: Client, params: dict[str, Any]) -> Found:
    """The proxies when all are synchronised. Raises Failure with them after the timeout."""
    deadline = time.monotonic() + params["wait_timeout"]
    before: Found | None = None
    while True:
        found = look(client, params)
        late = lagging(found, before)
        if found and not late:
            return found
        if time.monotonic() + params["wait_settle"] > deadline:
            what = f"not synchronised: {', '.join(late[:10])}" if found else "no proxy is connected that fits"
            raise Failure(f"after {params['wait_timeout']} s, {what}", proxies=[proxy for proxy, _sent in found])
        before = found
        time.sleep(params["wait_settle"])


def work(module: AnsibleModule) -> dict[str, Any]:
    """Read the proxies, if asked for until they are synchronised."""
    params = module.params
    if params["wait_settle"] <= 0:
        raise Failure(f"wait_settle is {params['wait_settle']:g}: give a number of seconds above 0")
    query = expression(params, "query")
    client = connect(module, "no proxy is found")
    found: Found = []
    if client:
        found = wait(client, params) if params["wait"] and not module.check_mode else look(client, params)
    listed = [proxy for proxy, _sent in found]
    result: dict[str, Any] = {"changed": False, "proxies": listed}
    if query is not None:
        result["result"] = evaluate(query, "query", listed)
    return result


def main() -> None:
    run(work, ARGUMENTS)


if __name__ == "__main__":
    main()
