# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands in containers, as kubectl exec runs them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, library
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import load_yaml

# Channels of the protocol v4.channel.k8s.io: 0 stdin, 1 stdout, 2 stderr, 3 the status at the end of the command.
# https://github.com/kubernetes/apimachinery/blob/master/pkg/util/remotecommand/constants.go
STATUS_CHANNEL = 3
# How websocket-client separates status, headers and body of an answer that refuses the websocket.
HANDSHAKE_SEPARATOR = " -+-+- "
# How runc says that a program does not exist.
NO_PROGRAM = ("executable file not found", "no such file or directory")


def ready(pod: dict[str, Any]) -> bool:
    """Whether the pod is ready and is not being deleted."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    going = pod["metadata"].get("deletionTimestamp")
    return not going and any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def choose(pods: list[dict[str, Any]], namespace: str, selector: str) -> str:
    """The name of the first ready pod. Raises Failure if there is no pod, or no ready pod."""
    names = sorted(pod["metadata"]["name"] for pod in pods if ready(pod))
    if names:
        return names[0]
    if pods:
        listed = ", ".join(sorted(pod["metadata"]["name"] for pod in pods))
        raise Failure(f"no pod with the labels {selector} in the namespace {namespace} is ready (there are: {listed})")
    raise Failure(f"the namespace {namespace} has no pod with the labels {selector}")


def pods(client: Client, namespace: str, selector: str) -> list[dict[str, Any]]:
    """The pods that a label selector matches."""
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"
    return list(client.pages(path, {"labelSelector": selector}))


def find_pod(client: Client, namespace: str, selectors: list[str]) -> str:
    """The name of the first ready pod that all label selectors match. Raises Failure if there is none."""
    selector = ",".join(selectors)
    return choose(pods(client, namespace, selector), namespace, selector)


def execute(
    client: Client, namespace: str, pod: str, container: str | None, command: list[str], timeout: int
) -> dict[str, Any]:
    """Run the command over a websocket. timeout: seconds. Returns pod, rc, stdout and stderr.

    Raises Failure if the command cannot be started or does not end in time, or the connection is lost.
    """
    kubernetes = library("kubernetes.client", "kubernetes")
    websocket = library("websocket", "websocket-client")
    # Through CoreV1Api it would be the same call, after 0.3 s in which the client loads the classes of all kinds.
    ws_client = library("kubernetes.stream.ws_client", "kubernetes")
    url = f"{client.host}/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/exec"
    query = [*(("command", word) for word in command), ("stdout", "true"), ("stderr", "true")]
    query += [("container", container)] if container else []
    where = f"the pod {namespace}/{pod}"
    try:
        channel = ws_client.websocket_call(
            client.settings, "GET", url, query_params=query, headers=client.credentials(), _preload_content=False
        )
        channel.run_forever(timeout=timeout)
        if channel.is_open():
            channel.close()
            raise Failure(f"{' '.join(command)} in {where} did not end within {timeout} seconds")
        status = load_status(channel.read_channel(STATUS_CHANNEL), where)
        output = {"stdout": channel.read_stdout(0) or "", "stderr": channel.read_stderr(0) or ""}
    except kubernetes.ApiException as error:
        raise Failure(f"no command can be run in {where}: {refusal(str(error.reason or error))}") from error
    except (websocket.WebSocketException, OSError) as error:
        raise Failure(
            f"the connection to {where} was lost, so it is not known whether the command has run: {error}"
        ) from error
    return {"pod": pod, "rc": exit_code(status, where, command[0]), **output}


def refusal(text: str) -> str:
    """The API server's own words in the text of a refused websocket.

    Its parts are separated by -+-+-, the last is a Status.
    """
    first, *_headers, last = text.split(HANDSHAKE_SEPARATOR) if HANDSHAKE_SEPARATOR in text else (text, "")
    try:
        return str(json.loads(last)["message"])
    except (ValueError, KeyError, TypeError):
        return first


def load_status(text: str, where: str) -> dict[str, Any]:
    """The status of the command at its end, a Kubernetes Status object. Raises Failure without a status."""
    if not text:
        raise Failure(f"the connection to {where} was lost, so it is not known whether the command has run")
    loaded = load_yaml(text, f"the status of the command in {where}")
    return loaded[0] if loaded and isinstance(loaded[0], dict) else {}


def exit_code(status: dict[str, Any], where: str, program: str) -> int:
    """The exit status of the command. Raises Failure if the command was not started."""
    if status.get("status") == "Success":
        return 0
    for cause in (status.get("details") or {}).get("causes") or []:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    message = str(status.get("message") or status)
    if any(sign in message for sign in NO_PROGRAM):
        raise Failure(f"there is no program {program} in the container of {where}")
    raise Failure(f"the command could not be started in {where}: {message}")
