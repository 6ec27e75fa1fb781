#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_revision
short_description: Brings the proxies of workloads to a revision of Istio
version_added: 0.2.0
description:
  - Restarts the Deployments, StatefulSets and DaemonSets that have pods whose proxies are of another revision, as
    C(kubectl rollout restart) does, and waits for each of them. Their new pods get the proxy of the revision.
  - Before the first restart, the API server says for each of them, in a dry run, which revision a new pod would have.
    If that is another one, for example because the label C(istio.io/rev) of its namespace or pods asks for it, nothing
    is restarted. A pod that nothing starts again, such as that of a Job, is a fault too.
  - An interrupted run is finished by the next one.
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
options:
  revision:
    description: The revision that the proxies shall have. V(default) for the one without a name.
    type: str
    required: true
  namespaces:
    description: Only workloads in these namespaces. Those of all namespaces if it is empty.
    type: list
    elements: str
    default: []
  at_once:
    description: How many workloads are restarted at the same time.
    type: int
    default: 5
  wait_timeout:
    description: Seconds to wait for each workload.
    type: int
    default: 600
attributes:
  check_mode:
    support: full
    details: Lists the workloads that would be restarted. Tags and labels of namespaces may be the old ones yet, so the
      dry run of the pods is left out. Workloads whose own template names another revision are left out with a warning,
      because another task may change that, such as that of a gateway.
  diff_mode:
    support: full
    details: Shows the revisions of the proxies by workload.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Give the new sidecars to the shop first
  bare.mesh.proxy_revision:
    revision: 1-31-0
    namespaces: [shop]

- name: Then to everybody
  bare.mesh.proxy_revision:
    revision: 1-31-0
"""

RETURN = r"""
workloads:
  description: The workloads that were restarted, or in check mode would be.
  returned: success
  type: list
  elements: dict
  contains:
    kind: {description: 'V(Deployment), V(StatefulSet) or V(DaemonSet).', type: str}
    namespace: {description: Its namespace., type: str}
    name: {description: Its name., type: str}
    revisions:
      description: The revisions of its proxies before.
      type: list
      elements: str
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._istio import workloads
from ansible_collections.bare.mesh.plugins.module_utils._istio.workloads import Workload
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.waiter import wait_ready

ARGUMENTS: dict[str, Any] = {
    "revision": {"type": "str", "required": True},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "at_once": {"type": "int", "default": 5},
    "wait_timeout": {"type": "int", "default": 600},
}


def outdated(client: Client, params: dict[str, Any]) -> list[Workload]:
    """The workloads with proxies of another revision."""
    found = workloads.find(client, params["namespaces"])
    return [one for one in found if one.revisions != {params["revision"]}]


def lost(found: list[Workload]) -> list[str]:
    """The faults of what nothing starts again."""
    return [
        f"{one.name} has a proxy of the revision {', '.join(sorted(one.revisions))}, and is not restarted by this"
        " module: end it or restart it yourself"
        for one in found
        if not one.restartable
    ]


def pinned(client: Client, found: list[Workload], revision: str) -> list[str]:
    """The faults of workloads whose new pods would have another revision."""
    faults = []
    for one in found:
        live = client.get(one.path)
        if live is None:
            # It has gone since its pods were listed.
            continue
        then = workloads.next_revision(client, live)
        if then not in (None, revision):
            what = f"a new pod of {one.name} would have " + (f"the revision {then}" if then else "no proxy")
            faults.append(f"{what}: change the label istio.io/rev or istio-injection of its namespace or of its pods")
        elif live["spec"].get("paused"):
            faults.append(f"{one.name} is paused, so it replaces no pods: resume it")
        elif (live["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
            faults.append(f"{one.name} replaces its pods only when somebody deletes them (OnDelete): delete them")
    return faults


def naming_another(client: Client, found: list[Workload], revision: str) -> list[Workload]:
    """The workloads whose own template names another revision."""
    templates = [client.get(one.path) for one in found]
    return [
        one
        for one, live in zip(found, templates)
        if live and workloads.named_revision(live["spec"]["template"]) not in ("", revision)
    ]


def replace(client: Client, workload: Workload, timeout: int) -> None:
    """Restart one workload and wait until its new pods are ready. Raises Failure if they are not in time."""
    kind, (namespace, _kind, name) = workload.name.kind, workload.name
    workloads.restart(client, workload, datetime.now(timezone.utc).isoformat(timespec="seconds"))
    wanted = {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}}
    wait_ready(client, Kinds(client), [wanted], {}, timeout)


def replace_all(client: Client, found: list[Workload], params: dict[str, Any]) -> None:
    """Restart the workloads, some at a time. Raises Failure if one is not ready in time: then no further one begins."""
    for begin in range(0, len(found), params["at_once"]):
        part = found[begin : begin + params["at_once"]]
        with ThreadPoolExecutor(len(part)) as pool:
            ended = [pool.submit(replace, client, one, params["wait_timeout"]) for one in part]
        failures = [str(one.exception()) for one in ended if one.exception()]
        if failures:
            left = ", ".join(str(one.name) for one in found[begin + len(part) :])
            rest = f" Not restarted yet: {left}." if left else ""
            raise Failure(f"{'; '.join(failures)}.{rest} The next run goes on there", changed=True)


def described(workload: Workload) -> dict[str, Any]:
    namespace, kind, name = workload.name
    return {"kind": kind, "namespace": namespace, "name": name, "revisions": sorted(workload.revisions)}


def lines(found: list[Workload], revision: str) -> str:
    return "".join(f"{one.name}: {revision or ', '.join(sorted(one.revisions))}\n" for one in found)


def outcome(found: list[Workload], revision: str) -> dict[str, Any]:
    """The result, with the workloads that were restarted, or in check mode would be."""
    return {
        "changed": bool(found),
        "workloads": [described(one) for one in found],
        "diff": {"before": lines(found, ""), "after": lines(found, revision)},
    }


def work(module: AnsibleModule) -> dict[str, Any]:
    """Bring the proxies to the revision. Raises Failure with all faults before the first restart."""
    params = module.params
    if params["at_once"] < 1:
        raise Failure(f"at_once is {params['at_once']}: give a number of at least 1")
    client = connect(module, "no proxy is found")
    if client is None:
        return outcome([], params["revision"])
    found = outdated(client, params)
    faults = lost(found)
    restartable = [one for one in found if one.restartable]
    if not module.check_mode:
        faults += pinned(client, restartable, params["revision"])
    if faults:
        raise Failure(f"nothing was restarted: {'; '.join(faults)}")
    if module.check_mode:
        others = naming_another(client, restartable, params["revision"])
        if others:
            names = ", ".join(str(one.name) for one in others)
            module.warn(f"The templates of these name another revision, which other tasks have to change: {names}")
        return outcome([one for one in found if one not in others], params["revision"])
    replace_all(client, found, params)
    left = outdated(client, params) if found else []
    if left:
        names = ", ".join(str(one.name) for one in left)
        raise Failure(f"after the restart, proxies of other revisions are still there: {names}", changed=True)
    return outcome(found, params["revision"])


def main() -> None:
    run(work, ARGUMENTS)


if __name__ == "__main__":
    main()
