#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_reach
short_description: Tries whether packets to ports of other hosts get through
version_added: 0.2.0
description:
  - Nothing need listen there. A host that refuses a connection has been reached. A network that drops packets, such as
    that of a security group, gives no answer.
  - It tries at most 32 ports at a time, and each of them for O(timeout). It opens no port and leaves nothing behind.
  - M(bare.mesh.preflight_check) judges what it finds.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  targets:
    description: Addresses with ports, such as V(10.0.0.2:6443/tcp). Those after the first 512 are not tried.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds to wait for an answer.
    type: float
    default: 3
attributes:
  check_mode:
    support: full
    details: Changes nothing in any mode.
  diff_mode:
    support: none
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Try the API server's port and that of the pods' network
  bare.mesh.host_reach:
    targets: [10.0.0.2:6443/tcp, 10.0.0.2:8472/udp]
"""

RETURN = r"""
lost:
  description:
    - Target to the reason, for those that gave no answer. An address that is a name which the host does not know is not
      among them.
    - To a packet by UDP, a program that listens need not answer.
  returned: always
  type: dict
"""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run

MOST = 512
AT_A_TIME = 32
TYPES = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def parse(target: str) -> tuple[str, int, str]:
    """(address, port, protocol) of a target; raises Failure."""
    address, _colon, port = target.rpartition(":")
    number, _slash, protocol = port.partition("/")
    if not address or not number.isdecimal() or not 0 < int(number) < 65536 or protocol not in TYPES:
        raise Failure(f"targets has {target!r}; write an address with a port, such as 10.0.0.2:6443/tcp")
    return address.strip("[]"), int(number), protocol


def loss(target: tuple[str, int, str], timeout: float) -> str:
    """Why there is no answer from a port; empty if there is one."""
    address, port, protocol = target
    try:
        family, kind, number, _name, where = socket.getaddrinfo(address, port, type=TYPES[protocol])[0]
    except socket.gaierror:
        return ""
    with socket.socket(family, kind, number) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect(where)
            if protocol == "udp":
                # Where nothing listens, the host says so. This is no packet of any protocol that is used there.
                sock.send(b"\0")
                sock.recv(1)
        except ConnectionError:
            return ""
        except OSError as error:
            return str(error)
    return ""


def work(module: AnsibleModule) -> dict[str, Any]:
    targets, timeout = module.params["targets"][:MOST], module.params["timeout"]
    parsed = [parse(target) for target in targets]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        losses = list(pool.map(lambda one: loss(one, timeout), parsed))
    return {"changed": False, "lost": {target: why for target, why in zip(targets, losses) if why}}


def main() -> None:
    run(
        work,
        {
            "targets": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "float", "default": 3},
        },
    )


if __name__ == "__main__":
    main()
