#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_repositories
short_description: Configures the package repositories of Kubernetes and of containerd
version_added: 0.1.0
description:
  - Writes the repositories C(bare-mesh-kubernetes) and C(bare-mesh-docker) for C(dnf) or C(apt), with signature checks
    on.
  - A signing key is fetched from the repository and written only if its fingerprint is the expected one.
  - Where the owner of a key has prolonged it, the copies of the old one that C(rpm) and C(dnf) keep are replaced. They
    do not do that by themselves.
  - C(dnf) is told to leave the pinned packages alone in a full upgrade, by C(exclude).
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  source:
    description:
      - Base URLs in the layout of the official servers, with the keys V(kubernetes) and V(docker).
      - V(kubernetes_path) is the path of the stable releases below the first one, where it is not V(core:/stable:).
    type: dict
    required: true
  kubernetes_version:
    description: Kubernetes version. Its repository holds one minor version.
    type: str
    required: true
  fingerprints:
    description: Fingerprints of the signing keys, with the keys V(kubernetes), V(docker_deb) and V(docker_rpm).
    type: dict
    required: true
  ca:
    description: Certificates in PEM that sign the source's certificate, where the host does not trust it already.
    type: str
    default: ""
  proxy:
    description:
      - URL of the proxy by which the package manager, and the fetching of the keys, go out.
      - Empty removes what an earlier run has set. A setting that this collection did not make stays.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    details: The keys are fetched and verified in check mode as well.
  diff_mode:
    support: full
    details: A key is shown by its fingerprint and the date on which it expires.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Configure the repositories
  bare.mesh.host_repositories:
    source: {kubernetes: https://pkgs.k8s.io, docker: https://download.docker.com}
    kubernetes_version: 1.36.5
    fingerprints:
      kubernetes: DE15B14486CD377B9E876E1A234654DA9A296436
      docker_deb: 9DC858229FC7DD38854AE2D88D81803C0EBFCD88
      docker_rpm: 060A61C51B558A7F742B77AAC52FEB6B621E9F35
"""

RETURN = r"""
files:
  description: The files that were, or in check mode would be, written.
  returned: always
  type: list
  elements: str
renewed:
  description: The keys of C(rpm) that were, or in check mode would be, replaced by their prolonged form.
  returned: always
  type: list
  elements: str
"""

import datetime
import platform
import re
import shutil
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host import (
    apt_sources,
    distributions,
    fetch,
    openpgp,
    rpm_keys,
)
from ansible_collections.bare.mesh.plugins.module_utils._host.files import Files, read

HEADER = "# Written by bare.mesh.\n"
APT_PROXY = "/etc/apt/apt.conf.d/95bare-mesh-proxy"
DNF_CONF = "/etc/dnf/dnf.conf"
PROXY_MARK = "# Written by bare.mesh:"


def yum_file(repository: dict[str, Any], key_path: str) -> str:
    """The .repo file of one repository."""
    return HEADER + "\n".join(
        [
            f"[{repository['name']}]",
            f"name={repository['name']}",
            f"baseurl={repository['url']}",
            "enabled=1",
            "gpgcheck=1",
            f"repo_gpgcheck={1 if repository['signed'] else 0}",
            f"gpgkey=file://{key_path}",
            f"exclude={' '.join(repository['exclude'])}",
            "",
        ]
    )


def apt_file(repository: dict[str, Any], key_path: str, architecture: str) -> str:
    """The deb822 .sources file of one repository."""
    suite, _space, component = repository["suite"].partition(" ")
    lines = ["Types: deb", f"URIs: {repository['url']}", f"Suites: {suite}"]
    lines += [f"Components: {component}"] if component else []
    return HEADER + "\n".join([*lines, f"Architectures: {architecture}", f"Signed-By: {key_path}", ""])


def dnf_conf(text: str, proxy: str) -> str:
    """dnf.conf with this proxy, or without the one that an earlier run set."""
    text = re.sub(rf"^{PROXY_MARK}\nproxy=.*\n", "", text, flags=re.MULTILINE)
    if not proxy:
        return text
    text = re.sub(r"^proxy\s*=.*\n", "", text, flags=re.MULTILINE)
    line = f"{PROXY_MARK}\nproxy={proxy}\n"
    if "[main]\n" not in text:
        return f"[main]\n{line}{text}"
    return text.replace("[main]\n", f"[main]\n{line}", 1)


def want_proxy(proxy: str, files: Files, family: str) -> None:
    """The package manager's own proxy setting; a password in it is not shown."""
    path = DNF_CONF if family == "rpm" else APT_PROXY
    before = read(path).decode(errors="replace")
    mode = 0o600 if "@" in proxy else 0o644
    # The setting that is removed may have a password, too.
    shown = "(a proxy with a password)\n" if "@" in proxy + before else None
    if family == "rpm":
        after = dnf_conf(before, proxy)
        if after != before:
            files.want(DNF_CONF, after, mode, shown)
    elif proxy:
        text = f'// Written by bare.mesh.\nAcquire::http::Proxy "{proxy}";\nAcquire::https::Proxy "{proxy}";\n'
        files.want(APT_PROXY, text, mode, shown)
    else:
        files.unwant(APT_PROXY, shown)


def verified_key(module: AnsibleModule, fetcher: fetch.Fetcher, repository: dict[str, Any], path: str) -> bytes:
    """The repository's signing key.

    Where the source gives none, the one on the host is used if it is the expected one.
    """
    wanted = str(module.params["fingerprints"].get(repository["key"], "")).replace(" ", "").upper()
    url = repository["key_url"]
    if not wanted:
        raise Failure(f"fingerprints has no entry {repository['key']}; it is needed for {url}")
    try:
        data = fetcher.get(url)
        found = openpgp.fingerprints(data)
    except (fetch.FetchError, openpgp.NotAKey) as error:
        data = read(path)
        if not data or not is_key(data, wanted):
            fix = "check source, and with your own mirror also ca"
            raise Failure(f"the signing key {url}: {error}; {fix}") from error
        return data
    if found != [wanted]:
        raise Failure(
            f"the signing key {url} has the fingerprint {', '.join(found)}, but fingerprints.{repository['key']} "
            f"is {wanted}: if the server is the right one, compare with its owner's published fingerprint and set that"
        )
    return data


def is_key(data: bytes, wanted: str) -> bool:
    """Whether a file holds this key and no other."""
    try:
        return openpgp.fingerprints(data) == [wanted]
    except openpgp.NotAKey:
        return False


def described(key: bytes) -> str:
    (name, *_others), ends = openpgp.fingerprints(key), openpgp.term(key).ends
    day = datetime.datetime.fromtimestamp(ends, datetime.timezone.utc).date().isoformat() if ends else ""
    return f"the key {name}{f', valid until {day}' if day else ''}\n"


class Renewal:
    """The copies of our keys that rpm and dnf keep, and that are older than the keys' files will be."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.known: dict[str, str] | None = None
        # Path of a key's file -> rpm's names of its old copies.
        self.names: dict[str, list[str]] = {}
        self.keyrings: list[str] = []

    def want(self, name: str, path: str, key: bytes, rewritten: bool) -> None:
        if self.known is None:
            self.known = rpm_keys.imported(self.module)
        names = rpm_keys.outdated(self.known, key)
        if names:
            self.names[path] = names
        if rewritten:
            self.keyrings += rpm_keys.keyrings(name)

    def all_names(self) -> list[str]:
        return sorted({name for names in self.names.values() for name in names})

    def diff(self) -> list[dict[str, str]]:
        shown = [(name, described((self.known or {})[name].encode())) for name in self.all_names()]
        shown += [(path, "the keys that dnf keeps\n") for path in self.keyrings]
        return [{"before_header": name, "after_header": name, "before": old, "after": ""} for name, old in shown]


def work(module: AnsibleModule) -> dict[str, Any]:
    release = distributions.parse_os_release(read("/etc/os-release").decode())
    machine = platform.machine()
    try:
        fetcher = fetch.Fetcher(module.params["ca"], module.params["proxy"])
    except (OSError, ValueError) as error:
        raise Failure(f"ca is not a certificate in PEM form: {error}") from error
    files, renewal = Files(module), Renewal(module)
    want_proxy(module.params["proxy"], files, distributions.family(release))
    for repository in distributions.repositories(
        release, machine, module.params["source"], module.params["kubernetes_version"]
    ):
        name = repository["name"]
        if distributions.family(release) == "deb":
            key_path = apt_sources.key_path_of(name)
            key = verified_key(module, fetcher, repository, key_path)
            files.want(key_path, openpgp.dearmor(key), shown=described(key))
            architecture = distributions.MACHINES.get(machine, machine)
            files.want(apt_sources.path_of(name), apt_file(repository, key_path, architecture))
        else:
            key_path = f"/etc/pki/rpm-gpg/RPM-GPG-KEY-{name}"
            key = verified_key(module, fetcher, repository, key_path)
            files.want(key_path, key, shown=described(key))
            renewal.want(name, key_path, key, key_path in files.todo)
            files.want(f"/etc/yum.repos.d/{name}.repo", yum_file(repository, key_path))
    if not module.check_mode:
        # Before the files: a run that is killed here does the same again.
        for folder in renewal.keyrings:
            shutil.rmtree(folder)
        files.write()
        for path, names in renewal.names.items():
            rpm_keys.replace(module, names, path)
    return {
        "changed": bool(files.todo or renewal.names or renewal.keyrings),
        "files": sorted(files.todo),
        "renewed": renewal.all_names(),
        "diff": files.diff + renewal.diff(),
    }


def main() -> None:
    run(
        work,
        {
            "source": {"type": "dict", "required": True},
            "kubernetes_version": {"type": "str", "required": True},
            "fingerprints": {"type": "dict", "required": True, "no_log": False},
            "ca": {"type": "str", "default": ""},
            "proxy": {"type": "str", "default": "", "no_log": True},
        },
    )


if __name__ == "__main__":
    main()
