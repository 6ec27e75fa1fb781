#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pod_exec
short_description: Runs a command in a container of a pod
version_added: 0.1.0
description:
  - Runs one command in a running container and returns what it printed, as C(kubectl exec) does.
  - The module cannot know what the command changes. It reports a change; a task that only looks around says C(changed_when=false).
extends_documentation_fragment:
  - bare.mesh.connection
options:
  namespace:
    description: Namespace of the pod.
    type: str
    required: true
  pod:
    description: Name of the pod.
    type: str
  label_selector:
    description: Labels of the pod instead of its name, the first ready pod is taken.
    type: str
  container:
    description: Container of the pod; the pod's default container without it.
    type: str
  command:
    description: The program and its arguments. No shell is involved.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds after which the command is given up.
    type: int
    default: 60
attributes:
  check_mode:
    support: none
    description: The task is skipped, for the command may change something.
  diff_mode:
    support: none
    description: The module cannot know what the command changes.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Ask for the product page from within the mesh
  bare.mesh.pod_exec:
    namespace: bookinfo
    label_selector: app=ratings
    container: ratings
    command: [curl, -sS, "http://productpage:9080/productpage"]
  register: page
  changed_when: false
"""

RETURN = r"""
pod:
  description: The pod that ran the command.
  returned: always
  type: str
  sample: ratings-v1-6665bcdf55-4qs9x
rc:
  description: Exit status of the command.
  returned: always
  type: int
  sample: 0
stdout:
  description: What it printed.
  returned: always
  type: str
  sample: <title>Simple Bookstore App</title>
stderr:
  description: What it printed to its error output.
  returned: always
  type: str
  sample: ""
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._argspec import CONNECTION
from ansible_collections.bare.mesh.plugins.module_utils._client import Client
from ansible_collections.bare.mesh.plugins.module_utils._failure import Failure, library


def ready(pod: dict[str, Any]) -> bool:
    """Whether the pod serves, and is not on its way out."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    going = pod["metadata"].get("deletionTimestamp")
    return not going and any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def choose(pods: list[dict[str, Any]], namespace: str, selector: str) -> str:
    """The name of the first ready pod; no pod at all and no ready one have different cures."""
    names = sorted(pod["metadata"]["name"] for pod in pods if ready(pod))
    if names:
        return names[0]
    if pods:
        listed = ", ".join(sorted(pod["metadata"]["name"] for pod in pods))
        raise Failure(f"no pod with the labels {selector} in the namespace {namespace} is ready (there are: {listed})")
    raise Failure(f"the namespace {namespace} has no pod with the labels {selector}")


def execute(client: Client, namespace: str, pod: str, container: str | None, command: list[str], timeout: int) -> dict[str, Any]:
    """Run the command over a websocket."""
    api = library("kubernetes.client", "kubernetes").CoreV1Api(client.api_client)
    stream = library("kubernetes.stream", "kubernetes").stream
    more = {"container": container} if container else {}
    try:
        channel = stream(
            api.connect_get_namespaced_pod_exec, pod, namespace, command=command,
            stdin=False, stdout=True, stderr=True, tty=False, _preload_content=False, _request_timeout=timeout, **more,
        )  # fmt: skip
        channel.run_forever(timeout=timeout)
        if channel.is_open():
            channel.close()
            raise Failure(f"{' '.join(command)} in the pod {namespace}/{pod} did not end within {timeout} seconds")
        return {"pod": pod, "rc": channel.returncode, "stdout": channel.read_stdout(0) or "", "stderr": channel.read_stderr(0) or ""}
    except library("kubernetes.client", "kubernetes").ApiException as error:
        raise Failure(f"no command can be run in the pod {namespace}/{pod}: {error.reason or error}") from error


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Find the pod, run the command."""
    client = Client(params)
    client.reach()
    namespace, pod = params["namespace"], params["pod"]
    if not pod:
        path = f"/api/v1/namespaces/{namespace}/pods"
        pod = choose(list(client.pages(path, {"labelSelector": params["label_selector"]})), namespace, params["label_selector"])
    return execute(client, namespace, pod, params["container"], params["command"], params["timeout"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "namespace": {"type": "str", "required": True},
            "pod": {"type": "str"},
            "label_selector": {"type": "str"},
            "container": {"type": "str"},
            "command": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "default": 60},
        },
        required_one_of=[("pod", "label_selector")],
        mutually_exclusive=[("pod", "label_selector")],
    )
    try:
        done = run(module.params)
    except Failure as failure:
        module.fail_json(msg=str(failure), **failure.data)
    if done["rc"]:
        said = (done["stderr"] or done["stdout"]).strip()
        module.fail_json(msg=f"{' '.join(module.params['command'])} in {done['pod']} ended with status {done['rc']}: {said}", **done)
    module.exit_json(changed=True, **done)


if __name__ == "__main__":
    main()
