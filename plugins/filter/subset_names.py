# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: subset_names
short_description: Names of the subsets of DestinationRules
version_added: 0.2.0
description:
  - The names of the subsets, in the order of the manifests, each once.
  - Other kinds in the list are passed over.
positional: _input
options:
  _input:
    description: A DestinationRule as a manifest, or a list of manifests, such as M(bare.mesh.k8s_info) returns.
    type: raw
    required: true
  host:
    description: Only the subsets of this host. Istio reads a name without a dot as a service in the namespace of the
      DestinationRule, so V(reviews) is the same as V(reviews.bookinfo.svc.cluster.local) there.
    type: str
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Read the rules
  bare.mesh.k8s_info:
    kind: DestinationRule
    api_version: networking.istio.io/v1
    namespace: bookinfo
  register: rules

- name: Refuse a version that is no subset
  ansible.builtin.assert:
    that: version in rules.resources | bare.mesh.subset_names(host='reviews')
"""

RETURN = r"""
_value:
  description: Names of the subsets. Empty if there are none.
  type: list
  elements: str
  sample: [v1, v2, v3]
"""

from typing import Any

from ansible.errors import AnsibleFilterError


def _full(host: Any, namespace: Any) -> str:
    """A host as Istio reads it in a namespace."""
    text = str(host)
    return text if "." in text or not namespace else f"{text}.{namespace}.svc.cluster.local"


def _fits(rule: dict[str, Any], host: str | None) -> bool:
    namespace = (rule.get("metadata") or {}).get("namespace")
    return host is None or _full((rule.get("spec") or {}).get("host"), namespace) == _full(host, namespace)


def subset_names(rules: dict[str, Any] | list[dict[str, Any]], host: str | None = None) -> list[str]:
    """The names of the subsets; raises for what is no manifest."""
    given = [rules] if isinstance(rules, dict) else rules
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise AnsibleFilterError(
            "subset_names needs a DestinationRule as a manifest, or a list of manifests: give it the resources that"
            " k8s_info has read"
        )
    names = [
        subset["name"]
        for rule in given
        if rule.get("kind") == "DestinationRule" and _fits(rule, host)
        for subset in (rule.get("spec") or {}).get("subsets") or []
    ]
    return list(dict.fromkeys(names))


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"subset_names": subset_names}
