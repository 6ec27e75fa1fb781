# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's findings about the settings that kubeadm takes, of which it drops the fields that it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import check
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.schemas import cluster, kube_proxy, kubelet
from ansible_collections.bare.mesh.plugins.module_utils._preflight.finding import Finding
from ansible_collections.bare.mesh.plugins.module_utils._preflight.hosts import minor_of

REFERENCE = "https://kubernetes.io/docs/reference/config-api"
# Setting: the version of its fields in the schema, the schema, the page that explains the fields.
DOCUMENTS = {
    "cluster_config": ("kubeadm.k8s.io/v1beta4", cluster, f"{REFERENCE}/kubeadm-config.v1beta4/"),
    "kube_proxy_config": (
        "kubeproxy.config.k8s.io/v1alpha1",
        kube_proxy,
        f"{REFERENCE}/kube-proxy-config.v1alpha1/",
    ),
    "kubelet_config": ("kubelet.config.k8s.io/v1beta1", kubelet, f"{REFERENCE}/kubelet-config.v1beta1/"),
}
# The kubelet has more than a hundred fields: no message names them all.
FEW = 12


def fix_of(message: str, page: str) -> tuple[str, str]:
    """(what is wrong, its fix) of what the schema says."""
    what, _semicolon, known = message.partition("; ")
    if what != "unknown field":
        return message, f"Set it as {page} says"
    if known.startswith("did you mean"):
        return what, known[0].upper() + known[1:]
    names = known.removeprefix("known: ")
    few = f"the fields there are {names}" if names.count(",") < FEW else f"{page} names all fields"
    return what, f"Remove it; {few}"


def given(value: Any, path: tuple[str, ...]) -> bool:
    """Whether there is a value at a path, in which [] stands for any item of a list."""
    if not path:
        return value is not None
    if path[0] == "[]":
        return isinstance(value, list) and any(given(item, path[1:]) for item in value)
    return isinstance(value, dict) and given(value.get(path[0]), path[1:])


def unknown_fields(settings: dict[str, Any]) -> Iterator[Finding]:
    """Fields that the release does not have, and values of the wrong type."""
    release = str(settings["kubernetes_version"])
    for name, (version, schema, page) in DOCUMENTS.items():
        config, variable = settings[name], f"kubeadm_{name}"
        # Another version that kubeadm still reads has other fields.
        if config.get("apiVersion", version) != version:
            continue
        for path, message in check(config, schema.ROOT, schema.DEFINITIONS, ""):
            yield Finding("settings", f"{variable}, {path.lstrip('.')}", *fix_of(message, page))
        for path in schema.ABSENT.get(minor_of(release), []):
            if given(config, path):
                minors = [minor for minor, paths in schema.ABSENT.items() if path not in paths]
                fix = f"Remove it, or choose a Kubernetes of {', '.join(minors)}"
                where = ".".join(path).replace(".[]", "[]")
                yield Finding("settings", f"{variable}, {where}", f"Kubernetes {release} does not have this field", fix)
