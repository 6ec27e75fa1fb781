#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_names
short_description: Sets the host name and names the cluster's hosts in the hosts file
version_added: 0.1.0
description:
  - Sets the host name, and keeps one marked block in C(/etc/hosts).
  - Of the rest of that file, only lines that give the address 127.0.1.1 to one of these hosts, or to the name that the
    host had before, are removed. Debian's installer writes such a line, but a node's name must lead to an address that
    its peers can reach.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  name:
    description: The host name.
    type: str
    required: true
  hosts:
    description: Name to address of the hosts to list.
    type: dict
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Name the host and its peers
  bare.mesh.host_names:
    name: node1
    hosts: {node1: 10.0.0.1, node2: 10.0.0.2}
"""

RETURN = r"""
name:
  description: The host name.
  returned: always
  type: str
"""

import re
import socket
from collections.abc import Collection
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host.files import Files, read

BEGIN = "# BEGIN bare.mesh: the cluster's hosts\n"
END = "# END bare.mesh: the cluster's hosts\n"


def loops_back(line: str, hosts: Collection[str]) -> bool:
    """Whether the line leads one of the hosts to itself."""
    address, *names = line.partition("#")[0].split() or [""]
    return address == "127.0.1.1" and any(name in hosts for name in names)


def with_block(text: str, hosts: dict[str, str], former: Collection[str] = ()) -> str:
    """The hosts file with the block of these hosts, in its place or at the end. former: names that it gives up."""
    own = {*hosts, *former}
    text = "".join(line for line in text.splitlines(keepends=True) if not loops_back(line, own))
    block = BEGIN + "".join(f"{address} {name}\n" for name, address in hosts.items()) + END
    if BEGIN in text and END in text:
        return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _match: block, text, count=1, flags=re.DOTALL)
    return text + ("" if text.endswith("\n") or not text else "\n") + block


def work(module: AnsibleModule) -> dict[str, Any]:
    name = module.params["name"]
    before = {socket.gethostname(), read("/etc/hostname").decode().strip()}
    files = Files(module)
    text = read("/etc/hosts").decode(errors="surrogateescape")
    files.want("/etc/hosts", with_block(text, module.params["hosts"], before - {name, "", "localhost"}))
    diff = files.diff
    if before != {name}:
        diff = [
            {
                "before_header": "host name",
                "after_header": "host name",
                "before": f"{socket.gethostname()}\n",
                "after": f"{name}\n",
            },
            *diff,
        ]
    if not module.check_mode:
        files.write()
        if before != {name}:
            module.run_command(["hostnamectl", "set-hostname", name], check_rc=True)
    return {"changed": bool(diff), "name": name, "diff": diff}


def main() -> None:
    run(work, {"name": {"type": "str", "required": True}, "hosts": {"type": "dict", "required": True}})


if __name__ == "__main__":
    main()
