# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings the Helm releases of a mesh to what they should be.

What would happen is found out first, by the engine and without writing; then helm does it. So check mode and the real
run say the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._istio import helm as helm_program
from ansible_collections.bare.mesh.plugins.module_utils._istio import installer, takeover
from ansible_collections.bare.mesh.plugins.module_utils._istio.charts import Release
from ansible_collections.bare.mesh.plugins.module_utils._istio.helm import Helm, Objects, Stored, marked
from ansible_collections.bare.mesh.plugins.module_utils._istio.istioctl import kubeconfig
from ansible_collections.bare.mesh.plugins.module_utils._istio.program import TIMEOUT
from ansible_collections.bare.mesh.plugins.module_utils._k8s.apply import Engine
from ansible_collections.bare.mesh.plugins.module_utils._k8s.change import Change
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import key
from ansible_collections.bare.mesh.plugins.module_utils._k8s.waiter import wait_ready

SHARED_CHARTS = ("base", "cni", "ztunnel")
# Seconds to wait for the CA in the webhooks. After that the run continues, for example if the CA comes from another
# source.
CA_PATIENCE = 20


def adapt(desired: dict[str, Any], live: dict[str, Any]) -> dict[str, Any]:
    """Keep the failurePolicy that istiod sets when it can validate."""
    if desired["kind"] != "ValidatingWebhookConfiguration":
        return desired
    validating = {one["name"] for one in live.get("webhooks") or [] if one.get("failurePolicy") == "Fail"}
    entries = [
        {**one, "failurePolicy": "Fail"} if one["name"] in validating and one.get("failurePolicy") == "Ignore" else one
        for one in desired["webhooks"]
    ]
    return {**desired, "webhooks": entries}


@dataclass
class Plan:
    """What is to be done with one release."""

    release: Release
    archive: str
    action: str
    objects: Objects
    live: Objects


class Mesh:
    """The releases of the mesh of one namespace and revision."""

    def __init__(self, module: AnsibleModule, client: Client | None, helm: Helm, spec: dict[str, Any]) -> None:
        self.module, self.client, self.helm, self.spec = module, client, helm, spec
        self.namespace, self.revision = installer.namespace_of(spec), installer.revision_of(spec) or "default"
        self.changes: list[Change] = []
        self.done: list[dict[str, str]] = []
        self.stored: dict[tuple[str, str], Stored] = {}
        # helm writes; this engine only looks.
        self.looking = self._engine(True)
        self.writing = self._engine(module.check_mode)

    def _engine(self, check: bool) -> Engine:
        params = self.module.params
        return Engine(
            self.client,
            helm_program.MANAGER,
            check=check,
            validation="Warn",
            wait=params["wait"],
            timeout=params["wait_timeout"],
            adapt=adapt,
            adopt=False,
        )

    def read(self, wanted: list[Release]) -> None:
        """Read what the cluster has of these releases, and of those of earlier runs.

        What a killed helm has left pending is removed, once no helm of this module can still be writing it. Raises
        Failure for a pending release of somebody else.
        """
        names = [one.name for one in wanted]
        while True:
            self.stored = helm_program.stored(self.client, names, self.namespace)
            stuck = [one for one in self.stored.values() if one.is_pending()]
            young = [one for one in stuck if one.age() < TIMEOUT]
            if not young or self.module.check_mode:
                break
            time.sleep(2)
        foreign = [one for one in stuck if helm_program.NAMESPACE not in one.labels]
        if foreign:
            raise Failure("; ".join(helm_program.unlocking(one) for one in foreign))
        for one in stuck:
            self.module.warn(
                f"revision {one.version} of the release {one.name} was left {one.status}: it is written anew"
            )
            if self.client and not self.module.check_mode:
                self.client.delete(f"/api/v1/namespaces/{one.namespace}/secrets/{one.secret}")
        if stuck:
            without = tuple(one.secret for one in stuck)
            self.stored = helm_program.stored(self.client, names, self.namespace, without)

    def default_revision(self) -> str | None:
        """The revision that the base of the mesh has as default, if that is another one and is there."""
        base = self.stored.get((self.namespace, "istio-base"))
        first = str((base.config if base else {}).get("defaultRevision") or "")
        others = {one.labels.get(helm_program.REVISION) for one in self.stored.values()}
        return first if first != self.revision and first in others else None

    def labels(self, release: Release) -> dict[str, str]:
        revision = helm_program.SHARED if release.chart in SHARED_CHARTS else self.revision
        return {helm_program.NAMESPACE: self.namespace, helm_program.REVISION: revision}

    def present(self, wanted: list[Release], archives: dict[str, str]) -> None:
        """Install and upgrade what differs, then remove what is no longer asked for."""
        places = [(one.namespace, one.name) for one in wanted]
        kubernetes = ""
        if self.client:
            kubernetes = str((self.client.get("/version") or {}).get("gitVersion", ""))
        self._create_namespaces(wanted)
        plans = [self._plan(one, archives[one.chart], kubernetes) for one in wanted]
        kept = [one for plan in plans for one in plan.objects]
        for plan in plans:
            if plan.action != "unchanged" and not self.module.check_mode:
                takeover.hand_over(self.writing, plan.live)
                with kubeconfig(self.client) as config:
                    self.helm.upgrade(plan.release, plan.archive, config, self.labels(plan.release))
            self._wait(plan)
            self._record(plan.release.name, plan.release.namespace, plan.release.chart, plan.action)
        self.uninstall(self.stale(places))
        rest = takeover.leftovers(self.writing, self.spec, kept)
        self.changes += self.writing.absent(rest, "Foreground")

    def _record(self, name: str, namespace: str, chart: str, action: str) -> None:
        self.done.append({"name": name, "namespace": namespace, "chart": chart, "action": action})

    def _create_namespaces(self, wanted: list[Release]) -> None:
        """Existing namespaces belong to the user, so nothing in them is changed."""
        network = ((self.spec.get("values") or {}).get("global") or {}).get("network")
        homes: Objects = []
        for name in dict.fromkeys([self.namespace, *(one.namespace for one in wanted)]):
            labels = {"labels": {"topology.istio.io/network": network}} if network and name == self.namespace else {}
            homes.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **labels}})
        homes = self.writing.prepare(homes)
        live = self.writing.read(homes)
        self.changes += self.writing.write([one for one in homes if key(one) not in live], live)

    def _plan(self, release: Release, archive: str, kubernetes: str) -> Plan:
        """What would happen to the release. Adds the changes of its objects."""
        there = self.stored.get((release.namespace, release.name))
        # The charts render an upgrade a bit differently, and the first revision was no upgrade.
        upgraded = bool(there and there.version > 1)
        rendered = self.helm.template(release, archive, kubernetes, upgraded)
        changes, live = self._compare(rendered, release)
        gone: Objects = []
        action = "installed"
        if there:
            as_stored = {key(one): one for one in there.objects} == {key(one): one for one in rendered}
            mine = all(there.labels.get(name) == value for name, value in self.labels(release).items())
            right = as_stored and mine and there.status == "deployed"
            action = "unchanged" if right and not any(one.changed for one in changes) else "upgraded"
            if action == "upgraded" and not upgraded:
                rendered = self.helm.template(release, archive, kubernetes, True)
                changes, live = self._compare(rendered, release)
            names = {key(one) for one in rendered}
            gone = [one for one in there.removable() if key(one) not in names]
        self.changes += changes + (self.looking.absent(gone) if gone else [])
        return Plan(release, archive, action, self.looking.prepare(rendered), live)

    def _compare(self, rendered: Objects, release: Release) -> tuple[list[Change], Objects]:
        """The changes that helm would make to the objects, and the live ones among them."""
        objects = self.looking.prepare([marked(one, release.name, release.namespace) for one in rendered])
        live = self.looking.read(objects)
        changes = self.looking.write(objects, live)
        for change in changes:
            if change.action == "unchanged" and change.before and takeover.handed_over(change.before) is not None:
                change.action = "updated"
        return changes, list(live.values())

    def _wait(self, plan: Plan) -> None:
        """Wait until the objects of a release are ready: gateways need the injection of istiod."""
        client = self.client
        if client is None or self.module.check_mode or not self.module.params["wait"]:
            return
        wait_ready(client, self.writing.kinds, plan.objects, {}, self.module.params["wait_timeout"])
        deadline = time.monotonic() + CA_PATIENCE
        hooks = [one for one in plan.objects if one["kind"] == "MutatingWebhookConfiguration"]
        for one in hooks if plan.action != "unchanged" else []:
            while time.monotonic() < deadline:
                live = client.get(self.writing.kinds.path(one)) or {}
                if all(hook["clientConfig"].get("caBundle") for hook in live.get("webhooks") or []):
                    break
                time.sleep(0.2)

    def stale(self, wanted: list[tuple[str, str]]) -> list[Stored]:
        """The releases of earlier runs that are not wanted, those first that need the others."""
        mine = [one for one in self.stored.values() if one.labels.get(helm_program.NAMESPACE) == self.namespace]
        revisions = {one.labels.get(helm_program.REVISION) for one in mine} - {helm_program.SHARED}
        # base, cni and ztunnel are also those of other revisions.
        owned = {self.revision} if revisions - {self.revision} else {self.revision, helm_program.SHARED}
        order = ("gateway", "ztunnel", "cni", "istiod", "base")
        found = [
            one
            for one in mine
            if one.labels.get(helm_program.REVISION) in owned and (one.namespace, one.name) not in wanted
        ]
        return sorted(found, key=lambda one: order.index(one.chart) if one.chart in order else -1)

    def uninstall(self, unwanted: list[Stored]) -> None:
        for one in unwanted:
            self.changes += self.looking.absent(one.removable())
            if not self.module.check_mode:
                with kubeconfig(self.client) as config:
                    self.helm.uninstall(one.name, one.namespace, config, self.module.params["wait"])
            self._record(one.name, one.namespace, one.chart, "uninstalled")
