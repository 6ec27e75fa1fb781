# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Envoy of a pod says of itself, by its admin pages."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.commands import execute
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

PROXY = "istio-proxy"
# All configuration. Endpoints are those that istiod has sent, with the health that it knows.
CONFIGURATION = "config_dump?include_eds"
# The endpoints as Envoy uses them: which it leaves out, and how many requests are on their way.
CLUSTERS = "clusters?format=json"


def page(client: Client, namespace: str, pod: str, container: str, name: str, timeout: int) -> dict[str, Any]:
    """A page as data. Raises Failure if the Envoy does not answer."""
    # Envoy itself listens on the pod's loopback address only. The agent's program is in every image of the proxy.
    done = execute(client, namespace, pod, container, ["pilot-agent", "request", "GET", name], timeout)
    try:
        found = json.loads(done["stdout"])
    except ValueError:
        found = None
    if done["rc"] or not isinstance(found, dict):
        said = (done["stderr"] or done["stdout"]).strip() or "it says nothing"
        raise Failure(f"the container {container} of {namespace}/{pod} does not say what its Envoy does: {said:.200}")
    return found
