# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print the address of the lab's Bookinfo page. It is determined in the same way as in the bookinfo role."""

from __future__ import annotations

import sys
from pathlib import Path

from ansible.errors import AnsibleFilterError
from ansible_collections.bare.mesh.plugins.filter.gateway_url import gateway_url
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

KUBECONFIG = Path(__file__).resolve().parent.parent / ".lab/kubeconfig"


def address() -> str:
    """The address at which the controller reaches the gateway."""
    config.load_kube_config(str(KUBECONFIG))
    api = client.CoreV1Api()
    service = api.read_namespaced_service("istio-ingressgateway", "istio-system", _request_timeout=10)
    pods = api.list_namespaced_pod("istio-system", label_selector="istio=ingressgateway", _request_timeout=10)
    plain = api.api_client.sanitize_for_serialization
    # Objects from the typed client do not contain their kind.
    objects = [{**plain(service), "kind": "Service"}, *({**pod, "kind": "Pod"} for pod in plain(pods)["items"])]
    return f"{gateway_url(objects)}/productpage"


def main() -> int:
    """Print the address, or one line with the reason why there is none."""
    try:
        print(address())
    except (ConfigException, client.ApiException, HTTPError, AnsibleFilterError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        print(f"There is no page ({reason}): run `make site` first.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
