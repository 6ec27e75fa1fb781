# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's findings about the source of artifacts: whether it can be reached and is signed by the expected keys."""

from __future__ import annotations

import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.bare.mesh.plugins.module_utils._host import distributions, openpgp
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import Fetcher, FetchError
from ansible_collections.bare.mesh.plugins.module_utils._preflight.hosts import Finding, Report, is_known

REACH = (
    "See that the controller can reach it; check bare_mesh_source and, for a mirror, bare_mesh_mirror_url and"
    " bare_mesh_mirror_ca_file"
)


def verify(key: bytes, files: list[bytes], verifier: str) -> str:
    """What gpgv finds wrong with the signature of files; empty if nothing.

    The files are [clear-signed] or [data, detached signature].
    """
    with tempfile.TemporaryDirectory(prefix="bare-mesh-") as folder:
        paths = []
        for name, data in (
            ("key.gpg", openpgp.dearmor(key)),
            *((f"file{index}", data) for index, data in enumerate(files)),
        ):
            paths.append(os.path.join(folder, name))
            with open(paths[-1], "wb") as file:
                file.write(data)
        # gpgv takes the signature first, then what was signed.
        command = [verifier, "--homedir", folder, "--keyring", paths[0], *reversed(paths[1:])]
        result = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
        return " ".join(result.stderr.split()) if result.returncode else ""


def repository(entry: dict[str, Any], fingerprints: dict[str, str], fetcher: Fetcher, verifier: str) -> list[Finding]:
    """Faults of one package repository."""
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
    refused = verify(key, files, verifier) if files and verifier else ""
    if refused:
        cause = "The repository's index was changed or signed by another key"
        fix = f"{cause}: do not use it, or have its owner sign it again"
        what = f"the signature of {entry['signed'][0]} is not good: {refused}"
        return [Finding("signing_key", "bare_mesh_source", what, fix)]
    return []


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
    url = f"{settings['source']['istio']}/{version}/istio-{version}-linux-amd64.tar.gz.sha256"
    try:
        published = fetcher.get(url).decode(errors="replace").split()
    except FetchError as error:
        return [Finding("source", "bare_mesh_source", str(error), REACH)]
    if pinned and published[:1] != [pinned]:
        fix = "If the source is the right one, set the checksum of this version, or leave it empty"
        return [Finding("checksum", "istioctl_checksum", f"{url} says {' '.join(published[:1])}, not {pinned}", fix)]
    return []


def source(settings: dict[str, Any], reports: dict[str, Report], fetcher: Fetcher, verifier: str) -> list[Finding]:
    """All faults of the source that the reported hosts would meet."""
    entries = {}
    for report in reports.values():
        if distributions.supported(report["os"]) and is_known(
            settings["kubernetes_version"], settings["kubernetes_minors"]
        ):
            found = distributions.repositories(
                report["os"], report["machine"], settings["source"], settings["kubernetes_version"]
            )
            entries.update({entry["url"]: entry for entry in found})
    endpoints = {urlsplit(url)[:2]: url for url in settings["source"]["registries"].values()}
    with ThreadPoolExecutor(max_workers=8) as pool:
        jobs = [
            pool.submit(repository, entry, settings["fingerprints"], fetcher, verifier) for entry in entries.values()
        ]
        jobs += [pool.submit(registry, url, fetcher) for url in endpoints.values()]
        jobs.append(pool.submit(istio_archive, settings, fetcher))
        faults = [fault for job in jobs for fault in job.result()]
    # One server that is down is one fault, however many of its files were asked for.
    first = {
        (fault.check, fault.where, urlsplit(fault.what.split()[0]).netloc or fault.what): fault
        for fault in reversed(faults)
    }
    return list(reversed(first.values()))
