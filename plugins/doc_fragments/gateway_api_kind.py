# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """Common options of the modules of the Gateway API's kinds (module_utils/_istio/kind_module.py: ARGUMENTS)."""

    DOCUMENTATION = r"""
options:
  state:
    description: Whether the resources should exist. With V(absent) only their names and namespaces are used.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the resource that the other options describe.
    type: str
  namespace:
    description: Namespace of the resource. With O(resources), the namespace of those that name none.
    type: str
    default: default
  labels:
    description: Labels of the resource. With O(resources), labels of all of them.
    type: dict
  annotations:
    description: Annotations of the resource. With O(resources), annotations of all of them.
    type: dict
  resources:
    description:
      - Several resources, instead of O(name). All are checked before the first one is written, and then written in
        parallel.
      - Each is a mapping of options of this module (C(name), C(namespace), C(labels), C(annotations) and those of the
        spec), or a Kubernetes manifest with C(metadata) and C(spec), as in the documentation of the Gateway API.
    type: list
    elements: dict
  api_version:
    description: API version of the resources, such as V(v1beta1). By default the newest version that the cluster
      serves.
    type: str
  validate:
    description:
      - V(offline) checks by the rules of the Gateway API that this collection knows. They need no cluster.
      - V(server) also has the API server judge each resource by a dry run, and writes nothing if it refuses one. In
        check mode that is always so.
    type: str
    choices: [offline, server]
    default: offline
  api_host:
    description:
      - URL of the API server, instead of the URL in the kubeconfig.
      - The environment variable E(K8S_AUTH_HOST) also sets it.
    type: str
notes:
  - The cluster needs the definitions (CRDs) of the Gateway API, standard channel. The fields are those of release
    v1.6.0, with which Istio 1.31 is built. An API server that has the definitions of an older release refuses what that
    release does not know.
attributes:
  check_mode:
    support: full
    details: The API server validates each change with a dry run. Without a cluster, all resources count as new.
  diff_mode:
    support: full
    details: Shows only what differs.
"""

    # Of the kinds that controllers answer in their status.
    WAITING = r"""
options:
  wait:
    description:
      - Wait until the controllers have accepted the resources as they are now. A Gateway has the conditions C(Accepted)
        and C(Programmed) then, a route has C(Accepted) and C(ResolvedRefs) for each of its parents.
      - A condition that is C(False) for 20 seconds, for a reason that does not go away by itself, ends the wait early.
        The message has reason and text of each condition that is not met.
      - Nothing is waited for with O(state=absent) and in check mode.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait.
    type: int
    default: 120
"""
