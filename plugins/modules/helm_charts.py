#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: helm_charts
short_description: Downloads charts of a Helm repository after verifying their checksums
version_added: 0.2.0
description:
  - Puts the archives of charts, C(NAME-VERSION.tgz), into a directory. Each appears verified or not at all.
  - The SHA-256 of each is compared with that in the repository's C(index.yaml), or with O(checksums).
  - Archives that are there are not downloaded again, and need no network. With O(checksums), they are verified again.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  repository:
    description:
      - URL of the repository, which has an C(index.yaml), with the archives beside it.
      - Addresses of other servers in the index are not used, so a copy of a repository needs no index of its own.
    type: str
    required: true
  charts:
    description: Names of the charts.
    type: list
    elements: str
    required: true
  version:
    description: Version of the charts.
    type: str
    required: true
  checksums:
    description: SHA-256 of archives in hexadecimal, by the name of the chart. They go before those of the index.
    type: dict
    default: {}
  dest:
    description: Directory for the archives. It may have others.
    type: path
    required: true
  ca_file:
    description: File with the certificate authority of a server that the system does not know, in addition to the
      system's own.
    type: path
  timeout:
    description: Seconds without an answer after which the download fails.
    type: int
    default: 30
attributes:
  check_mode:
    support: full
    details: Reads the index and asks the server whether the archives are there, downloads nothing.
  diff_mode:
    support: full
    details: Shows the addresses of the archives.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Download the charts of Istio's control plane
  bare.mesh.helm_charts:
    repository: https://istio-release.storage.googleapis.com/charts
    charts: [base, istiod]
    version: 1.31.0
    dest: ~/.cache/bare_mesh/charts
"""

RETURN = r"""
archives:
  description: Paths of the archives.
  returned: success
  type: list
  elements: str
"""

import os
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host import archive, charts
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import Fetcher


def located(
    index: dict[str, list[dict[str, Any]]], repository: str, name: str, params: dict[str, Any]
) -> tuple[str, str]:
    """The address of a chart's archive and its SHA-256."""
    version = params["version"]
    entry = charts.entry(index, name, version)
    if not entry.get("urls"):
        raise Failure(f"{repository}/index.yaml has no chart {name} {version}: correct the version or the repository")
    digest = str(params["checksums"].get(name) or entry.get("digest") or "").removeprefix("sha256:").lower()
    if not archive.SHA256.fullmatch(digest):
        raise Failure(f"{repository}/index.yaml states no SHA-256 of {name} {version}: give it in checksums")
    return f"{repository}/{entry['urls'][0].rpartition('/')[2]}", digest


def fetch_chart(fetch: Fetcher, url: str, digest: str, path: str) -> None:
    """Download an archive to a path, where it appears when it is verified."""
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download.", dir=directory) as work:
        part = os.path.join(work, "chart")
        with open(part, "wb") as file:
            file.write(fetch.get(url))
        actual = archive.digest(part)
        if actual != digest:
            raise Failure(
                f"the checksum of {url} is wrong: expected sha256 {digest}, got {actual}. It was not installed. If the"
                " server is yours, copy the archive there again and renew its index; else correct the checksum"
            )
        os.rename(part, path)


def missing(params: dict[str, Any], path: str, name: str) -> bool:
    """Whether the archive is not there, or is not the one of the given checksum."""
    wanted = str(params["checksums"].get(name) or "").removeprefix("sha256:").lower()
    return not os.path.exists(path) or bool(wanted and archive.digest(path) != wanted)


def work(module: AnsibleModule) -> dict[str, Any]:
    """Download what is missing. Raises Failure if it cannot be had or is not what it should be."""
    params = module.params
    repository = params["repository"].rstrip("/")
    paths = {name: os.path.join(params["dest"], f"{name}-{params['version']}.tgz") for name in params["charts"]}
    wanted = [name for name, path in paths.items() if missing(params, path, name)]
    found = []
    if wanted:
        authority = ""
        if params["ca_file"]:
            with open(params["ca_file"], encoding="utf-8") as file:
                authority = file.read()
        fetch = Fetcher(authority, timeout=params["timeout"])
        index = charts.index(fetch.get(f"{repository}/index.yaml"), f"{repository}/index.yaml")
        found = [(name, *located(index, repository, name, params)) for name in wanted]
        for name, url, digest in found:
            if module.check_mode:
                fetch.get(url, method="HEAD")
            else:
                fetch_chart(fetch, url, digest, paths[name])
    after = "".join(f"{paths[name]} {url}\n" for name, url, _digest in found)
    return {"changed": bool(found), "archives": list(paths.values()), "diff": {"before": "", "after": after}}


def main() -> None:
    run(
        work,
        {
            "repository": {"type": "str", "required": True},
            "charts": {"type": "list", "elements": "str", "required": True},
            "version": {"type": "str", "required": True},
            "checksums": {"type": "dict", "default": {}},
            "dest": {"type": "path", "required": True},
            "ca_file": {"type": "path"},
            "timeout": {"type": "int", "default": 30},
        },
    )


if __name__ == "__main__":
    main()
