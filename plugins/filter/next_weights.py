# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: next_weights
short_description: The next weights of a canary release
version_added: 0.2.0
description:
  - Adds a step to the weight of one subset. The other weights shrink in proportion, as whole numbers that sum to 100
    with it (by the method of the largest remainder).
  - A step never leads beyond 100, so repeated use ends there, and changes nothing from then on.
positional: _input
options:
  _input:
    description: The destinations of a route of a VirtualService, with their weights, or a dictionary of subsets and
      their weights. A single destination without a weight has 100, any other without one has 0.
    type: raw
    required: true
  subset:
    description: The subset that gets more.
    type: str
    required: true
  step:
    description: By how many percent.
    type: int
    default: 10
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Take one more step to v2
  bare.mesh.virtual_service:
    name: reviews
    namespace: bookinfo
    hosts: [reviews]
    http:
      - route: "{{ found.resources[0].spec.http[0].route | bare.mesh.next_weights(subset='v2', step=20) }}"

- name: Show the next weights, which are v1=71, v2=20, v3=9
  ansible.builtin.debug:
    msg: "{{ {'v1': 80, 'v2': 10, 'v3': 10} | bare.mesh.next_weights(subset='v2') }}"
"""

RETURN = r"""
_value:
  description: The same destinations with the new weights, or the same dictionary if one was given.
  type: raw
  sample: {v1: 80, v2: 20}
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.bare.mesh.plugins.module_utils._istio.shift.weights import shrunk


def _whole(value: Any, what: str) -> int:
    """A whole number, which Jinja may have made text; raises for others."""
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit():
        raise AnsibleFilterError(f"next_weights: {what} is {value!r}: give a whole number that is not negative")
    return int(text)


def _entries(given: Any) -> list[tuple[str, int]]:
    """Subset and weight of each destination."""
    if isinstance(given, dict):
        return [(str(name), _whole(weight, f"the weight of {name}")) for name, weight in given.items()]
    found = []
    for one in given if isinstance(given, list) else [{}]:
        destination = one.get("destination") if isinstance(one, dict) else None
        if not isinstance(destination, dict):
            raise AnsibleFilterError(
                "next_weights needs the destinations of a route of a VirtualService, or a dictionary of subsets and"
                " their weights: give it spec.http[0].route, for example"
            )
        name = str(destination.get("subset") or "")
        # Istio sends all requests to a destination that is alone.
        default = 100 if len(given) == 1 else 0
        weight = one.get("weight")
        found.append((name, default if weight is None else _whole(weight, f"the weight of {name or 'a destination'}")))
    return found


def _position(names: list[str], subset: str) -> int:
    if names.count(subset) != 1:
        known = ", ".join(name for name in names if name) or "none"
        how = "no subset" if subset not in names else "more than one subset"
        raise AnsibleFilterError(
            f"next_weights: there is {how} {subset} among the destinations (there are: {known}): name one of them, or"
            " add the destination with the weight 0"
        )
    return names.index(subset)


def next_weights(given: Any, subset: str, step: Any = 10) -> Any:
    """The given destinations or dictionary with the next weights; raises for what cannot be a canary release."""
    entries = _entries(given)
    weights = [weight for _name, weight in entries]
    position = _position([name for name, _weight in entries], str(subset))
    growth = _whole(step, "the step")
    if not growth:
        raise AnsibleFilterError("next_weights: the step is 0: give a number of percent above 0")
    if sum(weights) != 100:
        listed = ", ".join(f"{name or 'no subset'}={weight}" for name, weight in entries)
        raise AnsibleFilterError(
            f"next_weights: the weights sum to {sum(weights)}, not to 100 ({listed}): correct them"
        )
    grown = min(100, weights[position] + growth)
    others = shrunk(weights[:position] + weights[position + 1 :], 100 - grown)
    new = [*others[:position], grown, *others[position:]]
    if isinstance(given, dict):
        return dict(zip(given, new))
    return [{**one, "weight": weight} for one, weight in zip(given, new)]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"next_weights": next_weights}
