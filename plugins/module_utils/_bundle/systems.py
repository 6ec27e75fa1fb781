# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The package repositories of operating systems, as _bundle/deb.py and rpm.py take them."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._host import distributions

# Name -> what os-release of such a host says, for all systems that share repositories.
SYSTEMS = {
    # Alibaba Cloud Linux 3 and Anolis OS 8.
    "el8": {"ID": "anolis", "VERSION_ID": "8"},
    # EL 9, and the other systems with rpm.
    "el9": {"ID": "rocky", "VERSION_ID": "9"},
    "el10": {"ID": "rocky", "VERSION_ID": "10"},
    "debian12": {"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"},
    "debian13": {"ID": "debian", "VERSION_ID": "13", "VERSION_CODENAME": "trixie"},
    "ubuntu22.04": {"ID": "ubuntu", "VERSION_ID": "22.04", "VERSION_CODENAME": "jammy"},
    "ubuntu24.04": {"ID": "ubuntu", "VERSION_ID": "24.04", "VERSION_CODENAME": "noble"},
    "ubuntu26.04": {"ID": "ubuntu", "VERSION_ID": "26.04", "VERSION_CODENAME": "resolute"},
}
# What the keys of the repositories are called, and the servers.
KEYS, SERVERS = ("kubernetes", "docker_deb", "docker_rpm"), ("kubernetes", "docker")
FINGERPRINT = re.compile("[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}")


def repositories(wanted: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """deb or rpm, and the repository, for each that the systems need; each once.

    wanted is the option `packages` of the module bundle.
    """
    faults = [
        f"{option} lacks {', '.join(missing)}; name {what}"
        for option, keys, given, what in (
            ("bare_mesh_key_fingerprints", KEYS, wanted["fingerprints"], "the fingerprint of each key"),
            ("packages.source", SERVERS, wanted["source"], "the address of each server"),
            ("packages.official", SERVERS, wanted["official"], "the address of each server"),
        )
        if (missing := [key for key in keys if key not in given])
    ]
    faults += [
        f"bare_mesh_key_fingerprints has {value!r} for {key}, no fingerprint; give its 40 or 64 hex digits"
        for key, value in wanted["fingerprints"].items()
        if not isinstance(value, str) or not FINGERPRINT.fullmatch(value.replace(" ", ""))
    ]
    if faults:
        raise Failure("; ".join(faults))
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for system in wanted["systems"]:
        release = SYSTEMS[system]
        family = distributions.family(release)
        for machine in wanted["machines"]:
            # The same repository at the source, and where its official server has it.
            here, there = (
                distributions.repositories(release, machine, wanted[source], wanted["kubernetes_version"])
                for source in ("source", "official")
            )
            for one, official in zip(here, there):
                repository = found.setdefault(one["url"] + one.get("suite", ""), (family, {}))[1]
                repository.update(_repository(one, official, wanted))
                architecture = distributions.MACHINES[machine] if family == "deb" else machine
                architectures = repository.setdefault("architectures", [])
                if architecture not in architectures:
                    architectures.append(architecture)
    return list(found.values())


def _repository(one: dict[str, Any], official: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    kubernetes = one["key"] == "kubernetes"
    suite, *components = one.get("suite", "/").split()
    return {
        "url": one["url"],
        "path": _path(official["url"]),
        "key_url": one["key_url"],
        "key_path": _path(official["key_url"]),
        "suite": suite,
        "components": components,
        "signed": bool(one["signed"]),
        "fingerprints": [wanted["fingerprints"][one["key"]]],
        "packages": wanted["kubernetes" if kubernetes else "docker"],
    }


def _path(url: str) -> str:
    return url.partition("://")[2].strip("/")
