# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """What the modules of the Gateway API's kinds say otherwise than those of Istio's. It comes before istio_kind."""

    DOCUMENTATION = r"""
options:
  resources:
    description:
      - Several resources, instead of O(name). All are checked before the first one is written, and then written in
        parallel.
      - Each is a mapping of options of this module (C(name), C(namespace), C(labels), C(annotations) and those of the
        spec), or a Kubernetes manifest with C(metadata) and C(spec), as in the documentation of the Gateway API.
  validate:
    description:
      - V(offline) checks by the rules of the Gateway API that this collection knows. They need no cluster.
      - V(server) also has the API server judge each resource by a dry run, and writes nothing if it refuses one. In
        check mode that is always so.
  api_host:
    description:
      - URL of the API server, instead of the URL in the kubeconfig.
      - The environment variable E(K8S_AUTH_HOST) also sets it.
notes:
  - The cluster needs the definitions (CRDs) of the Gateway API, standard channel. The fields are those of release
    v1.6.0, with which Istio 1.31 is built. An API server that has the definitions of an older release refuses what that
    release does not know.
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
