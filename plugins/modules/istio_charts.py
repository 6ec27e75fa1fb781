#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: istio_charts
short_description: Installs, changes and removes a mesh as Helm releases of Istio's charts
version_added: 0.2.0
description:
  - Turns the spec of an IstioOperator into values of Istio's charts C(base), C(istiod), C(cni), C(ztunnel) and
    C(gateway), and installs them as Helm releases, in this order. C(helm list) shows them.
  - A release whose charts render what the release has stored, and whose objects in the cluster are so, is not upgraded,
    so it gets no new revision. What somebody has changed in the cluster is an upgrade.
  - A mesh that M(bare.mesh.istio_operator) or C(istioctl install) made is taken over. What the charts do not have is
    removed from it.
  - Releases of an earlier run that the spec no longer asks for are uninstalled.
  - A release that a killed run has left pending is written anew, two minutes after that run began it. Until then, the
    module waits. A pending release of somebody else is an error.
  - Fields that istiod sets, such as C(caBundle) and C(failurePolicy) of its webhooks, are not differences.
  - What the charts have no value for is refused before anything is written.
  - In check mode without a cluster all objects count as new, and without helm or the charts the whole mesh counts as
    new.
  - Values and the connection reach helm by standard input and by a temporary file that only its owner may read.
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
  # Before the next one, whose defaults are others.
  - bare.mesh.mesh
  - bare.mesh.waiting
options:
  version:
    description: Version of the charts, which is the version of the mesh.
    type: str
    required: true
  charts:
    description: Directory on the controller with the archives C(base-VERSION.tgz), C(istiod-VERSION.tgz) and so on.
      M(bare.mesh.helm_charts) downloads them.
    type: path
    required: true
  helm:
    description: Path of helm, or its name if it is in C($PATH).
    type: str
    default: helm
  state:
    description:
      - V(present) installs or changes the mesh.
      - V(absent) uninstalls the releases of the mesh of this namespace and revision. The releases C(istio-base) and
        C(istio-cni) stay while another revision needs them. The CustomResourceDefinitions and the namespace stay.
      - V(rendered) only returns the objects. In check mode without helm or the charts it only checks the spec.
      - V(validated) does the same, and returns no objects.
    type: str
    choices: [present, absent, rendered, validated]
    default: present
requirements:
  - Helm 4
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Install Istio with its default profile and access logs
  bare.mesh.istio_charts:
    version: 1.31.0
    charts: ~/.cache/bare_mesh/charts
    spec:
      meshConfig:
        accessLogFile: /dev/stdout

- name: Remove it
  bare.mesh.istio_charts:
    version: 1.31.0
    charts: ~/.cache/bare_mesh/charts
    state: absent
"""

RETURN = r"""
revision:
  description: The revision; V(default) for the default revision.
  returned: success
  type: str
namespace:
  description: The namespace of the control plane.
  returned: success
  type: str
releases:
  description: The Helm releases, also the uninstalled ones, and what happened to each of them.
  returned: when O(state) is V(present) or V(absent)
  type: list
  elements: dict
  contains:
    name: {description: Its name., type: str}
    namespace: {description: Its namespace., type: str}
    chart: {description: Its chart., type: str}
    action:
      description: V(installed), V(upgraded), V(unchanged) or V(uninstalled). In check mode, what would happen.
      type: str
objects:
  description: The objects of the mesh, also the deleted ones, and what happened to each of them.
  returned: when O(state) is V(present) or V(absent)
  type: list
  elements: dict
  contains:
    api_version: {description: Its API version., type: str}
    kind: {description: Its kind., type: str}
    namespace: {description: Its namespace; empty for a cluster-wide object., type: str}
    name: {description: Its name., type: str}
    action:
      description: V(created), V(updated), V(unchanged), V(deleted) or V(absent). In check mode, what would happen.
      type: str
rendered:
  description: The objects as Kubernetes manifests.
  returned: when O(state=rendered)
  type: list
  elements: dict
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.schema import check
from ansible_collections.bare.mesh.plugins.module_utils._istio import charts, installer, releases
from ansible_collections.bare.mesh.plugins.module_utils._istio.helm import Helm
from ansible_collections.bare.mesh.plugins.module_utils._istio.istioctl import REFERENCE
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas.operator import DEFINITIONS, ROOT
from ansible_collections.bare.mesh.plugins.module_utils._k8s.change import outcome
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, run

ARGUMENTS: dict[str, Any] = {
    **installer.MESH,
    "version": {"type": "str", "required": True},
    "charts": {"type": "path", "required": True},
    "helm": {"type": "str", "default": "helm"},
    "state": {"type": "str", "choices": ["present", "absent", "rendered", "validated"], "default": "present"},
}


def wanted(spec: dict[str, Any], default_revision: str | None = None) -> list[charts.Release]:
    """The releases of the spec. Raises Failure for unknown fields and for what charts cannot express."""
    faults = [f"{path}: {message}" for path, message in check(spec, ROOT, DEFINITIONS, "spec", aliases=True)]
    if faults:
        raise Failure(f"the IstioOperator spec is not valid: {'; '.join(faults)}. Reference: {REFERENCE}")
    try:
        return charts.releases(charts.complete(spec, ""), installer.namespace_of(spec), default_revision)
    except charts.Unsupported as error:
        raise Failure("\n".join(f"{one.where} {one.what}. {one.fix}." for one in error.args)) from error


def chart_paths(params: dict[str, Any], names: set[str], check_mode: bool) -> dict[str, str] | None:
    """The archive of each chart; None if some are missing in check mode. Raises Failure if some are missing."""
    paths = {name: os.path.join(params["charts"], f"{name}-{params['version']}.tgz") for name in sorted(names)}
    missing = [path for path in paths.values() if not os.path.exists(path)]
    if missing and not check_mode:
        raise Failure(f"there is no {' and no '.join(missing)}: download the charts (bare.mesh.helm_charts does)")
    return None if missing else paths


def work(module: AnsibleModule) -> dict[str, Any]:
    """Bring the releases to the state.

    Raises Failure if the spec is not valid, a release fails or an object is not ready in time.
    """
    params = module.params
    spec = installer.operator({}, params)["spec"]
    namespace, revision = installer.namespace_of(spec), installer.revision_of(spec)
    result: dict[str, Any] = {"changed": False, "revision": revision or "default", "namespace": namespace}
    helm = Helm(module, params["helm"])
    asked = wanted(spec)
    names = {one.chart for one in asked}
    if params["state"] in ("rendered", "validated"):
        paths = chart_paths(params, names, module.check_mode)
        if module.check_mode and not (helm.program and paths):
            module.warn("helm or the charts are not there yet, so nothing is rendered")
            return {**result, "rendered": []} if params["state"] == "rendered" else result
        helm.check()
        rendered = [one for each in asked for one in helm.template(each, (paths or {})[each.chart], "", False)]
        return {**result, "rendered": rendered} if params["state"] == "rendered" else result
    absent = params["state"] == "absent"
    client = connect(module, "there is nothing to remove" if absent else "all of the mesh counts as new")
    mesh = releases.Mesh(module, client, helm, spec)
    if absent:
        helm.check()
        mesh.read([])
        mesh.uninstall(mesh.stale([]))
    else:
        paths = chart_paths(params, names, module.check_mode)
        if module.check_mode and not (helm.program and paths):
            module.warn("helm or the charts are not there yet, so the whole mesh counts as new")
            after = "".join(f"release {one.name} of {one.chart} in {one.namespace}\n" for one in asked)
            return {**result, "changed": True, "releases": [], "objects": [], "diff": {"before": "", "after": after}}
        helm.check()
        mesh.read(asked)
        mesh.present(wanted(spec, mesh.default_revision()), paths or {})
    answer = outcome(mesh.changes, module._diff)
    answer["changed"] = answer["changed"] or any(one["action"] != "unchanged" for one in mesh.done)
    return {**result, **answer, "releases": mesh.done}


def main() -> None:
    run(work, ARGUMENTS)


if __name__ == "__main__":
    main()
