# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """What the modules of Istio's kinds have in common (module_utils/_istio/kind_module.py: ARGUMENTS)."""

    DOCUMENTATION = r"""
options:
  state:
    description: Whether the resources shall be there. With V(absent) only names and namespaces count.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the one resource that the other options describe.
    type: str
  namespace:
    description: Namespace of the resource; with O(resources), of those that name none.
    type: str
    default: default
  labels:
    description: Labels of the resource; with O(resources), of all of them.
    type: dict
  annotations:
    description: Annotations of the resource; with O(resources), of all of them.
    type: dict
  resources:
    description:
      - Several resources, instead of O(name). All are checked before the first one is written, and written several at once.
      - Each is a mapping of this module's options (C(name), C(namespace), C(labels), C(annotations) and those of the spec),
        or has Kubernetes' own form with C(metadata) and C(spec), as in Istio's documentation.
    type: list
    elements: dict
  api_version:
    description: API version of the resources, such as V(v1beta1). By default the newest that the cluster serves.
    type: str
  api_host:
    description:
      - URL of the API server, instead of a kubeconfig's. It has no second name here, for C(host) is a field of some kinds.
      - The environment variable E(K8S_AUTH_HOST) sets it, too.
    type: str
attributes:
  check_mode:
    support: full
    details: The API server validates each change with a dry run. Without a cluster, all resources count as new.
  diff_mode:
    support: full
    details: Shows only what differs.
"""
