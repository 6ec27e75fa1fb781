# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's findings about the source of artifacts: whether it can be reached and is signed by the expected keys."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ansible_collections.bare.mesh.plugins.module_utils._host import distributions, indexes, openpgp
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import Fetcher, FetchError
from ansible_collections.bare.mesh.plugins.module_utils._host.packages import missing, newer
from ansible_collections.bare.mesh.plugins.module_utils._preflight.finding import Finding, Report
from ansible_collections.bare.mesh.plugins.module_utils._preflight.hosts import is_known

REACH = (
    "See that the controller can reach it; check bare_mesh_source and, for a mirror, bare_mesh_mirror_url and"
    " bare_mesh_mirror_ca_file"
)


class Repository(NamedTuple):
    """A package repository as distributions.repositories has it, and what the hosts of one architecture want of it."""

    entry: dict[str, Any]
    machine: str
    wanted: list[dict[str, str]]
    # Package to version, where the wanted version is a pattern.
    chosen: dict[str, str]


def wanted_packages(one: Repository, files: list[bytes], fetcher: Fetcher) -> list[Finding]:
    """Wanted packages that a repository does not have. Notes in one.chosen the versions that it has of patterns."""
    entry, machine, wanted = one.entry, one.machine, one.wanted
    found = indexes.served(entry, machine, files, fetcher) if wanted else None
    if found is None:
        return []
    one.chosen.update(indexes.chosen(wanted, found))
    faults: dict[str, Finding] = {}
    for pin in indexes.missing(wanted, found):
        has = ", ".join(indexes.newest(found.get(pin["package"], []))) or "none"
        what = f"{entry['url']} has no {pin['package']} {pin['version']} for {machine}. Its newest are: {has}"
        fix = "Choose one that it has, or another bare_mesh_source"
        # One wrong setting is one fault, however many packages it is for.
        faults.setdefault(pin["variable"], Finding("packages", pin["variable"], what, fix))
    return list(faults.values())


def repositories(settings: dict[str, Any], reports: dict[str, Report]) -> list[Repository]:
    """The repositories of all hosts, each once for each architecture."""
    found: dict[tuple[str, str], Repository] = {}
    if not is_known(settings["kubernetes_version"], settings["kubernetes_minors"]):
        return []
    for report in reports.values():
        machine = report["machine"]
        if not distributions.supported(report["os"]) or machine not in distributions.MACHINES:
            continue
        for entry in distributions.repositories(
            report["os"], machine, settings["source"], settings["kubernetes_version"]
        ):
            one = found.setdefault((entry["url"], machine), Repository(entry, machine, [], {}))
            pins = [pin for pin in settings["packages"] if pin["repository"] == entry["name"]]
            one.wanted.extend(pin for pin in uninstalled(pins, report.get("packages", {})) if pin not in one.wanted)
    return list(found.values())


def uninstalled(pins: list[dict[str, str]], installed: dict[str, str]) -> list[dict[str, str]]:
    """The pinned packages that a host has yet to install. It keeps newer ones."""
    versions = {pin["package"]: pin["version"] for pin in pins}
    absent = missing(versions, installed, newer(versions, installed))
    return [pin for pin in pins if pin["package"] in absent]


def repository(
    one: Repository, fingerprints: dict[str, str], fetcher: Fetcher, verifier: openpgp.Verifier | None
) -> list[Finding]:
    """Faults of one package repository."""
    entry = one.entry
    variable = f"bare_mesh_key_fingerprints.{entry['key']}"
    wanted = str(fingerprints.get(entry["key"], "")).replace(" ", "").upper()
    try:
        key = fetcher.get(entry["key_url"])
        found = openpgp.fingerprints(key)
        if found != [wanted]:
            fix = "If the source is the right one, compare with its owner's published fingerprint and set that"
            what = f"is {wanted or 'not set'}, but {entry['key_url']} has the fingerprint {', '.join(found)}"
            return [Finding("signing_key", variable, what, fix)]
        files = [fetcher.get(url) for url in entry["signed"]]
    except FetchError as error:
        return [Finding("source", "bare_mesh_source", str(error), REACH)]
    except openpgp.NotAKey as error:
        return [Finding("signing_key", "bare_mesh_source", f"{entry['key_url']}: {error}", REACH)]
    refused = openpgp.verify(key, files, verifier) if files and verifier else ""
    if refused:
        cause = "The repository's index was changed or signed by another key"
        fix = f"{cause}: do not use it, or have its owner sign it again"
        what = f"the signature of {entry['signed'][0]} is not good: {refused}"
        return [Finding("signing_key", "bare_mesh_source", what, fix)]
    try:
        return wanted_packages(one, files, fetcher)
    except FetchError as error:
        return [Finding("source", "bare_mesh_source", str(error), REACH)]


def registry(url: str, fetcher: Fetcher) -> list[Finding]:
    """Whether a registry answers. One that asks for a login does, too."""
    parts = urlsplit(url)
    try:
        fetcher.get(f"{parts.scheme}://{parts.netloc}/v2/")
    except FetchError as error:
        if " answers 401 " not in str(error):
            return [
                Finding("registry", "bare_mesh_source", str(error), REACH.replace("mirror_url", "mirror_registry_url"))
            ]
    return []


def istio_archive(settings: dict[str, Any], fetcher: Fetcher) -> list[Finding]:
    """Whether the published checksum of Istio's archive is the pinned one."""
    version, pinned = settings["istio_version"], str(settings["istioctl_checksum"]).rsplit(":", 1)[-1].lower()
    if not is_known(version, settings["istio_minors"]):
        return []
    url = f"{settings['source']['istio']}/{version}/istio-{version}-{settings['istio_platform']}.tar.gz.sha256"
    try:
        published = fetcher.get(url).decode(errors="replace").split()
    except FetchError as error:
        if " answers 404" in str(error):
            fix = "This release may not exist: check bare_mesh_istio_version. Otherwise choose a source that has it:"
            fix += " check bare_mesh_source and, for a mirror, bare_mesh_mirror_url"
            return [Finding("source", "bare_mesh_istio_version", str(error), fix)]
        return [Finding("source", "bare_mesh_source", str(error), REACH)]
    if pinned and published[:1] != [pinned]:
        fix = "If the source is the right one, set the checksum of this version, or leave it empty"
        return [Finding("checksum", "istioctl_checksum", f"{url} says {' '.join(published[:1])}, not {pinned}", fix)]
    return []


def cri_dockerd(settings: dict[str, Any], machines: set[str], fetcher: Fetcher) -> list[Finding]:
    """Faults of cri-dockerd's archive for the hosts that run docker. machines: their names of architectures."""
    faults = []
    for machine in sorted(machines & set(distributions.MACHINES)):
        version, architecture = settings["cri_dockerd_version"], distributions.MACHINES[machine]
        url = f"{settings['source']['cri_dockerd']}/v{version}/cri-dockerd-{version}.{architecture}.tgz"
        if not settings["cri_dockerd_checksum"]:
            fix = f"Download {url} once, and set it to the output of sha256sum"
            faults.append(Finding("checksum", "docker_cri_dockerd_checksum", "is not set", fix))
        try:
            fetcher.get(url, method="HEAD")
        except FetchError as error:
            faults.append(Finding("source", "bare_mesh_source", str(error), REACH))
    return faults


def source(
    settings: dict[str, Any], wanted: list[Repository], fetcher: Fetcher, verifier: openpgp.Verifier | None
) -> list[Finding]:
    """All faults of the source that the hosts would meet. wanted: what repositories() returns."""
    endpoints = {urlsplit(url)[:2]: url for url in settings["source"]["registries"].values()}
    with ThreadPoolExecutor(max_workers=8) as pool:
        jobs = [pool.submit(repository, one, settings["fingerprints"], fetcher, verifier) for one in wanted]
        jobs += [pool.submit(registry, url, fetcher) for url in endpoints.values()]
        jobs.append(pool.submit(istio_archive, settings, fetcher))
        faults = [fault for job in jobs for fault in job.result()]
    # One server that is down is one fault, however many of its files were asked for.
    first = {
        (fault.check, fault.where, urlsplit(fault.what.split()[0]).netloc or fault.what): fault
        for fault in reversed(faults)
    }
    return list(reversed(first.values()))
