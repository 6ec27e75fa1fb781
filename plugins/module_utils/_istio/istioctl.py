# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs istioctl on the controller. istioctl only renders objects; the engine applies them."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.program import Program
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import load_yaml

if TYPE_CHECKING:
    from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client

REFERENCE = "https://istio.io/latest/docs/reference/config/istio.operator.v1alpha1/"


@contextmanager
def kubeconfig(client: Client | None) -> Iterator[str]:
    """Path of a temporary kubeconfig with the connection of the module, whatever options it came from.

    Without a client it is empty.
    """
    if client is None:
        yield os.devnull
        return
    settings = client.settings
    cluster: dict[str, Any] = {"server": settings.host}
    user: dict[str, Any] = {}
    for target, name, attribute in (
        (cluster, "certificate-authority", "ssl_ca_cert"),
        (cluster, "tls-server-name", "tls_server_name"),
        (cluster, "proxy-url", "proxy"),
        (user, "client-certificate", "cert_file"),
        (user, "client-key", "key_file"),
    ):
        if getattr(settings, attribute, None):
            target[name] = getattr(settings, attribute)
    if not settings.verify_ssl:
        cluster.pop("certificate-authority", None)
        cluster["insecure-skip-tls-verify"] = True
    for value in client.credentials().values():
        user["token"] = value.removeprefix("Bearer ")
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "mesh",
        "contexts": [{"name": "mesh", "context": {"cluster": "mesh", "user": "mesh"}}],
        "clusters": [{"name": "mesh", "cluster": cluster}],
        "users": [{"name": "mesh", "user": user}],
    }
    # NamedTemporaryFile makes it readable only by its owner.
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as stream:
        json.dump(content, stream)
        stream.flush()
        yield stream.name


class Istioctl(Program):
    """One istioctl binary."""

    MISSING = (
        "istioctl is not at {}: install it (the role bare.mesh.istioctl does) or set the option istioctl to its path"
    )

    def version(self) -> str:
        """The version of istioctl, which it also writes into the labels of installed objects.

        Raises Failure if it prints none.
        """
        try:
            return str(
                json.loads(self.run(["version", "--remote=false", "--output", "json"]))["clientVersion"]["version"]
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Failure(f"{self.program} does not print its version: {error!r}") from error

    def render(self, operator: dict[str, Any], client: Client | None) -> str:
        """The objects of an IstioOperator as YAML.

        With a cluster they are rendered for its version and platform, as `istioctl install` does. Raises Failure if
        istioctl refuses the spec.
        """
        arguments = ["manifest", "generate", "--filename", "-"]
        with kubeconfig(client) as config:
            try:
                return self.run(arguments + (["--cluster-specific"] if client else []), config, json.dumps(operator))
            except Failure as error:
                raise Failure(explain(str(error), operator["spec"]), **error.data) from error

    def revision_tag(self, settings: dict[str, str]) -> list[dict[str, Any]]:
        """Only the objects of the revision tag `default`."""
        arguments = ["manifest", "generate"]
        for name, value in settings.items():
            arguments += ["--set", f"{name}={value}"]
        objects = load_yaml(self.run(arguments), "istioctl's output")
        return [one for one in objects if "istio.io/tag" in (one["metadata"].get("labels") or {})]


def explain(message: str, spec: dict[str, Any]) -> str:
    """An error message of istioctl about a spec, with the path of the field and the fix."""
    profile = re.search(r'profile "(.*?)" not found', message)
    if profile:
        return (
            f"the profile {profile[1]} does not exist in this istioctl: choose one of those that"
            " https://istio.io/latest/docs/setup/additional-setup/config-profiles/ names (default, demo, minimal,"
            " empty, ambient, ...)"
        )
    field = re.search(r'unknown field "(.*?)"', message)
    if field:
        places = list(paths_of(spec, field[1], "spec"))
        where = " or ".join(places) or field[1]
        return (
            f"the IstioOperator spec has an unknown field: {where}; correct or remove it, see {REFERENCE} ({message})"
        )
    return f"istioctl refuses the IstioOperator spec: {message}; see {REFERENCE}"


def paths_of(value: Any, name: str, path: str) -> Iterator[str]:
    """The paths of all keys with this name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name:
                yield f"{path}.{key}"
            yield from paths_of(inner, name, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths_of(inner, name, f"{path}[{index}]")
