#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_check
short_description: Checks hosts, inventory, settings and the source of artifacts before anything is changed
version_added: 0.1.0
description:
  - Runs on the controller, takes what M(bare.mesh.host_inspect) found on each host, and fails once, with all faults and
    their fixes.
  - The signature of a package repository's index is verified where the controller has C(gpgv).
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  inspections:
    description: Host to the result of M(bare.mesh.host_inspect), which may be a failure.
    type: dict
    required: true
  reached:
    description: Host to the result of M(bare.mesh.host_reach), or nothing where it has not run.
    type: dict
    default: {}
    version_added: 0.2.0
  hosts:
    description: The cluster's hosts, as the filter P(bare.mesh.cluster_hosts#filter) returns them.
    type: list
    elements: dict
    required: true
  ports:
    description: Ports such as V(10250/tcp) that must be free on every V(node), and those that must also be free on a
      V(control_plane).
    type: dict
    required: true
    suboptions:
      node: {description: Of every node., type: list, elements: str, required: true}
      control_plane: {description: Of a control plane host., type: list, elements: str, required: true}
  findings:
    description:
      - Faults that were found before, as the filter P(bare.mesh.setting_faults#filter) returns them.
      - Where the settings have faults, leave O(settings) and O(limits) out. What depends on them is then not judged.
    type: list
    elements: dict
    default: []
  limits:
    description: Smallest V(cpus), V(memory_mb) and V(disk_gb), and the largest V(clock_difference) in seconds.
    type: dict
  settings:
    description: The settings to check.
    type: dict
    suboptions:
      bare_mesh_pod_cidr: {description: Range of the pods., type: str, required: true}
      bare_mesh_service_cidr: {description: Range of the services., type: str, required: true}
      kubernetes_version: {description: Kubernetes version., type: str, required: true}
      kubernetes_minors: {description: Known Kubernetes minor versions., type: dict, required: true}
      istio_version: {description: Istio version., type: str, required: true}
      istio_minors: {description: Known Istio minor versions., type: dict, required: true}
      istio_profile: {description: Profile of Istio., type: str, required: true}
      istioctl_checksum: {description: Pinned checksum of Istio's archive., type: str, default: ''}
      istio_platform:
        description: The controller's platform in the name of Istio's archive.
        type: str
        default: linux-amd64
      kubelet_config: {description: Fields of KubeletConfiguration., type: dict, default: {}}
      cluster_config: {description: Fields of kubeadm's ClusterConfiguration., type: dict, default: {}}
      kube_proxy_config: {description: Fields of the KubeProxyConfiguration., type: dict, default: {}}
      packages:
        description: Packages that the hosts install from the repositories of the source.
        type: list
        elements: dict
        default: []
        suboptions:
          repository: {description: Name of the repository as M(bare.mesh.host_repositories) has it., type: str}
          package: {description: Name of the package., type: str}
          version: {description: Its version. Empty takes any and V(2.*) any 2.x., type: str}
          variable: {description: Variable that sets the version., type: str}
      cri_sockets:
        description: Container runtime to the socket at which the kubelet reaches it.
        type: dict
        default: {}
      source:
        description: 'Base URLs V(kubernetes), V(docker), V(istio), and V(registries).'
        type: dict
        required: true
      cri_dockerd_version: {description: Version of cri-dockerd for hosts that run docker., type: str, default: ''}
      cri_dockerd_checksum: {description: Pinned checksum of cri-dockerd's archive., type: str, default: ''}
      proxy_mode: {description: Value of C(bare_mesh_proxy_mode)., type: str, default: auto}
      auto_proxy_mode: {description: What V(auto) means with these hosts., type: str, default: iptables}
      credentials:
        description: Registry, name, and V(yes) where there is a password, of each of C(bare_mesh_registry_credentials).
        type: list
        elements: list
        default: []
      fingerprints: {description: Fingerprints of the signing keys., type: dict, required: true}
      ca_file: {description: Certificate that signed the source's., type: path, default: ''}
      firewall: {description: Value of C(host_prep_firewall)., type: str, default: open}
      kubeconfig: {description: Path of the cluster's kubeconfig on the controller., type: path, default: ''}
      api_url: {description: URL of the API server in that kubeconfig., type: str, default: ''}
      tunnel:
        description: The SSH tunnel to the API server.
        type: dict
        default: {}
        suboptions:
          wanted: {description: Value of C(bare_mesh_ssh_tunnel)., type: bool, default: false}
          host: {description: The host that it leads through., type: str, default: ''}
          connection: {description: That host's C(ansible_connection)., type: str, default: ssh}
          password: {description: Whether the inventory has a password for that host., type: bool, default: false}
  allow:
    description: Checks whose faults are only warnings.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    details: Changes nothing in any mode.
  diff_mode:
    support: none
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
# The role bare.mesh.preflight gathers the parameters.
- name: Check everything
  bare.mesh.preflight_check:
    inspections: "{{ inspections }}"
    hosts: "{{ groups | bare.mesh.cluster_hosts(hostvars) }}"
    ports: {node: [10250/tcp], control_plane: [6443/tcp]}
    limits: {cpus: 2, memory_mb: 1700, disk_gb: 10, clock_difference: 5}
    settings: "{{ settings }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
chosen:
  description: The packages that are to be installed and whose version is a pattern, with the version that is served.
  returned: success
  type: list
  elements: dict
  contains:
    package: {description: Name of the package., type: str}
    version: {description: The newest version that fits., type: str}
    repository: {description: URL of the repository., type: str}
msg:
  description: All faults with their fixes, a line each.
  returned: on failure
  type: str
warnings:
  description: The faults that O(allow) lets pass, and releases past their end of life.
  returned: when there are any
  type: list
  elements: str
"""

import datetime
import difflib
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import Fetcher
from ansible_collections.bare.mesh.plugins.module_utils._preflight import cluster as cluster_checks
from ansible_collections.bare.mesh.plugins.module_utils._preflight import configuration, network, rivals
from ansible_collections.bare.mesh.plugins.module_utils._preflight import hosts as host_checks
from ansible_collections.bare.mesh.plugins.module_utils._preflight import source as source_checks
from ansible_collections.bare.mesh.plugins.module_utils._preflight.credentials import credentials
from ansible_collections.bare.mesh.plugins.module_utils._preflight.kubeconfig import FIX, describe_other, is_ours
from ansible_collections.bare.mesh.plugins.module_utils._preflight.tunnel import tunnel
from ansible_collections.bare.mesh.plugins.module_utils._preflight.users import missing_users

UNCHECKED = "What depends on these settings was not checked; run again after the fix."
SETTINGS = {
    "bare_mesh_pod_cidr": {"type": "str", "required": True},
    "bare_mesh_service_cidr": {"type": "str", "required": True},
    "kubernetes_version": {"type": "str", "required": True},
    "kubernetes_minors": {"type": "dict", "required": True},
    "istio_version": {"type": "str", "required": True},
    "istio_minors": {"type": "dict", "required": True},
    "istio_profile": {"type": "str", "required": True},
    "istioctl_checksum": {"type": "str", "default": ""},
    "istio_platform": {"type": "str", "default": "linux-amd64"},
    "kubelet_config": {"type": "dict", "default": {}},
    "cluster_config": {"type": "dict", "default": {}},
    "kube_proxy_config": {"type": "dict", "default": {}},
    "packages": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {name: {"type": "str"} for name in ("repository", "package", "version", "variable")},
    },
    "cri_sockets": {"type": "dict", "default": {}},
    "source": {"type": "dict", "required": True},
    "cri_dockerd_version": {"type": "str", "default": ""},
    "cri_dockerd_checksum": {"type": "str", "default": ""},
    "proxy_mode": {"type": "str", "default": "auto"},
    "auto_proxy_mode": {"type": "str", "default": "iptables"},
    "credentials": {"type": "list", "elements": "list", "default": [], "no_log": False},
    "fingerprints": {"type": "dict", "required": True, "no_log": False},
    "ca_file": {"type": "path", "default": ""},
    "firewall": {"type": "str", "default": "open"},
    "kubeconfig": {"type": "path", "default": ""},
    "api_url": {"type": "str", "default": ""},
    "tunnel": {
        "type": "dict",
        "default": {},
        "options": {
            "wanted": {"type": "bool", "default": False},
            "host": {"type": "str", "default": ""},
            "connection": {"type": "str", "default": "ssh"},
            "password": {"type": "bool", "default": False, "no_log": False},
        },
    },
}


def fetcher(ca_file: str) -> tuple[Fetcher | None, list[host_checks.Finding]]:
    """(a fetcher that trusts the CA, faults of the CA's file)."""
    try:
        ca = ""
        if ca_file:
            with open(ca_file, encoding="utf-8") as file:
                ca = file.read()
        return Fetcher(ca), []
    except (OSError, ValueError) as error:
        fix = "Set it to a file on the controller that holds, in PEM form, the certificate that signed the mirror's"
        return None, [host_checks.Finding("source", "bare_mesh_mirror_ca_file", str(error), fix)]


def kubeconfig_findings(path: str, api_url: str) -> list[host_checks.Finding]:
    """Whether a file of the user's own is in the place of the cluster's kubeconfig."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            existing = file.read()
    except FileNotFoundError:
        return []
    except OSError as error:
        return [host_checks.Finding("kubeconfig", "bare_mesh_kubeconfig", f"{path}: {error.strerror}", FIX)]
    if is_ours(existing, api_url):
        return []
    return [host_checks.Finding("kubeconfig", "bare_mesh_kubeconfig", f"{path} {describe_other(existing)}", FIX)]


def unknown_checks(allow: list[str]) -> list[host_checks.Finding]:
    """Entries of preflight_allow that allow nothing."""
    found = []
    for name in allow:
        if name not in host_checks.CHECKS:
            meant = difflib.get_close_matches(name, host_checks.CHECKS, 1)
            fix = f"Did you mean {meant[0]}?" if meant else f"The checks are: {', '.join(host_checks.CHECKS)}"
            found.append(host_checks.Finding("settings", "preflight_allow", f"no check has the name {name}", fix))
    return found


def verifier(module: AnsibleModule, gpgv: str) -> source_checks.Verifier:
    """What runs gpgv."""

    def run_gpgv(arguments: list[str]) -> tuple[int, str, str]:
        code, out, err = module.run_command([gpgv, *arguments], environ_update={"LC_ALL": "C"})
        return code, out, err

    return run_gpgv


def settings_findings(
    module: AnsibleModule, reports: dict[str, host_checks.Report], repositories: list[source_checks.Repository]
) -> list[host_checks.Finding]:
    """Faults of the settings, and of hosts and source in view of them."""
    settings = module.params["settings"]
    today = datetime.date.today().isoformat()
    faults = list(host_checks.judge_settings(reports, module.params["limits"], settings, today))
    faults += configuration.unknown_fields(settings)
    faults += credentials(settings)
    faults += cluster_checks.fixed_settings(module.params["hosts"], reports, settings)
    faults += kubeconfig_findings(settings["kubeconfig"], settings["api_url"])
    faults += tunnel(settings)
    faults += missing_users(reports)
    faults += rivals.removed(module.params["hosts"], reports, settings)
    faults += rivals.sources(reports, settings)
    fetch, unreadable = fetcher(settings["ca_file"])
    faults += unreadable
    gpgv = module.get_bin_path("gpgv")
    if fetch:
        faults += source_checks.source(settings, repositories, fetch, verifier(module, gpgv) if gpgv else None)
        docker = [host["name"] for host in module.params["hosts"] if host["container_runtime"] == "docker"]
        machines = {reports[name]["machine"] for name in docker if name in reports}
        faults += source_checks.cri_dockerd(settings, machines, fetch)
        if not gpgv:
            module.warn(
                "the controller has no gpgv, so the package repositories' signatures were not verified beforehand;"
                " install gpgv"
            )
    return faults


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    faults = [host_checks.Finding(**finding) for finding in params["findings"]] + unknown_checks(params["allow"])
    of_hosts, reports = host_checks.judge_hosts(params["inspections"], params["hosts"], params["ports"])
    faults += of_hosts
    faults += network.lost(params["reached"], params["hosts"], reports)
    repositories = source_checks.repositories(params["settings"], reports) if params["settings"] else []
    if params["settings"]:
        faults += settings_findings(module, reports, repositories)
    allowed = (*params["allow"], *host_checks.WARNINGS)
    wrong = [fault for fault in faults if fault.check not in allowed]
    for fault in faults:
        if fault not in wrong:
            module.warn(str(fault))
    unchecked = UNCHECKED if not params["settings"] and any(fault.check == "settings" for fault in faults) else ""
    if wrong:
        count = "1 fault" if len(wrong) == 1 else f"{len(wrong)} faults"
        lines = [f"{count}, and nothing was changed:", *(f"- {fault}" for fault in wrong), unchecked]
        raise Failure("\n".join(lines).rstrip())
    if unchecked:
        module.warn(unchecked)
    chosen = [
        {"package": package, "version": version, "repository": one.entry["url"]}
        for one in repositories
        for package, version in sorted(one.chosen.items())
    ]
    return {"changed": False, "chosen": chosen}


def main() -> None:
    run(
        work,
        {
            "inspections": {"type": "dict", "required": True},
            "reached": {"type": "dict", "default": {}},
            "hosts": {"type": "list", "elements": "dict", "required": True},
            "ports": {
                "type": "dict",
                "required": True,
                "options": {
                    name: {"type": "list", "elements": "str", "required": True} for name in ("node", "control_plane")
                },
            },
            "findings": {"type": "list", "elements": "dict", "default": []},
            "limits": {"type": "dict"},
            "settings": {"type": "dict", "options": SETTINGS},
            "allow": {"type": "list", "elements": "str", "default": []},
        },
        required_together=[("limits", "settings")],
    )


if __name__ == "__main__":
    main()
