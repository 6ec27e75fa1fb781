#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: istio_operator
short_description: Installs, changes and removes a mesh by an IstioOperator spec
version_added: 0.1.0
description:
  - Renders the spec with istioctl on the controller, compares every object with the cluster, applies those that differ,
    deletes those that are no longer part of the spec, and waits until all are ready. The order is
    CustomResourceDefinitions, istiod, gateways.
  - Uses the field manager, the labels and the revision tag of istioctl. So C(istioctl install) with the same spec
    changes nothing afterwards, and the module changes nothing after C(istioctl install).
  - Fields that istiod sets, such as C(caBundle) and C(failurePolicy) of its webhooks, are not differences.
  - An unknown field of the spec or an unknown profile is refused before anything is written.
  - In check mode without a cluster all objects count as new, and without istioctl the whole mesh counts as new.
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
  # Before the next one, whose defaults are others.
  - bare.mesh.mesh
  - bare.mesh.waiting
options:
  src:
    description: File on the controller with an IstioOperator. O(spec) overrides its spec.
    type: path
  istioctl:
    description: Path of istioctl, or its name if it is in C($PATH).
    type: str
    default: istioctl
  state:
    description:
      - V(present) installs or changes the mesh.
      - V(absent) deletes the objects that this IstioOperator installed, except the CustomResourceDefinitions and the
        namespace, because their deletion would also delete objects of users.
      - V(rendered) only returns the objects. In check mode without istioctl it only checks the fields of the spec.
      - V(validated) does the same, and returns no objects.
    type: str
    choices: [present, absent, rendered, validated]
    default: present
  default_tag:
    description:
      - Point the revision tag C(default) to this revision, also if it points to another one, as C(istioctl tag set
        default --overwrite) does. Namespaces with the label C(istio-injection=enabled) then get their sidecars from
        this revision, and it validates resources without a revision. Running pods keep their sidecars.
      - Without it, the tag is set only where there is none, or where this is the default revision.
    type: bool
    default: false
    version_added: 0.2.0
  keep:
    description:
      - Objects that O(state=absent) leaves alone, in the form of RV(objects). After an upgrade, give those of the new
        revision. It has taken over the gateways, which in check mode are still the old one's.
    type: list
    elements: dict
    default: []
    version_added: 0.2.0
  compare_with:
    description:
      - Another mesh, to which O(state=rendered) compares this one. What it does not name is as in this one.
      - So another profile, or the istioctl of another release, shows what a change of it would bring, without a
        cluster. Labels that only name the version are left out.
    type: dict
    suboptions:
      profile: {description: Another profile., type: str}
      spec: {description: Another spec., type: dict}
      istioctl: {description: Path of another istioctl., type: str}
requirements:
  - istioctl of the version to install
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Install Istio with its default profile and access logs
  bare.mesh.istio_operator:
    profile: default
    spec:
      meshConfig:
        accessLogFile: /dev/stdout

- name: Show the objects of a profile
  bare.mesh.istio_operator:
    profile: ambient
    state: rendered
  register: ambient

- name: Show what the profile demo has besides the default profile
  bare.mesh.istio_operator:
    profile: demo
    state: rendered
    compare_with: {profile: default}
  register: demo

- name: Give all namespaces of the default revision to the new one, which is already installed
  bare.mesh.istio_operator:
    revision: 1-31-0
    default_tag: true
  register: new

- name: Remove the old revision, when no proxy uses it any more
  bare.mesh.istio_operator:
    revision: 1-29-1
    state: absent
    keep: "{{ new.objects }}"

- name: Remove the canary revision
  bare.mesh.istio_operator:
    revision: canary
    state: absent
"""

RETURN = r"""
istioctl_version:
  description: The version of istioctl, which is the version of the mesh. Empty with O(state=absent), and in check mode
    without istioctl.
  returned: success
  type: str
revision:
  description: The revision; V(default) for the default revision.
  returned: success
  type: str
namespace:
  description: The namespace of the control plane.
  returned: success
  type: str
objects:
  description: The objects of the mesh, also the deleted ones, and what happened to each of them.
  returned: when O(state) is V(present) or V(absent)
  type: list
  elements: dict
  contains:
    api_version:
      description: Its API version.
      type: str
    kind:
      description: Its kind.
      type: str
    namespace:
      description: Its namespace; empty for a cluster-wide object.
      type: str
    name:
      description: Its name.
      type: str
    action:
      description: V(created), V(updated), V(unchanged), V(deleted) or V(absent). In check mode, what would happen.
      type: str
differences:
  description: The objects that are different in O(compare_with).
  returned: with O(compare_with)
  type: list
  elements: dict
  contains:
    api_version: {description: Its API version., type: str}
    kind: {description: Its kind., type: str}
    namespace: {description: Its namespace; empty for a cluster-wide object., type: str}
    name: {description: Its name., type: str}
    action:
      description: V(created), V(updated) or V(deleted), which brings the other mesh to this one.
      type: str
    before: {description: 'In the other mesh, as YAML: what differs.', type: str}
    after: {description: 'In this mesh, as YAML: what differs.', type: str}
rendered:
  description: The objects as Kubernetes manifests.
  returned: when O(state=rendered)
  type: list
  elements: dict
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.schema import check
from ansible_collections.bare.mesh.plugins.module_utils._istio import installer
from ansible_collections.bare.mesh.plugins.module_utils._istio.comparison import differences
from ansible_collections.bare.mesh.plugins.module_utils._istio.istioctl import REFERENCE, Istioctl
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas.operator import DEFINITIONS, ROOT
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.change import Change, outcome
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import connect, run
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import key, load_yaml, read_file

# Seconds to wait for the CA in the webhooks. After that the run continues, for example if the CA comes from another
# source.
CA_PATIENCE = 20

AUTOSCALER = "HorizontalPodAutoscaler"
STATES = ["present", "absent", "rendered", "validated"]
ARGUMENTS: dict[str, Any] = {
    **installer.MESH,
    "src": {"type": "path"},
    "istioctl": {"type": "str", "default": "istioctl"},
    "state": {"type": "str", "choices": STATES, "default": "present"},
    "default_tag": {"type": "bool", "default": False},
    "keep": {"type": "list", "elements": "dict", "default": []},
    "compare_with": {
        "type": "dict",
        "options": {"profile": {"type": "str"}, "spec": {"type": "dict"}, "istioctl": {"type": "str"}},
    },
}


def source(path: str | None) -> dict[str, Any]:
    """The IstioOperator of a file; empty without a file. Raises Failure if the file has anything else."""
    if not path:
        return {}
    documents = read_file(path)
    if len(documents) != 1 or not isinstance(documents[0], dict) or documents[0].get("kind") != "IstioOperator":
        raise Failure(f"{path} must contain exactly one IstioOperator")
    return documents[0]


def validate(spec: dict[str, Any]) -> None:
    """Raise Failure for unknown fields.

    istioctl checks them too, but not those of meshConfig, and it may not be installed yet.
    """
    faults = [f"{path}: {message}" for path, message in check(spec, ROOT, DEFINITIONS, "spec", aliases=True)]
    if faults:
        raise Failure(f"the IstioOperator spec is not valid: {'; '.join(faults)}. Reference: {REFERENCE}")


def render(istioctl: Istioctl, iop: dict[str, Any], client: Client | None) -> tuple[str, str]:
    """The version of istioctl, and the objects of the mesh as YAML. Raises Failure if istioctl refuses the spec."""
    with ThreadPoolExecutor(2) as pool:
        version = pool.submit(istioctl.version)
        text = pool.submit(istioctl.render, iop, client).result()
        return version.result(), text


def wanted(istioctl: Istioctl, iop: dict[str, Any], client: Client | None) -> tuple[str, list[dict[str, Any]]]:
    """The version of istioctl, and the objects of the mesh with the labels of istioctl."""
    version, text = render(istioctl, iop, client)
    return version, installer.owned(load_yaml(text, "istioctl's output"), installer.owner_labels(iop, version))


def valid(istioctl: Istioctl, iop: dict[str, Any]) -> dict[str, Any]:
    """The result of state=validated. What istioctl renders, a megabyte of YAML, is not parsed for it."""
    version, _text = render(istioctl, iop, None)
    return {"istioctl_version": version}


def rendered(module: AnsibleModule, istioctl: Istioctl, iop: dict[str, Any]) -> dict[str, Any]:
    """The result of state=rendered."""
    version, objects = wanted(istioctl, iop, None)
    differing = {"differences": compare(module, objects)} if module.params["compare_with"] else {}
    return {"istioctl_version": version, "rendered": objects, **differing}


def compare(module: AnsibleModule, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The differences of the objects from those of the other mesh. Raises Failure if that is not valid."""
    named = {name: value for name, value in module.params["compare_with"].items() if value is not None}
    other = {**module.params, **named}
    iop = installer.operator(source(other["src"]), other)
    validate(iop["spec"])
    return differences(wanted(Istioctl(module, other["istioctl"]), iop, None)[1], objects)


def with_tag(
    istioctl: Istioctl,
    iop: dict[str, Any],
    version: str,
    objects: list[dict[str, Any]],
    client: Client | None,
    wanted: bool,
) -> list[dict[str, Any]]:
    """Add the objects of the revision tag `default`: namespaces with istio-injection=enabled then use this revision."""
    webhook = installer.canonical_webhook(objects)
    selector = {"labelSelector": "app=sidecar-injector,istio.io/tag=default"}
    path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    exists = bool(client and next(client.pages(path, selector), None))
    if webhook is None or not installer.tag_needed(iop["spec"], exists, wanted):
        return objects
    rendered = istioctl.revision_tag(installer.tag_settings(iop["spec"], webhook))
    labels = installer.owner_labels(iop, version)
    tag = installer.tag_objects(rendered, webhook, labels, installer.namespace_of(iop["spec"]))
    if not installer.revision_of(iop["spec"]):
        objects = [installer.deactivated(one) if one is webhook else one for one in objects]
    return objects + tag


def brought(engine: Engine, iop: dict[str, Any]) -> list[dict[str, Any]]:
    """The live objects that go with this IstioOperator: with the last revision also the base that all of them share."""
    revision = installer.revision_of(iop["spec"]) or "default"
    found = leftovers(engine, iop, []) + find_revision_tags(engine.client, revision)
    if has_other_revisions(engine.client, revision):
        return [one for one in found if installer.component_of(one) != "Base"]
    # The base has the label of the revision that was there first.
    known = {key(one) for one in found}
    return found + [one for one in leftovers(engine, iop, [], base=True) if key(one) not in known]


def leftovers(
    engine: Engine, iop: dict[str, Any], keep: list[dict[str, Any]], base: bool = False
) -> list[dict[str, Any]]:
    """The live objects that this IstioOperator installed and that are not among those to keep.

    base: only those of the base, of any revision.
    """
    client = engine.client
    if client is None:
        return []
    kept = {key(one) for one in keep}
    selector = {"labelSelector": installer.prune_selector(installer.owner_labels(iop, ""), base)}
    paths = [engine.kinds.collection(api_version, kind) for api_version, kind in installer.PRUNED]
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda path: list(client.pages(path, selector)), paths)
    named = bool(iop["metadata"].get("name"))
    return [one for part in found for one in part if key(one) not in kept and installer.prunable(one, named)]


def apply(engine: Engine, iop: dict[str, Any], objects: list[dict[str, Any]]) -> list[Change]:
    """Apply the objects of the mesh, group by group. The namespace is created if it does not exist."""
    namespace = installer.namespace_of(iop["spec"])
    prepared = engine.prepare(objects)
    home = engine.prepare(
        [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, **network_label(iop["spec"])}}]
    )
    live = engine.read(prepared + home)
    # An existing namespace belongs to the user, so its labels are not changed.
    done = [] if key(home[0]) in live else engine.write(home, live)
    for group in installer.groups(prepared):
        changes = engine.write(group, live)
        done += changes
        if engine.client and engine.wait and not engine.check:
            wait_for_ca_bundle(engine.client, engine, [change.desired for change in changes if change.changed])
    return done


def wait_for_ca_bundle(client: Client, engine: Engine, changed: list[dict[str, Any]]) -> None:
    """Wait until istiod has written its CA into new injection webhooks.

    Without it, the pods of gateways are refused at first.
    """
    deadline = time.monotonic() + CA_PATIENCE
    for one in changed:
        while one["kind"] == "MutatingWebhookConfiguration" and time.monotonic() < deadline:
            live = client.get(engine.kinds.path(one)) or {}
            if all(hook["clientConfig"].get("caBundle") for hook in live.get("webhooks") or []):
                break
            time.sleep(0.2)


def network_label(spec: dict[str, Any]) -> dict[str, Any]:
    """The label of the namespace with the network of the mesh, if the spec names one."""
    network = ((spec.get("values") or {}).get("global") or {}).get("network")
    return {"labels": {"topology.istio.io/network": network}} if network else {}


def without_istioctl(module: AnsibleModule, result: dict[str, Any], iop: dict[str, Any]) -> dict[str, Any]:
    """The result of check mode without istioctl."""
    plan = f"Istio with the profile {iop['spec'].get('profile') or 'default'} in the namespace {result['namespace']}"
    module.warn(f"istioctl is not at {module.params['istioctl']} yet, so the whole mesh counts as new")
    return {
        **result,
        "changed": True,
        "objects": [],
        "istioctl_version": "",
        "diff": {"before": "", "after": f"{plan}\n"},
    }


def work(module: AnsibleModule) -> dict[str, Any]:
    """Bring the mesh to the state.

    Raises Failure if the spec is not valid, an object is refused or not ready in time.
    """
    params = module.params
    iop = installer.operator(source(params["src"]), params)
    result: dict[str, Any] = {
        "changed": False,
        "revision": installer.revision_of(iop["spec"]) or "default",
        "namespace": installer.namespace_of(iop["spec"]),
    }
    validate(iop["spec"])
    if params["compare_with"] and params["state"] != "rendered":
        raise Failure("compare_with is for state=rendered, which changes nothing: set that, or leave compare_with out")
    istioctl = Istioctl(module, params["istioctl"])
    if params["state"] in ("rendered", "validated"):
        if istioctl.program or not module.check_mode:
            return result | (rendered(module, istioctl, iop) if params["state"] == "rendered" else valid(istioctl, iop))
        module.warn(f"istioctl is not at {params['istioctl']} yet, so nothing is rendered")
        return result | {"istioctl_version": ""} | ({"rendered": []} if params["state"] == "rendered" else {})
    client = connect(
        module, "all of the mesh counts as new" if params["state"] == "present" else "there is nothing to remove"
    )
    engine = Engine(
        client,
        installer.MANAGER,
        check=module.check_mode,
        validation="Warn",
        wait=params["wait"],
        timeout=params["wait_timeout"],
        adapt=installer.adapt,
        adopt=False,
    )
    if params["state"] == "absent":
        changes = engine.absent(installer.left_alone(brought(engine, iop), params["keep"]), "Foreground")
        return {**result, "istioctl_version": "", **outcome(changes, module._diff)}
    refuse_helm(client, result["namespace"], result["revision"])
    if not istioctl.program and module.check_mode:
        return without_istioctl(module, result, iop)
    version, objects = wanted(istioctl, iop, client)
    objects = with_tag(istioctl, iop, version, objects, client, params["default_tag"])
    stale = leftovers(engine, iop, objects)
    # An autoscaler that goes would first undo the number of pods that is written.
    changes = engine.absent([one for one in stale if one["kind"] == AUTOSCALER], "Foreground")
    changes += apply(engine, iop, objects)
    changes += engine.absent([one for one in stale if one["kind"] != AUTOSCALER], "Foreground")
    return {**result, "istioctl_version": version, **outcome(changes, module._diff)}


def refuse_helm(client: Client | None, namespace: str, revision: str) -> None:
    """Raise Failure if a Helm release has istiod: two installers would undo each other's changes, run after run."""
    selector = {"labelSelector": f"app=istiod,{installer.REVISION}={revision}"}
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    for one in client.pages(path, selector) if client else ():
        release = (one["metadata"].get("annotations") or {}).get("meta.helm.sh/release-name")
        if release:
            raise Failure(
                f"the mesh in {namespace} belongs to Helm, whose release {release} has {one['metadata']['name']}:"
                " nothing was changed. Go on with Helm (istio_method=helm of the role istio), or remove its releases"
                " first, with helm uninstall"
            )


def has_other_revisions(client: Client | None, revision: str) -> bool:
    """Whether another revision exists, which needs the base that all revisions share."""
    selector = {"labelSelector": f"app=istiod,{installer.REVISION}!={revision}"}
    return client is not None and next(client.pages("/apis/apps/v1/deployments", selector), None) is not None


def find_revision_tags(client: Client | None, revision: str) -> list[dict[str, Any]]:
    """The objects of the revision tags that this module or istioctl created for this revision."""
    if client is None:
        return []
    selector = {"labelSelector": f"{installer.REVISION}={revision},{installer.TAG},{installer.NOT_PRUNED}=true"}
    base = "/apis/admissionregistration.k8s.io/v1"
    paths = [f"{base}/mutatingwebhookconfigurations", f"{base}/validatingwebhookconfigurations", "/api/v1/services"]
    return [one for path in paths for one in client.pages(path, selector)]


def main() -> None:
    run(work, ARGUMENTS)


if __name__ == "__main__":
    main()
