#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_logs
short_description: Collects the logs of pods in files on the controller
version_added: 0.2.0
description:
  - Writes the last lines of the log of each container of pods to a file of its own, with mode 0600, because logs can
    hold what not everybody may read. Sidecars count as containers, init containers that have ended do not.
  - Of a container that was restarted, the log of the run before is a second file. It says why it ended.
  - Files of pods that are gone stay. Nobody else can tell any more what these have said.
  - Needs the rights to list pods and to read logs (C(get) for C(pods/log)).
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
options:
  pods:
    description: The pods. A pod that several entries name is read once.
    type: list
    elements: dict
    required: true
    suboptions:
      namespace:
        description: Namespace of the pods.
        type: str
        required: true
      name:
        description: Name of one pod.
        type: str
      label_selectors:
        description: Label selectors instead of the name, all of which must match.
        type: list
        elements: str
  directory:
    description: Directory of the files. It is created with mode 0700 where it is missing, and left as it is where not.
    type: path
    required: true
  lines:
    description: How many lines of each log.
    type: int
    default: 1000
attributes:
  check_mode:
    support: full
    details: Reads the logs and compares them with the files, so it says what a run at this moment would write.
  diff_mode:
    support: full
    details: Shows the names of the files, and not what the logs say.
notes:
  - A file is written where the log has another content, so a second task reports a change if something was logged
    meanwhile.
seealso:
  - module: bare.mesh.traffic_diagnosis
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Collect the logs of istiod and of the product page
  bare.mesh.k8s_logs:
    pods:
      - namespace: istio-system
        label_selectors: [app=istiod]
      - namespace: bookinfo
        label_selectors: [app=productpage]
    directory: ./logs
    lines: 500
  register: logs
"""

RETURN = r"""
files:
  description: The files, sorted by path.
  returned: always
  type: list
  elements: dict
  contains:
    path: {description: Path of the file., type: str, sample: /tmp/logs/istio-system_istiod-7f4b_discovery.log}
    namespace: {description: Namespace of the pod., type: str, sample: istio-system}
    pod: {description: Name of the pod., type: str, sample: istiod-7f4b}
    container: {description: Name of the container., type: str, sample: discovery}
    previous: {description: Whether it is the log of the run before the last restart., type: bool}
    changed: {description: Whether the file was written., type: bool}
unread:
  description: What could not be read, and why.
  returned: always
  type: list
  elements: str
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.commands import pods as find
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, run

ARGUMENTS: dict[str, Any] = {
    "pods": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "namespace": {"type": "str", "required": True},
            "name": {"type": "str"},
            "label_selectors": {"type": "list", "elements": "str"},
        },
        "required_one_of": [("name", "label_selectors")],
        "mutually_exclusive": [("name", "label_selectors")],
    },
    "directory": {"type": "path", "required": True},
    "lines": {"type": "int", "default": 1000},
}
# Logs in memory at a time.
READERS = 4


class Log(NamedTuple):
    """One run of a container."""

    namespace: str
    pod: str
    container: str
    previous: bool

    def file(self) -> str:
        """The name of its file. No name in Kubernetes has the character between the parts."""
        return f"{self.namespace}_{self.pod}_{self.container}{'.previous' if self.previous else ''}.log"


def choose(client: Client, wanted: list[dict[str, Any]]) -> tuple[list[Log], list[str]]:
    """The logs of the pods, each once, and what is not there."""
    logs: dict[Log, None] = {}
    missing = []
    for entry in wanted:
        where, name = entry["namespace"], entry["name"]
        if name:
            one = client.get(f"/api/v1/namespaces/{quote(where, safe='')}/pods/{quote(name, safe='')}")
            found, what = [one] if one else [], f"pod {name}"
        else:
            selector = ",".join(entry["label_selectors"])
            found, what = find(client, where, selector), f"pod with the labels {selector}"
        if not found:
            missing.append(f"the namespace {where} has no {what}")
        for pod in found:
            logs.update(dict.fromkeys(logs_of(pod)))
    return list(logs), missing


def logs_of(pod: dict[str, Any]) -> Iterator[Log]:
    meta, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    # Such an init container is a sidecar. What an ended one has said is no more than that it has ended.
    sidecars = [one for one in spec.get("initContainers") or [] if one.get("restartPolicy") == "Always"]
    states = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    restarted = {one["name"] for one in states if one.get("restartCount")}
    for container in [*(spec.get("containers") or []), *sidecars]:
        name = container["name"]
        yield Log(meta["namespace"], meta["name"], name, False)
        if name in restarted:
            yield Log(meta["namespace"], meta["name"], name, True)


def read(client: Client, log: Log, lines: int) -> tuple[str, str]:
    """The text, and why there is none. Raises Failure where the user may not read it, or the server does not answer."""
    path = f"/api/v1/namespaces/{quote(log.namespace, safe='')}/pods/{quote(log.pod, safe='')}/log"
    query = {"container": log.container, "tailLines": lines, **({"previous": "true"} if log.previous else {})}
    try:
        return client.text(path, query), ""
    except ApiError as error:
        if error.status in (401, 403):
            raise
        # It has not started yet, or its node does not answer, or has removed the log of the run before.
        return "", str(error)


def differs(path: str, text: str) -> bool:
    """Whether the file is to be written. Raises Failure if it cannot be looked at."""
    try:
        with open(path, "rb") as file:
            return file.read() != text.encode() or os.stat(path).st_mode & 0o777 != 0o600
    except FileNotFoundError:
        return True
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}; choose another directory") from error


def write(path: str, text: str) -> None:
    """Write the file as a whole, never readable by others. Raises Failure if it cannot be written."""
    directory = os.path.dirname(path)
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=".log.")
        try:
            with open(handle, "wb") as file:
                file.write(text.encode())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}; choose another directory") from error


def collect(client: Client, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Write the logs. Raises Failure if there is none."""
    logs, unread = choose(client, params["pods"])
    with ThreadPoolExecutor(READERS) as pool:
        texts = list(pool.map(lambda log: read(client, log, params["lines"]), logs))
    files = []
    for log, (text, error) in zip(logs, texts, strict=True):
        if error:
            unread.append(f"{log.file()}: {error}")
            continue
        path = os.path.join(os.path.abspath(params["directory"]), log.file())
        changed = differs(path, text)
        if changed and not check:
            write(path, text)
        files.append({"path": path, **log._asdict(), "changed": changed})
    if not files:
        raise Failure(f"no log was read: {'; '.join(unread)}")
    return {"files": sorted(files, key=lambda one: one["path"]), "unread": unread}


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    faults = [f"lines is {params['lines']}: give a number above 0"] if params["lines"] <= 0 else []
    if not params["pods"]:
        faults.append("pods is empty: name at least one")
    if faults:
        raise Failure("; ".join(faults))
    client = connect(module, "no log is read")
    found: dict[str, Any] = {"files": [], "unread": []}
    if client:
        found = collect(client, params, module.check_mode)
    if found["unread"]:
        module.warn(f"Logs that cannot be read: {'; '.join(found['unread'])}")
    written = [one["path"] for one in found["files"] if one["changed"]]
    diff = {"before": "", "after": "".join(f"{path}\n" for path in written)}
    return {"changed": bool(written), **found, "diff": diff}


def main() -> None:
    run(work, ARGUMENTS)


if __name__ == "__main__":
    main()
