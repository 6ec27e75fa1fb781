#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plaintext_callers
short_description: Says who calls the workloads of the mesh without mutual TLS, and would be refused by STRICT
version_added: 0.2.0
description:
  - Reads the access logs of sidecars, and returns the callers of the requests and connections that came to them without
    mutual TLS, with the names of pods and nodes instead of addresses. In the mode V(PERMISSIVE), this is the list of
    what to change before the mode V(STRICT).
  - Calls to ports that no Service has (C(InboundPassthroughCluster)) count, too, and calls that the sidecar has already
    refused for want of mutual TLS. The kubelet's probes do not, because they come to the port of Istio's agent.
  - Needs an access log with Istio's own text or JSON format, or another JSON format with the same fields C(start_time),
    C(upstream_cluster), C(downstream_local_address), C(downstream_remote_address) and C(requested_server_name).
  - It knows only what nodes still have of the logs, by default the last 10 MiB of each container. What calls once a
    month is not found in the log of a day.
  - Needs the rights to list the pods and nodes of the cluster, and to read logs (C(get) for C(pods/log)).
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
options:
  namespaces:
    description: Namespaces of the workloads that are called. By default all that have sidecars.
    type: list
    elements: str
  since:
    description: How many seconds to look back.
    type: int
    default: 3600
  limit:
    description: How much of each sidecar's log is read, in MiB. Of a longer log, the newest part is not read, and a
      warning says so.
    type: int
    default: 10
attributes:
  check_mode:
    support: full
    details: Changes nothing in any mode.
  diff_mode:
    support: none
notes:
  - In ambient mode there are no sidecars. The logs of ztunnel are not read.
  - A caller that sends the header C(X-Forwarded-For) appears with the last address of that header, because Istio's
    sidecars log that one. RV(callers[].forwarded) says so.
seealso:
  - module: bare.mesh.peer_authentication
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Who has called without mutual TLS in the last hour
  bare.mesh.plaintext_callers:
  register: plaintext

- name: Who has called Bookinfo without mutual TLS since yesterday
  bare.mesh.plaintext_callers:
    namespaces: [bookinfo]
    since: 86400
  register: plaintext
"""

RETURN = r"""
callers:
  description: Who called what without mutual TLS, sorted by the workload called.
  returned: always
  type: list
  elements: dict
  contains:
    namespace: {description: Namespace of the workload called., type: str, sample: bookinfo}
    workload: {description: 'Owner of its pods, such as a Deployment.', type: str, sample: reviews-v1}
    app: {description: 'Its application, by the labels of its pods, or empty.', type: str, sample: reviews}
    port: {description: Port of the pod that was called., type: int, sample: 9080}
    transport:
      description: V(plaintext), or V(tls) for TLS that is not Istio's own. A DestinationRule with V(ISTIO_MUTUAL) and
        a C(sni) of the user's appears as V(tls), too, although it is mutual TLS.
      type: str
      sample: plaintext
    forwarded: {description: Whether the caller's address is from a header., type: bool}
    count: {description: Number of requests of HTTP and connections of TCP., type: int, sample: 12}
    last: {description: When the last of them began., type: str, sample: '2026-01-31T12:00:00.123Z'}
    caller:
      description: The caller. Replicas of a workload are one caller, shown by the pod that called last.
      type: dict
      contains:
        kind:
          description:
            - V(pod), V(node), V(gone) or V(outside).
            - A node is also the caller for pods in its network, and for calls from outside of the cluster that it
              passes on. V(gone) is a pod that is not there any more, V(outside) any other address.
          type: str
          sample: pod
        namespace: {description: 'Namespace of a pod, or empty.', type: str, sample: shop}
        workload: {description: 'Owner of a pod, or empty.', type: str, sample: cart}
        app: {description: 'Application of a pod, or empty.', type: str, sample: cart}
        name: {description: 'Name of the pod or node, or empty.', type: str, sample: cart-7d9c5b8f6d-x2x7p}
        address: {description: IP address of the last call., type: str, sample: 10.244.1.9}
sidecars:
  description: Number of sidecars whose logs say how calls came. Only about these the list says something.
  returned: always
  type: int
silent:
  description: Namespaces and names of the pods whose sidecars have written nothing in that time, or another format.
  returned: always
  type: list
  elements: str
  sample: [bookinfo/ratings-v1-6665bcdf55-4qs9x]
truncated:
  description: The same of the pods whose log is longer than O(limit).
  returned: always
  type: list
  elements: str
unread:
  description: The same of the pods whose log cannot be read, with the reason.
  returned: always
  type: list
  elements: str
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._istio import access_log
from ansible_collections.bare.mesh.plugins.module_utils._istio.callers import (
    PROXY,
    Callers,
    addresses,
    has_sidecar,
    merge,
)
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, run

ARGUMENTS: dict[str, Any] = {
    "namespaces": {"type": "list", "elements": "str"},
    "since": {"type": "int", "default": 3600},
    "limit": {"type": "int", "default": 10},
}
MIB = 1024 * 1024
# Logs in memory at a time.
READERS = 4


class Log(NamedTuple):
    """What the log of a pod's sidecar says. calls: None if it does not say how calls came."""

    pod: dict[str, Any]
    calls: list[access_log.Line] | None
    truncated: bool
    # Why it cannot be read.
    error: str


def check(params: dict[str, Any]) -> None:
    """Raises Failure for all options that are impossible."""
    faults = [f"{name} is {params[name]}" for name in ("since", "limit") if params[name] <= 0]
    if faults:
        raise Failure(f"{', '.join(faults)}: give numbers above 0")
    if params["namespaces"] == []:
        raise Failure("namespaces is empty: name at least one, or leave it out for all")


def choose(pods: list[dict[str, Any]], namespaces: list[str] | None) -> list[dict[str, Any]]:
    """The pods with a sidecar in these namespaces. Raises Failure for namespaces without any."""
    found = [pod for pod in pods if has_sidecar(pod)]
    if namespaces is None and not found:
        raise Failure("no running pod of the cluster has a sidecar, so there is no access log to read")
    missing = sorted(set(namespaces or []) - {pod["metadata"]["namespace"] for pod in found})
    if missing:
        raise Failure(f"no running pod has a sidecar in: {', '.join(missing)}; check the names in namespaces")
    return [pod for pod in found if namespaces is None or pod["metadata"]["namespace"] in namespaces]


def named(pod: dict[str, Any]) -> str:
    """Namespace and name of a pod."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def read(client: Client, pod: dict[str, Any], since: int, limit: int) -> Log:
    """The log of a pod's sidecar. Raises Failure where the user may not read it, or the server does not answer."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(name, safe='')}/log"
    try:
        text = client.text(path, {"container": PROXY, "sinceSeconds": since, "limitBytes": limit * MIB})
    except ApiError as error:
        if error.status in (401, 403):
            raise
        # The pod is gone meanwhile, or its node does not answer.
        return Log(pod, None, False, str(error))
    return Log(pod, access_log.calls(text, addresses(pod)), len(text.encode()) >= limit * MIB, "")


def look(client: Client, params: dict[str, Any]) -> dict[str, Any]:
    """The result. Raises Failure if no log says how calls came."""
    pods = list(client.pages("/api/v1/pods"))
    chosen = choose(pods, params["namespaces"])
    callers = Callers(pods, list(client.pages("/api/v1/nodes")))
    with ThreadPoolExecutor(READERS) as pool:
        logs = list(pool.map(lambda pod: read(client, pod, params["since"], params["limit"]), chosen))
    clear = [(log.pod, log.calls) for log in logs if log.calls is not None]
    unread = [f"{named(log.pod)}: {log.error}" for log in logs if log.error]
    if not clear:
        where = ", ".join(params["namespaces"] or ["the cluster"])
        why = f" ({len(unread)} could not be read: {unread[0]})" if unread else ""
        raise Failure(
            f"none of the {len(logs)} sidecars of {where} has written an access log in the last {params['since']}"
            f" seconds that says how calls came{why}: set istio_access_log=json and leave istio_access_log_format empty"
            " (role istio), let calls come, and ask again"
        )
    return {
        "callers": merge(callers, clear),
        "sidecars": len(clear),
        "silent": [named(log.pod) for log in logs if log.calls is None and not log.error],
        "truncated": [named(log.pod) for log in logs if log.truncated],
        "unread": unread,
    }


def work(module: AnsibleModule) -> dict[str, Any]:
    """Read the logs, and warn of what was not read."""
    check(module.params)
    client = connect(module, "no caller is found")
    found: dict[str, Any] = {"callers": [], "sidecars": 0, "silent": [], "truncated": [], "unread": []}
    if client:
        found = look(client, module.params)
    if found["truncated"]:
        module.warn(
            f"Not read to their ends, so give a smaller since or a larger limit: {', '.join(found['truncated'])}"
        )
    if found["unread"]:
        module.warn(f"Logs that cannot be read: {'; '.join(found['unread'])}")
    return {"changed": False, **found}


def main() -> None:
    run(work, ARGUMENTS)


if __name__ == "__main__":
    main()
