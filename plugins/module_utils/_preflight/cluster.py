# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's findings about a cluster that is there: what it was made with and cannot change, and its release."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._host.packages import numbers
from ansible_collections.bare.mesh.plugins.module_utils._preflight.creation import unused_settings
from ansible_collections.bare.mesh.plugins.module_utils._preflight.finding import Finding, Report
from ansible_collections.bare.mesh.plugins.module_utils._preflight.hosts import minor_of

FIX = "Set it back. To make a new cluster with it, run the playbook bare.mesh.reset first"
UPGRADE = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade"
GATE = "ExtendWebSocketsToKubelet=false"
SWITCH = "Set it back. To change the runtime of a worker, run the playbook bare.mesh.remove_node, and let it join again"
RENAME = (
    "Give it back its name. To rename the node, run the playbook bare.mesh.remove_node first, and let it join again"
)


def wanted_settings(settings: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Setting as _kubeadm/cluster.py names it -> (the variable that sets it, its wanted value)."""
    config = settings["cluster_config"]
    networking = config.get("networking")
    # Another check reports what is no mapping.
    networking = networking if isinstance(networking, dict) else {}

    def choose(field: str, variable: str, default: str) -> tuple[str, str]:
        if field in networking:
            return f"kubeadm_cluster_config, networking.{field}", str(networking[field])
        return variable, default

    return {
        "pod_cidr": choose("podSubnet", "bare_mesh_pod_cidr", settings["bare_mesh_pod_cidr"]),
        "service_cidr": choose("serviceSubnet", "bare_mesh_service_cidr", settings["bare_mesh_service_cidr"]),
        "dns_domain": choose("dnsDomain", "kubeadm_cluster_config, networking.dnsDomain", "cluster.local"),
        "api_server": ("kubeadm_cluster_config, controlPlaneEndpoint", str(config.get("controlPlaneEndpoint") or "")),
    }


def upgrade(wanted: str, running: str) -> Iterator[Finding]:
    """Another release than the running one, unless it is an older patch release: newer packages are kept then."""
    if not running or (minor_of(wanted) == minor_of(running) and numbers(wanted) <= numbers(running)):
        return
    what = f"is {wanted}, but the cluster runs {running}, and this collection does not upgrade a cluster"
    fix = f"Set it to {running}, or upgrade the cluster with kubeadm first ({UPGRADE})"
    yield Finding("upgrade", "bare_mesh_kubernetes_version", what, fix)


def docker_exec(hosts: list[dict[str, Any]], made_with: dict[str, str]) -> Iterator[Finding]:
    """Nodes with docker in a cluster that was made without: kubectl exec does not work there.

    https://github.com/Mirantis/cri-dockerd/issues/560
    """
    docker = [host["name"] for host in hosts if host["container_runtime"] == "docker"]
    version = numbers(made_with.get("kubernetes_version", ""))
    if docker and version >= (1, 36) and GATE not in made_with.get("feature_gates", ""):
        what = "run docker, and the API server was not made for it: kubectl exec and attach do not work there"
        fix = f"Add --feature-gates={GATE} to the command in /etc/kubernetes/manifests/kube-apiserver.yaml"
        yield Finding("docker_exec", ", ".join(docker), what, f"{fix} on the control plane host")


def fixed_settings(
    hosts: list[dict[str, Any]], reports: dict[str, Report], settings: dict[str, Any]
) -> Iterator[Finding]:
    """Changes that the cluster of the control plane host cannot follow.

    hosts are entries of the filter cluster_hosts.
    """
    alive = [host for host in hosts if host["control_plane"] and reports.get(host["name"], {}).get("cluster")]
    if not alive:
        return
    made_with = reports[alive[0]["name"]]["cluster"]
    for name, (variable, wanted) in wanted_settings(settings).items():
        # Without an endpoint, the API server's address is the node's, which another check looks at.
        if wanted and made_with[name] and wanted != made_with[name]:
            what = f"is {wanted}, but the cluster was made with {made_with[name]}, which cannot be changed"
            yield Finding("cluster", variable, what, FIX)
    yield from upgrade(str(settings["kubernetes_version"]), made_with.get("kubernetes_version", ""))
    yield from docker_exec(hosts, made_with)
    yield from unused_settings(settings, made_with.get("documents") or {})
    sockets = settings.get("cri_sockets") or {}
    for host in hosts:
        used = (reports.get(host["name"], {}).get("cluster") or {}).get("cri_socket", "")
        if used and used != sockets.get(host["container_runtime"], used):
            runtime = next((name for name, socket in sockets.items() if socket == used), used)
            what = f"runs on {runtime}, and bare_mesh_container_runtime is {host['container_runtime']}"
            yield Finding("cluster", host["name"], what, SWITCH)
    for host in hosts:
        known = (reports.get(host["name"], {}).get("cluster") or {}).get("node_name")
        if known and known != host["node_name"]:
            yield Finding(
                "cluster",
                host["name"],
                f"is the node {known} of the cluster, and would become {host['node_name']}",
                RENAME,
            )
