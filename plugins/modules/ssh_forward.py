#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_forward
short_description: Forwards a port of the controller through the SSH tunnel of a cluster
version_added: 0.2.0
description:
  - Makes an address that the nodes reach, such as the node port of a gateway, answer on the controller, through the SSH
    tunnel that the kubeconfig describes (O(bare.mesh.kubeconfig#module:ssh_tunnel)).
  - The port is open for as long as the tunnel is, which closes itself an hour after its last use.
  - A forwarded port is no state of the cluster, as an SSH connection is none, so the module reports no change, and
    works in check mode.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  kubeconfig:
    description: Path of the kubeconfig, whose tunnel is used.
    type: path
    required: true
  url:
    description: URL that the control plane's host reaches. Without a port, it is that of its scheme.
    type: str
    required: true
  local_port:
    description:
      - Port on the controller's loopback interface.
      - The default is the URL's own port, or that and 8000 if it is below 1024, which needs root.
    type: int
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Let the page answer here
  bare.mesh.ssh_forward:
    kubeconfig: ~/.kube/bare_mesh.kubeconfig
    url: http://192.0.2.11:31380/productpage
  register: page

- name: Request the page
  ansible.builtin.uri:
    url: "{{ page.url }}"
"""

RETURN = r"""
url:
  description: The URL with the port of the controller in place of the address.
  returned: success
  type: str
  sample: http://127.0.0.1:31380/productpage
"""

from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.tunnel import tunnel_of

PORTS = {"http": 80, "https": 443}
PRIVILEGED = 1024


def work(module: AnsibleModule) -> dict[str, Any]:
    kubeconfig, url = module.params["kubeconfig"], module.params["url"]
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise Failure(f"url is {url}: give an address with http:// or https://") from None
    tunnel = tunnel_of(kubeconfig)
    if tunnel is None:
        fix = "set bare_mesh_ssh_tunnel to true, and run the playbook bare.mesh.install_kubernetes"
        raise Failure(f"the kubeconfig {kubeconfig} describes no SSH tunnel: {fix}")
    here = module.params["local_port"] or (port + 8000 if port < PRIVILEGED else port)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    # Where it is forwarded already, ssh says yes again.
    command = tunnel.control("forward", "-L", f"127.0.0.1:{here}:{host}:{port}")
    code, said, errors = module.run_command(command)
    if code:
        fix = "set local_port to a port that no other program has"
        raise Failure(f"ssh does not forward port {here} to {host}:{port}: {(errors or said).strip()}: {fix}")
    return {"changed": False, "url": parts._replace(netloc=f"127.0.0.1:{here}").geturl()}


def main() -> None:
    run(
        work,
        {
            "kubeconfig": {"type": "path", "required": True},
            "url": {"type": "str", "required": True},
            "local_port": {"type": "int"},
        },
    )


if __name__ == "__main__":
    main()
