# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print the address of the lab's Bookinfo page: a node and the ingress gateway's node port."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

KUBECONFIG = Path(__file__).resolve().parent.parent / ".lab/kubeconfig"


def address() -> str:
    """Where the gateway answers, seen from the controller."""
    config.load_kube_config(str(KUBECONFIG))
    api = client.CoreV1Api()
    # Any: the client's types call every field of an answer optional.
    gateway: Any = api.read_namespaced_service("istio-ingressgateway", "istio-system", _request_timeout=10)
    (port,) = [port.node_port for port in gateway.spec.ports if port.name == "http2"]
    # A control-plane node forwards the port as every node does, and is there in every cluster.
    node: Any
    (node, *_others) = api.list_node(label_selector="node-role.kubernetes.io/control-plane", _request_timeout=10).items
    (ip,) = [entry.address for entry in node.status.addresses if entry.type == "InternalIP"]
    return f"http://{ip}:{port}/productpage"


def main() -> int:
    """Print the address, or in one line why there is none."""
    try:
        print(address())
    except (ConfigException, client.ApiException, HTTPError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        print(f"There is no page to point to ({reason}): run `make site` first.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
