# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: address_pool_faults
short_description: What is wrong with the addresses of a load balancer
version_added: 0.2.0
description:
  - Judges ranges of addresses, which must not overlap each other, nor ranges and addresses that are taken.
positional: _input
options:
  _input:
    description: Ranges such as V(192.0.2.10-192.0.2.20) or V(192.0.2.0/28).
    type: list
    elements: str
    required: true
  taken:
    description: What is taken. Names, and ranges in CIDR notation or single addresses.
    type: dict
    default: {}
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Refuse addresses of pods
  ansible.builtin.assert:
    that: load_balancer_addresses | bare.mesh.address_pool_faults(taken) | length == 0
  vars:
    taken: {bare_mesh_pod_cidr: "{{ bare_mesh_pod_cidr }}"}
"""

RETURN = r"""
_value:
  description: One entry a fault.
  type: list
  elements: dict
  contains:
    where: {description: The entry of C(load_balancer_addresses)., type: str}
    what: {description: What is wrong with it., type: str}
    fix: {description: What to do., type: str}
"""

import ipaddress
from typing import Any

VARIABLE = "load_balancer_addresses"
Range = tuple[Any, Any]


def _range(text: str) -> Range:
    """The first and the last address. Raises ValueError."""
    first, dash, last = text.partition("-")
    if not dash:
        network = ipaddress.ip_network(text.strip(), strict=False)
        return network[0], network[-1]
    ends = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
    if ends[0].version != ends[1].version or int(ends[0]) > int(ends[1]):
        raise ValueError(text)
    return ends


def _overlap(one: Range, other: Range) -> bool:
    return bool(one[0].version == other[0].version and one[0] <= other[1] and other[0] <= one[1])


def address_pool_faults(given: Any, taken: Any = None) -> list[dict[str, str]]:
    """See DOCUMENTATION."""
    known: dict[str, Range] = {}
    for name, text in (taken or {}).items():
        try:
            known[f"{name} ({text})"] = _range(str(text))
        except ValueError:
            # What is taken is judged elsewhere, and a host may have a name for an address.
            continue
    found = []
    # A list in an argument of the command line is text with commas.
    for index, text in enumerate(given.split(",") if isinstance(given, str) else given):
        where = f"{VARIABLE}[{index}]"
        try:
            current = _range(str(text))
        except ValueError:
            what, fix = f"is {text!r}, which is not a range of addresses", "Write 192.168.56.200-192.168.56.220"
            found.append({"where": where, "what": what, "fix": fix})
            continue
        for name, other in known.items():
            if _overlap(current, other):
                what, fix = f"is {text}, which overlaps {name}", "Give free addresses of the nodes' network"
                found.append({"where": where, "what": what, "fix": fix})
        known[where] = current
    return found


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"address_pool_faults": address_pool_faults}
