# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's findings about settings that only take effect when a cluster is created, on a cluster that is there."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._preflight.finding import Finding

RECONFIGURE = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-reconfigure/"
FIX = f"Set it back, or change the cluster and its ConfigMap as {RECONFIGURE} says, or make a new cluster with it"
# What other checks judge, and what kubeadm writes in its own way.
ELSEWHERE = {
    "cluster_config": ("apiVersion", "kind", "kubernetesVersion", "networking", "controlPlaneEndpoint"),
    "kubelet_config": ("apiVersion", "kind", "containerRuntimeEndpoint"),
    "kube_proxy_config": ("apiVersion", "kind"),
}
# Of more, the message would hide the other findings.
MOST = 5
SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|us|ns|m|s))+\Z")


def plain(value: Any) -> Any:
    """A scalar as it is compared: kubeadm writes 5m as 5m0s, and a template may turn 50 into a text."""
    if isinstance(value, bool):
        return str(value).lower()
    text = "" if value is None else str(value)
    if DURATION.match(text):
        return round(sum(float(number) * SECONDS[unit] for number, unit in re.findall(r"([\d.]+)([a-z]+)", text)), 9)
    return text.lower() if text in ("True", "False") else text


def same(wanted: Any, live: Any) -> bool:
    """Whether a list or a scalar says the same. An empty value is as good as none, and so is a duration of 0."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        return not list(differences(wanted, live))
    if isinstance(wanted, list) and isinstance(live, list):
        return len(wanted) == len(live) and all(map(same, wanted, live))
    if wanted in ({}, []) or live in ({}, []):
        return not wanted and not live
    if isinstance(wanted, (dict, list)) or isinstance(live, (dict, list)):
        return False
    return plain(wanted) == plain(live) or (plain(wanted) in ("", 0.0) and live is None)


def differences(wanted: dict[str, Any], live: dict[str, Any]) -> Iterator[str]:
    """Paths of the wanted fields that the live document does not have so."""
    for name, value in wanted.items():
        there = live.get(name)
        if isinstance(value, dict) and value and isinstance(there or {}, dict):
            yield from (f"{name}.{path}" for path in differences(value, there or {}))
        elif not same(value, there):
            yield str(name)


def proxy_mode(settings: dict[str, Any], documents: dict[str, str], yaml: Any) -> Iterator[Finding]:
    """Another mode of kube-proxy than the cluster's. auto asks for none, except where a host has no iptables."""
    asked, auto = settings.get("proxy_mode"), settings.get("auto_proxy_mode")
    wanted = auto if asked == "auto" and auto == "nftables" else asked
    try:
        live = yaml.safe_load(documents.get("kube_proxy_config", ""))
    except yaml.YAMLError:
        return
    # The field of kubeadm_kube_proxy_config goes before the variable, and is compared as the others are.
    if (
        wanted in (None, "", "auto")
        or not isinstance(live, dict)
        or "mode" in (settings.get("kube_proxy_config") or {})
    ):
        return
    running = live.get("mode") or "iptables"
    if wanted != running:
        means = f"is auto, which means {wanted} with these hosts" if asked == "auto" else f"is {wanted}"
        what = f"{means}, but kube-proxy of the cluster has the mode {running}, and flannel follows that"
        change = f"et mode: {wanted} in the ConfigMap kube-proxy of kube-system, restart its pods, and run this again"
        fix = f"S{change}" if asked == "auto" else f"Set it to {running}, or s{change}"
        yield Finding("creation", "bare_mesh_proxy_mode", what, fix)


def unused_settings(settings: dict[str, Any], documents: dict[str, str]) -> Iterator[Finding]:
    """Fields of kubeadm's settings that the existing cluster does not have, so they have no effect.

    documents: name of the setting to the YAML text that kubeadm keeps in the cluster.
    """
    # Only on the controller, where ansible-core brings it.
    yaml = importlib.import_module("yaml")
    yield from proxy_mode(settings, documents, yaml)
    for name, elsewhere in ELSEWHERE.items():
        wanted = settings.get(name) or {}
        try:
            live = yaml.safe_load(documents.get(name, ""))
        except yaml.YAMLError:
            continue
        # A document of another version has other fields.
        if not isinstance(live, dict) or wanted.get("apiVersion", live.get("apiVersion")) != live.get("apiVersion"):
            continue
        paths = list(differences({key: value for key, value in wanted.items() if key not in elsewhere}, live))
        if paths:
            more = f" and {len(paths) - MOST} more" if len(paths) > MOST else ""
            where = f"kubeadm_{name}, {', '.join(paths[:MOST])}{more}"
            what = "is not what the cluster was made with, and has no effect on a cluster that is there"
            yield Finding("creation", where, what, FIX)
