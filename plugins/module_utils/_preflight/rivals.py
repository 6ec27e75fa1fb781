# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's findings about hosts that run containers already: what an installation would remove, and apt refuse."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.bare.mesh.plugins.module_utils._host import apt_sources, distributions
from ansible_collections.bare.mesh.plugins.module_utils._host.packages import RIVALS
from ansible_collections.bare.mesh.plugins.module_utils._preflight.finding import Finding, Mapping, Report

# The package of a runtime whose rivals count only on hosts that run it.
RUNTIMES = {"docker-ce": "docker"}


def removed(hosts: list[Mapping], reports: dict[str, Report], settings: Mapping) -> Iterator[Finding]:
    """Packages that give way to those that a host installs. hosts are entries of the filter cluster_hosts."""
    runtimes = {host["name"]: host["container_runtime"] for host in hosts}
    wanted = sorted({pin["package"] for pin in settings.get("packages") or []} & set(RIVALS))
    for host, report in reports.items():
        has = report.get("packages") or {}
        for package in wanted:
            here = RUNTIMES.get(package) in (None, runtimes.get(host))
            rivals = [name for name in RIVALS[package] if name in has and name != package]
            if rivals and here and package not in has:
                remove = "apt-get remove" if distributions.family(report["os"]) == "deb" else "dnf remove"
                names = " ".join(rivals)
                what = f"has {names}, which the installation of {package} would remove with what needs it"
                fix = f"Run '{remove} {names}' there once nothing of it is in use any more"
                if "runc" in rivals:
                    fix += "; podman and buildah stay if crun is installed before"
                yield Finding("packages", host, what, fix)


def sources(reports: dict[str, Report], settings: Mapping) -> Iterator[Finding]:
    """Files of apt that name one of our repositories with another key."""
    for host, report in reports.items():
        release, machine = report.get("os") or {}, report.get("machine", "")
        known = report.get("apt_sources") or []
        if not known or not distributions.supported(release):
            continue
        version = str(settings["kubernetes_version"])
        for entry in distributions.repositories(release, machine, settings["source"], version):
            suite = entry.get("suite", "").partition(" ")[0]
            for path in apt_sources.refused(entry["name"], entry["url"], suite, known):
                what = f"{path} names {entry['url']} with another key than {apt_sources.key_path_of(entry['name'])}"
                fix = f"Remove that entry: {apt_sources.path_of(entry['name'])} will take its place. With both, apt"
                yield Finding("packages", host, what, f"{fix} reads no source at all")
