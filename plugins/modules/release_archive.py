#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: release_archive
short_description: Installs files of a release archive after verifying its checksum
version_added: 0.1.0
description:
  - Downloads a tar archive, compares its SHA-256 with the wanted one, and puts the named files of it into a directory.
  - The directory appears complete or not at all, an earlier one stays in place until then.
  - What was installed is recorded in the directory. A second run compares the files with the record and needs no
    network.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  url:
    description: Address of the archive.
    type: str
    required: true
  checksum:
    description:
      - SHA-256 of the archive in hexadecimal (C(sha256:) may stand before it), or the URL of the file in which its
        publisher states it.
      - Such a file is only read when something has to be installed.
    type: str
    required: true
  ca_file:
    description: File with the certificate authority of a server that the system does not know, in addition to the
      system's own.
    type: path
  ca:
    description: Another such certificate authority, as text in PEM form.
    type: str
    default: ''
  proxy:
    description: URL of the proxy for the download. Without it, the proxy variables of the environment apply.
    type: str
    default: ''
  dest:
    description: Directory that holds the files and nothing else.
    type: path
    required: true
  members:
    description: Files to install.
    type: list
    elements: dict
    required: true
    suboptions:
      member:
        description: Path in the archive.
        type: str
        required: true
      dest:
        description: Path below O(dest).
        type: str
        required: true
      mode:
        description: Permissions in octal notation.
        type: str
        default: "0644"
  links:
    description: Symbolic links to make, in this order, as a mapping of absolute path to target.
    type: dict
    default: {}
  timeout:
    description: Seconds without an answer after which the download fails.
    type: int
    default: 30
attributes:
  check_mode:
    support: full
    details: Asks the server whether the archive is there, downloads nothing.
  diff_mode:
    support: full
    details: Shows the archive's address and the links.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Install one version of istioctl
  bare.mesh.release_archive:
    url: https://github.com/istio/istio/releases/download/1.31.0/istio-1.31.0-linux-amd64.tar.gz
    checksum: https://github.com/istio/istio/releases/download/1.31.0/istio-1.31.0-linux-amd64.tar.gz.sha256
    dest: /opt/istioctl/1.31.0
    members:
      - {member: istio-1.31.0/bin/istioctl, dest: bin/istioctl, mode: "0755"}
    links:
      /opt/istioctl/current: 1.31.0
"""

RETURN = r"""
dest:
  description: The directory.
  returned: success
  type: str
  sample: /opt/istioctl/1.31.0
checksum:
  description: SHA-256 of the archive that is installed.
  returned: success, except in check mode before the first installation
  type: str
  sample: 5f3a...
"""

import http.client
import os
import shutil
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host import archive
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import Fetcher


def fetcher(ca_file: str | None, ca: str, proxy: str, timeout: float) -> Fetcher:
    """What downloads from the server, and trusts ca_file and ca besides the system's authorities."""
    if not ca_file:
        return Fetcher(ca, proxy, timeout)
    try:
        with open(ca_file, encoding="utf-8") as file:
            return Fetcher(f"{file.read()}\n{ca}", proxy, timeout)
    except (OSError, ValueError) as error:
        raise Failure(
            f"ca_file {ca_file} cannot be used: {error}; name a file with a certificate in PEM form"
        ) from error


def wanted_checksum(fetch: Fetcher, url: str, checksum: str) -> str:
    """The checksum that the archive must have."""
    if archive.SHA256.fullmatch(checksum):
        return checksum.lower()
    if "://" not in checksum:
        raise Failure(f"checksum {checksum!r} is neither a SHA-256 of 64 hexadecimal digits nor a URL")
    text = fetch.get(checksum).decode("utf-8", "replace")
    found = archive.published(text, url.rsplit("/", 1)[-1])
    if not found:
        raise Failure(
            f"{checksum} names no SHA-256 for {url.rsplit('/', 1)[-1]}; give the checksum itself, or a URL that names"
            " it"
        )
    return found


def _reason(error: Exception) -> Any:
    # An answer's text has the status, and a failed connection has its own reason.
    return str(error) if hasattr(error, "code") else getattr(error, "reason", error)


def download(fetch: Fetcher, url: str, wanted: str, directory: str) -> str:
    """The verified archive as a file in directory."""
    path = os.path.join(directory, "archive")
    try:
        with fetch.opener.open(url, timeout=fetch.timeout) as answer, open(path, "wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Failure(f"{url} cannot be downloaded: {_reason(error)}") from error
    actual = archive.digest(path)
    if actual != wanted:
        raise Failure(
            f"the checksum of {url} is wrong: expected sha256 {wanted}, got {actual}. "
            "Nothing was installed. If the server is yours, copy the archive there again; else correct the checksum"
        )
    return path


def converge(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Install what is missing; returns what the task reports."""
    url, checksum, dest = params["url"], params["checksum"].strip().removeprefix("sha256:"), params["dest"]
    known = checksum.lower() if archive.SHA256.fullmatch(checksum) else ""
    record = archive.installed(dest)
    install = not archive.satisfies(record, url, known, params["members"])
    links = params["links"]
    stale = [path for path, target in links.items() if not archive.link_state(path, target)]
    actual = (record or {}).get("sha256")
    if install:
        fetch = fetcher(params["ca_file"], params["ca"], params["proxy"], params["timeout"])
        actual = wanted_checksum(fetch, url, checksum)
        if check_mode:
            fetch.get(url, method="HEAD")
        else:
            # Beside dest, not in /tmp: archives are large, and /tmp is often in memory.
            parent = os.path.dirname(os.path.abspath(dest))
            os.makedirs(parent, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".download.", dir=parent) as directory:
                archive.extract(download(fetch, url, actual, directory), url, actual, params["members"], dest)
    if not check_mode:
        for path in stale:
            archive.link(path, links[path])
    before = [f"{dest} {(record or {}).get('url', 'absent')}"] if install else []
    after = [f"{dest} {url}"] if install else []
    return {
        "changed": bool(install or stale),
        "dest": dest,
        "checksum": actual,
        "diff": {
            "before": "".join(line + "\n" for line in before),
            "after": "".join(line + "\n" for line in [*after, *(f"{path} -> {links[path]}" for path in stale)]),
        },
    }


def work(module: AnsibleModule) -> dict[str, Any]:
    return converge(module.params, module.check_mode)


def main() -> None:
    run(
        work,
        {
            "url": {"type": "str", "required": True},
            "checksum": {"type": "str", "required": True},
            "ca_file": {"type": "path"},
            "ca": {"type": "str", "default": ""},
            "proxy": {"type": "str", "default": "", "no_log": True},
            "dest": {"type": "path", "required": True},
            "members": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "member": {"type": "str", "required": True},
                    "dest": {"type": "str", "required": True},
                    "mode": {"type": "str", "default": "0644"},
                },
            },
            "links": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 30},
        },
    )


if __name__ == "__main__":
    main()
