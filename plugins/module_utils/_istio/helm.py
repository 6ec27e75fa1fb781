# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs helm on the controller, and reads what it has stored of releases in the cluster.

The form of stored releases: https://helm.sh/docs/topics/advanced/#storage-backends
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import zlib
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, ClassVar

from ansible_collections.bare.mesh.plugins.module_utils._istio.charts import Release
from ansible_collections.bare.mesh.plugins.module_utils._istio.program import TIMEOUT, Program
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import load_yaml

# The field manager of the program helm 4.
MANAGER = "helm"
# The labels of a stored release by which the next run knows it again. All revisions share base, cni and ztunnel.
NAMESPACE, REVISION, SHARED = "bare.mesh/istio-namespace", "bare.mesh/istio-revision", "shared"
KEEP = ("helm.sh/resource-policy", "keep")
# Revisions of a release that are kept.
HISTORY = 10

Objects = list[dict[str, Any]]


@dataclass
class Stored:
    """The newest revision of a release in the cluster."""

    name: str
    namespace: str
    chart: str
    version: int
    status: str
    config: dict[str, Any]
    labels: dict[str, str]
    objects: Objects
    # The name of the Secret, and when it was made.
    secret: str
    written: str

    def is_pending(self) -> bool:
        """Whether a helm writes it, or did when it was killed."""
        return self.status.startswith("pending")

    def age(self) -> float:
        """Seconds since this revision was begun."""
        began = datetime.fromisoformat(self.written.replace("Z", "+00:00"))
        return (datetime.now(timezone.utc) - began).total_seconds()

    def removable(self) -> Objects:
        """The objects that helm deletes with the release."""
        name, keep = KEEP
        return [one for one in self.objects if (one["metadata"].get("annotations") or {}).get(name) != keep]


def decoded(secret: dict[str, Any]) -> Stored:
    """The release of a Secret. Raises Failure if that has none."""
    meta = secret["metadata"]
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        release = json.loads(gzip.decompress(packed))
        info, chart = release["info"]["status"], release["chart"]["metadata"]["name"]
        return Stored(
            name=release["name"],
            namespace=meta["namespace"],
            chart=chart,
            version=int(release["version"]),
            status=info,
            config=release.get("config") or {},
            labels=meta.get("labels") or {},
            objects=load_yaml(release["manifest"], f"the manifest of the release {release['name']}"),
            secret=meta["name"],
            written=meta["creationTimestamp"],
        )
    except (KeyError, TypeError, ValueError, OSError, EOFError, zlib.error) as error:
        raise Failure(
            f"the Secret {meta['namespace']}/{meta['name']} holds no Helm release that can be read ({error!r}): see"
            " `helm list --all-namespaces --all`"
        ) from error


def stored(
    client: Client | None, names: list[str], namespace: str, without: tuple[str, ...] = ()
) -> dict[tuple[str, str], Stored]:
    """The releases with these names in any namespace, and all that this module made for the mesh of a namespace.

    without: names of Secrets that do not count.
    """
    if client is None:
        return {}
    wanted = ",".join(names)
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for selector in ([f"name in ({wanted})"] if names else []) + [f"{NAMESPACE}={namespace}"]:
        query = {"labelSelector": f"owner=helm,status!=superseded,status!=uninstalled,{selector}"}
        for secret in client.pages("/api/v1/secrets", query):
            place = (secret["metadata"]["namespace"], secret["metadata"]["labels"]["name"])
            counts = secret["metadata"]["name"] not in without
            if counts and (place not in newest or _version(secret) > _version(newest[place])):
                newest[place] = secret
    return {place: decoded(secret) for place, secret in newest.items()}


def _version(secret: dict[str, Any]) -> int:
    return int(secret["metadata"]["labels"]["version"])


def marked(one: dict[str, Any], release: str, namespace: str) -> dict[str, Any]:
    """The object with the label and the annotations that helm adds when it writes it."""
    meta = one["metadata"]
    labels = {**(meta.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
    own = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    return {**one, "metadata": {**meta, "labels": labels, "annotations": {**(meta.get("annotations") or {}), **own}}}


class Helm(Program):
    """One helm binary."""

    MISSING = "helm is not at {}: install Helm 4 or set the option helm to its path"
    # Settings of the user's own Helm, such as another storage or plugins, must not change the result.
    ENVIRONMENT: ClassVar[dict[str, str]] = {"HELM_DRIVER": "secret", "HELM_PLUGINS": os.devnull, "HELM_DEBUG": "false"}

    def check(self) -> str:
        """The version of helm. Raises Failure if it is older than Helm 4, which cannot take over objects by SSA."""
        version = self.run(["version", "--template", "{{.Version}}"]).strip()
        if not re.match(r"v?([4-9]|[1-9]\d)\b", version):
            raise Failure(f"{self.program} is Helm {version}: install Helm 4, or set the option helm to its path")
        return version

    def template(self, release: Release, archive: str, kubernetes: str, upgrade: bool) -> Objects:
        """The objects of a release: those of an upgrade, or of its installation."""
        arguments = ["template", release.name, archive, "--namespace", release.namespace, "--values", "-"]
        arguments += ["--is-upgrade"] if upgrade else []
        arguments += ["--kube-version", kubernetes] if kubernetes else []
        try:
            output = self.run(arguments, text=json.dumps(release.values))
        except Failure as error:
            raise Failure(f"the chart {release.chart} refuses the values of {release.name}: {error}") from error
        return load_yaml(output, f"helm's output of {release.name}")

    def upgrade(self, release: Release, archive: str, config: str, labels: dict[str, str]) -> None:
        """Install or upgrade a release. Objects that are there already are taken over."""
        text = ",".join(f"{name}={value}" for name, value in labels.items())
        arguments = ["upgrade", "--install", release.name, archive, "--namespace", release.namespace]
        arguments += ["--values", "-", "--reset-values", "--server-side=true", "--force-conflicts", "--take-ownership"]
        arguments += ["--labels", text, "--history-max", str(HISTORY), "--hide-notes"]
        try:
            self.run(arguments, config, json.dumps(release.values))
        except Failure as error:
            raise Failure(f"the release {release.name} in {release.namespace}: {error}", **error.data) from error

    def uninstall(self, name: str, namespace: str, config: str, wait: bool) -> None:
        arguments = ["uninstall", name, "--namespace", namespace, "--ignore-not-found", "--cascade", "foreground"]
        self.run(arguments + (["--wait", "--timeout", f"{TIMEOUT - 10}s"] if wait else []), config)


def unlocking(one: Stored) -> str:
    """What to do about a release that another helm is writing, or one that was killed."""
    return (
        f"the release {one.name} is {one.status}: wait until the other helm has ended; if none runs any more,"
        f" kubectl delete secret --namespace {one.namespace} {one.secret}"
    )
