#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_names
short_description: Sets the host name and names the cluster's hosts in the hosts file
version_added: 0.1.0
description:
  - Sets the host name, and keeps one marked block in C(/etc/hosts).
  - Of the rest of that file, only lines that give a loopback address to one of these hosts, or 127.0.1.1 to the name
    that the host had before, are removed. Installers and cloud-init write such lines, but a node's name must lead to an
    address that its peers can reach. Lines that also name localhost stay.
  - Where such a line gave the host's full name with its domain, the block gives it in its place.
  - Where cloud-init writes the file anew at each boot (C(manage_etc_hosts)), its template gets the same block.
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
  set_name:
    description: Whether to set the host name. V(false) leaves it as it is, as for members of a domain.
    type: bool
    default: true
    version_added: 0.2.0
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
  description: The host name, after the run.
  returned: always
  type: str
"""

import glob
import os
import re
import socket
from collections.abc import Collection
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host.files import Files, read

BEGIN = "# BEGIN bare.mesh: the cluster's hosts\n"
END = "# END bare.mesh: the cluster's hosts\n"


# cloud-init says this in each hosts file that it makes, and names the template.
MANAGED = re.compile(
    r"^# .*'manage_etc_hosts'|^\s*manage_etc_hosts\s*:\s*['\"]?(true|yes|on|1|template)\b", re.M | re.I
)
LOCALHOST = re.compile(r"^\s*manage_etc_hosts\s*:\s*['\"]?localhost\b", re.M | re.I)
TEMPLATES = "/etc/cloud/templates"
# Its settings, by rank: the image's, and those that the cloud and the user have given.
SETTINGS = (
    *("/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*.cfg"),
    *("/var/lib/cloud/instance/vendor-cloud-config.txt", "/var/lib/cloud/instance/cloud-config.txt"),
)
# What stands for the host's own name in a template.
VARIABLE = re.compile(r"\$\{?(hostname|fqdn)\b|\{\{\s*(hostname|fqdn)\b")


def names_of(line: str) -> tuple[str, list[str]]:
    """The address and the names of a line."""
    address, *names = line.partition("#")[0].split() or [""]
    return address, names


def loops_back(line: str, hosts: Collection[str], former: Collection[str] = ()) -> bool:
    """Whether the line leads one of the hosts to itself."""
    address, names = names_of(line)
    # Debian keeps this address for the host's name. The other two have names that programs need.
    if address in ("127.0.0.1", "::1") and not any(name.startswith(("localhost", "ip6-")) for name in names):
        own = {*hosts}
    elif address == "127.0.1.1":
        own = {*hosts, *former}
    else:
        return False
    return not own.isdisjoint(names) or bool(VARIABLE.search(line))


def full_name(text: str, name: str) -> str:
    """The name with its domain, where the file gives it beside the name; else empty."""
    for line in text.splitlines():
        names = names_of(line)[1]
        if name in names and names[0].startswith(f"{name}."):
            return names[0]
    return ""


def with_block(
    text: str, hosts: dict[str, str], former: Collection[str] = (), full: dict[str, str] | None = None
) -> str:
    """The hosts file with the block of these hosts, in its place or at the end.

    former: names that it gives up. full: name with its domain, of some of the hosts.
    """
    text = "".join(line for line in text.splitlines(keepends=True) if not loops_back(line, hosts, former))
    lines = [" ".join(filter(None, (address, (full or {}).get(name), name))) for name, address in hosts.items()]
    block = BEGIN + "".join(f"{line}\n" for line in lines) + END
    if BEGIN in text and END in text:
        return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _match: block, text, count=1, flags=re.DOTALL)
    return text + ("" if text.endswith("\n") or not text else "\n") + block


def text_of(path: str) -> str:
    return read(path).decode(errors="surrogateescape")


def cloud_template(module: AnsibleModule, hosts_file: str) -> str:
    """The template from which cloud-init writes the hosts file at each boot; empty where it does not."""
    given = [text_of(path) for pattern in SETTINGS for path in sorted(glob.glob(pattern))]
    if any(LOCALHOST.search(text) for text in given):
        module.warn(
            "cloud-init gives this host's name the address 127.0.1.1 at each boot, because manage_etc_hosts is"
            " localhost; set it to false in the host's cloud-config, or run this again after a reboot"
        )
    if not any(MANAGED.search(text) for text in (hosts_file, *given)):
        return ""
    named = re.search(rf"{TEMPLATES}/hosts\.\w+\.tmpl", hosts_file)
    family = "debian" if os.path.exists("/etc/debian_version") else "redhat"
    path = named.group(0) if named else f"{TEMPLATES}/hosts.{family}.tmpl"
    if not os.path.exists(path):
        # Without cloud-init, the text is what it has left in an image.
        if os.path.isdir(TEMPLATES):
            raise Failure(
                f"cloud-init writes /etc/hosts anew at each boot (manage_etc_hosts), and there is no template {path} to"
                " which the cluster's hosts could be added; set manage_etc_hosts to false in the host's cloud-config,"
                " and remove the lines of cloud-init about it from /etc/hosts"
            )
        return ""
    return path


def want_names(module: AnsibleModule, files: Files, former: Collection[str]) -> None:
    """Notes the hosts file and what it is made from."""
    name, hosts = module.params["name"], module.params["hosts"]
    text = text_of("/etc/hosts")
    full = {name: full_name(text, name)}
    files.want("/etc/hosts", with_block(text, hosts, former, full))
    template = cloud_template(module, text)
    if template:
        mode = os.stat(template).st_mode & 0o777
        files.want(template, with_block(text_of(template), hosts, former, full), mode)


def work(module: AnsibleModule) -> dict[str, Any]:
    name, set_name = module.params["name"], module.params["set_name"]
    before = {socket.gethostname(), text_of("/etc/hostname").strip()}
    renamed = set_name and before != {name}
    files = Files(module)
    want_names(module, files, before - {name, "", "localhost"} if set_name else ())
    diff = files.diff
    if renamed:
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
        if renamed:
            module.run_command(["hostnamectl", "set-hostname", name], check_rc=True)
    return {"changed": bool(diff), "name": name if set_name else socket.gethostname(), "diff": diff}


def main() -> None:
    run(
        work,
        {
            "name": {"type": "str", "required": True},
            "hosts": {"type": "dict", "required": True},
            "set_name": {"type": "bool", "default": True},
        },
    )


if __name__ == "__main__":
    main()
