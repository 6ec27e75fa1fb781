# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """What a mesh is, for the modules that install one (module_utils/_istio/installer.py: MESH)."""

    DOCUMENTATION = r"""
options:
  spec:
    description:
      - The spec of an IstioOperator.
      - Reference U(https://istio.io/latest/docs/reference/config/istio.operator.v1alpha1/).
    type: dict
    default: {}
  profile:
    description: Profile on which the spec is based. Overrides C(spec.profile).
    type: str
  revision:
    description: Revision of the control plane. Overrides C(spec.revision). Empty for the default revision.
    type: str
  hub:
    description: Registry and path of Istio's images. Overrides C(spec.hub).
    type: str
  tag:
    description: Tag of Istio's images. Overrides C(spec.tag).
    type: str
  namespace:
    description: Namespace of the control plane. Overrides C(spec.values.global.istioNamespace). It is created if it
      does not exist.
    type: str
  wait:
    default: true
  wait_timeout:
    default: 600
attributes:
  check_mode:
    support: full
    details: The API server validates each change with a dry run.
  diff_mode:
    support: full
    details: Shows only what differs.
"""
