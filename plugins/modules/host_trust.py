#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_trust
short_description: Puts CA certificates into the operating system's trust store
version_added: 0.1.0
description:
  - Writes the certificates to the folder that C(update-ca-trust) or C(update-ca-certificates) reads, and runs that
    program.
  - It compares with the bundle that the program generates. So the next run completes one that was interrupted between
    the two.
extends_documentation_fragment:
  - bare.mesh.attributes
options:
  certificates:
    description: Name to certificate in PEM.
    type: dict
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Trust the company's CA
  bare.mesh.host_trust:
    certificates:
      company: "{{ lookup('ansible.builtin.file', 'company-ca.crt') }}"
"""

RETURN = r"""
trusted:
  description: The certificates that were, or in check mode would be, added.
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.module import run
from ansible_collections.bare.mesh.plugins.module_utils._host.files import Files, read

# program -> (folder of the certificates, generated bundle)
STORES = {
    "update-ca-trust": ("/etc/pki/ca-trust/source/anchors", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
    "update-ca-certificates": ("/usr/local/share/ca-certificates", "/etc/ssl/certs/ca-certificates.crt"),
}
END = "-----END CERTIFICATE-----"


def bodies(pem: str) -> set[str]:
    """The base64 bodies of the certificates in a PEM file, without line breaks."""
    blocks = pem.split("-----BEGIN CERTIFICATE-----")[1:]
    return {"".join(block.split(END)[0].split()) for block in blocks if END in block}


def work(module: AnsibleModule) -> dict[str, Any]:
    program, store = next(
        ((path, STORES[name]) for name in STORES if (path := module.get_bin_path(name))), ("", ("", ""))
    )
    if not program:
        raise Failure(
            "this host has neither update-ca-trust nor update-ca-certificates; install the package ca-certificates"
        )
    folder, bundle = store
    known = bodies(read(bundle).decode(errors="replace"))
    files = Files(module)
    missing = []
    for name, pem in module.params["certificates"].items():
        wanted = bodies(pem) if isinstance(pem, str) else set()
        if not wanted:
            raise Failure(f"{name} is not a certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----")
        files.want(f"{folder}/bare-mesh-{name}.crt", pem.strip() + "\n")
        if not wanted <= known:
            missing.append(name)
    changed = bool(files.todo or missing)
    if changed and not module.check_mode:
        files.write()
        module.run_command([program], check_rc=True)
        if not bodies("".join(module.params["certificates"].values())) <= bodies(read(bundle).decode(errors="replace")):
            raise Failure(f"{program} ran, but {bundle} lacks a certificate of {folder}; run it by hand to see why")
    return {"changed": changed, "trusted": missing, "diff": files.diff}


def main() -> None:
    run(work, {"certificates": {"type": "dict", "required": True}})


if __name__ == "__main__":
    main()
