# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_hosts
short_description: The hosts of the cluster, from the inventory
version_added: 0.1.0
description:
  - The hosts of the groups C(control_plane) and C(workers), in this order, each once, also where C(--limit) leaves them
    out of a play.
  - It is the one place where the collection reads a host's name and addresses from the inventory and its facts.
positional: _input
options:
  _input:
    description: Ansible's C(groups).
    type: dict
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Show the addresses of the nodes
  ansible.builtin.debug:
    msg: "{{ groups | bare.mesh.cluster_hosts(hostvars) | map(attribute='node_ip') }}"
"""

RETURN = r"""
_value:
  description: One entry a host.
  type: list
  elements: dict
  contains:
    name: {description: The host's name in the inventory., type: str}
    control_plane: {description: Whether it is in the group C(control_plane)., type: bool}
    worker: {description: Whether it is in the group C(workers)., type: bool}
    hostname: {description: The host name it is to have. C(host_prep_hostname) or its name in the inventory., type: str}
    node_name: {description: The name of its Node object. The host name in small letters., type: str}
    ssh_address:
      description: The address that the controller reaches it by. C(ansible_host) or its name in the inventory.
      type: str
    ssh_port: {description: The port of its SSH server. C(ansible_port) or V(22)., type: str}
    container_runtime:
      description: The container runtime that the inventory sets by C(bare_mesh_container_runtime), or V(containerd).
      type: str
    names: {description: Its name in the inventory and its addresses, each once., type: list, elements: str}
    set_ip:
      description: The node address that the inventory sets by C(bare_mesh_node_ip). Empty where it sets none.
      type: str
    node_ip:
      description: >-
        The address that its Kubernetes components use. C(bare_mesh_node_ip), or the address of its default route where
        its facts are gathered, or else O(_value[].ssh_address).
      type: str
"""

from typing import Any

from ansible.errors import AnsibleFilterError, AnsibleUndefinedVariable
from jinja2.exceptions import UndefinedError


def _value(known: Any, name: str) -> str:
    """A variable of a host as text; empty where it is not defined, or by facts that are not gathered yet."""
    try:
        text = str(known[name]) if name in known else ""
    except (AnsibleUndefinedVariable, UndefinedError):
        return ""
    # ansible-core before 2.19 returns a template that it cannot resolve as it is.
    return "" if "{{" in text else text


def _describe(name: str, known: Any, **groups: bool) -> dict[str, Any]:
    facts = known.get("ansible_facts") or {}
    hostname = _value(known, "host_prep_hostname") or name
    ssh_address = _value(known, "ansible_host") or name
    set_ip = _value(known, "bare_mesh_node_ip")
    node_ip = set_ip or (facts.get("default_ipv4") or {}).get("address") or ssh_address
    return {
        "name": name,
        **groups,
        "hostname": hostname,
        "node_name": hostname.lower(),
        "ssh_address": ssh_address,
        "ssh_port": _value(known, "ansible_port") or "22",
        "set_ip": set_ip,
        "node_ip": node_ip,
        "container_runtime": _value(known, "bare_mesh_container_runtime") or "containerd",
        "names": list(dict.fromkeys((name, ssh_address, node_ip))),
    }


def cluster_hosts(groups: Any, hostvars: Any) -> list[dict[str, Any]]:
    """See DOCUMENTATION."""
    try:
        control_plane, workers = (list(groups.get(name) or []) for name in ("control_plane", "workers"))
    except AttributeError:
        raise AnsibleFilterError(
            "cluster_hosts works on Ansible's groups: groups | bare.mesh.cluster_hosts(hostvars)"
        ) from None
    return [
        _describe(name, hostvars[name], control_plane=name in control_plane, worker=name in workers)
        for name in dict.fromkeys(control_plane + workers)
    ]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"cluster_hosts": cluster_hosts}
