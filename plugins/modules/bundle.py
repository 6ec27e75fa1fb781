#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: bundle
short_description: Makes the folder that a mirror serves to hosts without access to the internet
version_added: 0.2.0
description:
  - Downloads packages, archives, charts and images into a folder with the layouts of the official servers. Each file is
    compared with the digest that its publisher states, and appears verified or not at all.
  - Indexes of package repositories are verified by their signatures, which needs the program C(gpgv), and stored
    unchanged, so that the hosts verify them, too.
  - C(lock.yml) in the folder names each file by its digest. With O(lock), exactly those files are downloaded.
  - Files that are there with the right digest are not downloaded again. Those of an earlier C(lock.yml) that are no
    longer asked for are removed.
  - Images are stored as a registry of Debian's package C(docker-registry) reads them, below the name of their registry.
    Their index stays unchanged, so they keep their digest.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  root:
    description: The folder.
    type: path
    required: true
  lock:
    description: Lock of an earlier bundle. Anything else than its files is refused.
    type: path
  archives:
    description: Release archives.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: Address of the archive.
        type: str
        required: true
      path:
        description: Its path below O(root).
        type: str
        required: true
      checksum:
        description: Its SHA-256, or the address of the file that states it, or what must be appended to the archive's
          own address to get that file, which is then part of the bundle.
        type: str
        default: .sha256
  charts:
    description: Helm charts.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: Address of their repository, which has an C(index.yaml), with the archives beside it.
        type: str
        required: true
      path:
        description: Path of the repository below O(root).
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
  images:
    description: Images with registry and tag.
    type: list
    elements: str
    default: []
  platforms:
    description: Platforms of the images.
    type: list
    elements: str
    default: [linux/amd64]
  packages:
    description: Package repositories of the hosts' operating systems, and what is wanted of them. Packages of the same
      repository that these depend on come with them.
    type: dict
    suboptions:
      systems:
        description:
          - Operating systems. V(el8) is for Alibaba Cloud Linux 3 and Anolis OS 8, V(el9) also for openEuler, Kylin,
            Alibaba Cloud Linux 4 and Anolis OS 23.
        type: list
        elements: str
        required: true
        choices: [el8, el9, el10, debian12, debian13, ubuntu22.04, ubuntu24.04, ubuntu26.04]
      machines:
        description: Architectures, in the form that C(uname -m) prints.
        type: list
        elements: str
        default: [x86_64]
        choices: [x86_64, aarch64]
      source:
        description: Where the repositories are, as C(meta/sources.yml) has it.
        type: dict
        required: true
      official:
        description: Where their publishers have them. The folder has the same layout.
        type: dict
        required: true
      kubernetes_version:
        description: Release of Kubernetes, which selects its repository.
        type: str
        required: true
      kubernetes:
        description: Package -> version, or a pattern such as V(1.*), or an empty string for the newest, of the
          repository of Kubernetes.
        type: dict
        required: true
      docker:
        description: The same for the repository of docker.
        type: dict
        required: true
      fingerprints:
        description: Fingerprints of the keys C(kubernetes), C(docker_deb) and C(docker_rpm).
        type: dict
        required: true
  registries:
    description: Name of a registry -> endpoint that serves its images, in the form of containerd's C(hosts.toml).
    type: dict
    default: {}
  logins:
    description: Server of a registry -> C(name:password) in base64.
    type: dict
    default: {}
  ca_file:
    description: File with the certificate authority of a server that the system does not know, in addition to the
      system's own.
    type: path
  proxy:
    description: URL of the proxy. Without it, the proxy variables of the environment apply.
    type: str
    default: ''
  timeout:
    description: Seconds without an answer after which a download fails.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
    details: Reads indexes, checksums and manifests, and downloads nothing into O(root).
  diff_mode:
    support: full
    details: Shows the lines of the lock of the files that are downloaded or removed.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Make a bundle
  bare.mesh.bundle:
    root: /srv/mirror
    archives:
      - url: https://get.helm.sh/helm-v4.2.0-linux-amd64.tar.gz
        path: get.helm.sh/helm-v4.2.0-linux-amd64.tar.gz
        checksum: .sha256sum
    images:
      - registry.k8s.io/pause:3.10.2
    platforms: [linux/amd64, linux/arm64]

- name: Make the same bundle again on another machine
  bare.mesh.bundle:
    root: /srv/mirror
    lock: /srv/lock.yml
    images:
      - registry.k8s.io/pause:3.10.2
    platforms: [linux/amd64, linux/arm64]
"""

RETURN = r"""
files:
  description: Number of files in the bundle.
  returned: success
  type: int
  sample: 412
size:
  description: Size of the bundle in bytes.
  returned: success
  type: int
  sample: 2147483648
downloaded:
  description: Paths of the files that were downloaded.
  returned: success
  type: list
  elements: str
"""

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._bundle import deb, images, lock, releases, rpm, systems
from ansible_collections.bare.mesh.plugins.module_utils._bundle.download import PART, Downloader, folder
from ansible_collections.bare.mesh.plugins.module_utils._bundle.entry import Entry
from ansible_collections.bare.mesh.plugins.module_utils._host import distributions
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import Fetcher

# A registry or a file server does not take much more from one address.
AT_ONCE = 4


def fetcher(params: dict[str, Any]) -> Fetcher:
    """What downloads, and trusts ca_file besides the system's authorities."""
    if params["ca_file"]:
        try:
            authority = Path(params["ca_file"]).read_text(encoding="utf-8")
            return Fetcher(authority, params["proxy"], params["timeout"])
        except (OSError, ValueError) as error:
            raise Failure(
                f"ca_file {params['ca_file']} cannot be used: {error}; name a certificate in PEM form"
            ) from error
    return Fetcher("", params["proxy"], params["timeout"])


def packages(module: AnsibleModule, store: Downloader) -> list[Callable[[], list[Entry]]]:
    """What fetches the package repositories."""
    if not module.params["packages"]:
        return []
    program = module.get_bin_path("gpgv")

    def verify(arguments: list[str]) -> tuple[int, str, str]:
        code, out, err = module.run_command([str(program), *arguments])
        return code, out, err

    kinds = {"deb": deb.fetch, "rpm": rpm.fetch}
    return [
        partial(kinds[kind], store.get, store.place, one, verify if program else None)
        for kind, one in systems.repositories(module.params["packages"])
    ]


def everything(module: AnsibleModule, store: Downloader) -> list[Entry]:
    """Fetch all that is asked for. Raises Failure with all that cannot be had."""
    params = module.params
    jobs: list[Callable[[], list[Entry]]] = [
        *packages(module, store),
        *(partial(releases.fetch_archive, store, one) for one in params["archives"]),
        *(partial(releases.fetch_charts, store, one) for one in params["charts"]),
        *(
            partial(images.fetch, store, one, params["platforms"], params["registries"], params["logins"])
            for one in dict.fromkeys(params["images"])
        ),
    ]

    def attempt(job: Callable[[], list[Entry]]) -> list[Entry] | Failure:
        try:
            return job()
        except Failure as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(attempt, jobs))
    faults = [str(one) for one in results if isinstance(one, Failure)]
    if faults:
        raise Failure("; ".join(dict.fromkeys(faults)), faults=faults)
    return [entry for one in results if not isinstance(one, Failure) for entry in one]


def refuse_place(root: Path) -> None:
    """Raise Failure if a new bundle cannot be made in root."""
    there = next(one for one in (root, *root.parents) if one.exists())
    if not there.is_dir():
        raise Failure(f"root is {root}, but {there} is no directory; name another one")
    if not os.access(there, os.W_OK | os.X_OK):
        raise Failure(f"root is {root}, but this user cannot write in {there}; create it, or name another one")


def remove(root: Path, paths: list[str]) -> None:
    """Remove files, and the directories that are empty then."""
    for path in paths:
        file = root / path
        file.unlink(missing_ok=True)
        for parent in file.parents:
            if parent == root or not parent.is_dir() or any(parent.iterdir()):
                break
            parent.rmdir()


def tidy(root: Path) -> None:
    """Remove what a killed run has left unfinished."""
    for file in list(root.rglob(f".*{PART}")):
        file.unlink()


def write(path: Path, content: str) -> None:
    """Replace the lock in one step."""
    folder(path.parent)
    fresh = path.with_name(f".{path.name}{PART}")
    fresh.write_text(content, encoding="utf-8")
    fresh.chmod(0o644)
    os.replace(fresh, path)


def work(module: AnsibleModule) -> dict[str, Any]:
    """Make the bundle, or foretell it."""
    params = module.params
    wrong = images.faults(params["images"])
    if params["timeout"] < 1:
        wrong.append(f"timeout is {params['timeout']}; give at least one second")
    if params["images"] and not params["platforms"]:
        wrong.append("platforms is empty; name at least one, as in linux/amd64")
    if wrong:
        raise Failure("; ".join(wrong))
    root, own = Path(params["root"]), Path(params["root"], lock.NAME)
    if not own.exists():
        refuse_place(root)
    locked = lock.read(Path(params["lock"])) if params["lock"] else None
    before = lock.read(own) if own.exists() else []
    with tempfile.TemporaryDirectory(prefix="bare-mesh-bundle.") as directory:
        store = Downloader(
            root,
            fetcher(params),
            None if locked is None else lock.digests(locked),
            Path(directory) if module.check_mode else None,
        )
        after = lock.ordered(everything(module, store))
    if locked is not None:
        unasked = sorted(lock.digests(locked).keys() - lock.digests(after).keys())
        if unasked:
            raise Failure(
                f"the lock {params['lock']} has files that the settings do not ask for: {lock.shortened(unasked)}; use"
                " the settings with which it was made"
            )
    surplus = sorted(
        path for path in lock.digests(before).keys() - lock.digests(after).keys() if (root / path).exists()
    )
    rewritten = not own.exists() or own.read_text(encoding="utf-8") != lock.text(after)
    if not module.check_mode:
        tidy(root)
        remove(root, surplus)
        if rewritten:
            write(own, lock.text(after))
    kept = [one for one in before if one.path not in store.written]
    return {
        "changed": bool(store.written or surplus or rewritten),
        "files": len(lock.digests(after)),
        "size": sum({one.path: one.size for one in after}.values()),
        "downloaded": sorted(store.written),
        # A file of the lock that is missing or damaged is as good as none.
        "diff": {"before": lock.text(kept) if before else "", "after": lock.text(after)},
    }


def main() -> None:
    text = {"type": "str", "required": True}
    texts = {"type": "list", "elements": "str"}
    run(
        work,
        {
            "root": {"type": "path", "required": True},
            "lock": {"type": "path"},
            "archives": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"url": text, "path": text, "checksum": {"type": "str", "default": ".sha256"}},
            },
            "charts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"url": text, "path": text, "charts": {**texts, "required": True}, "version": text},
            },
            "images": {**texts, "default": []},
            "platforms": {**texts, "default": ["linux/amd64"]},
            "packages": {
                "type": "dict",
                "options": {
                    "systems": {**texts, "required": True, "choices": list(systems.SYSTEMS)},
                    "machines": {**texts, "default": ["x86_64"], "choices": list(distributions.MACHINES)},
                    "source": {"type": "dict", "required": True},
                    "official": {"type": "dict", "required": True},
                    "kubernetes_version": text,
                    "kubernetes": {"type": "dict", "required": True},
                    "docker": {"type": "dict", "required": True},
                    "fingerprints": {"type": "dict", "required": True},
                },
            },
            "registries": {"type": "dict", "default": {}},
            "logins": {"type": "dict", "default": {}, "no_log": True},
            "ca_file": {"type": "path"},
            "proxy": {"type": "str", "default": "", "no_log": True},
            "timeout": {"type": "int", "default": 60},
        },
    )


if __name__ == "__main__":
    main()
