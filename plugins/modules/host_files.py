#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_files
short_description: Writes the files that belong together in one task
version_added: 0.1.0
description:
  - Compares all of the files with the host first and writes those that differ, creating their folders.
  - One task a set of files, where M(ansible.builtin.copy) takes one round trip to the host for each.
options:
  files:
    description: Absolute path to content.
    type: dict
    default: {}
  absent:
    description:
      - Files to remove, if they were written by this collection, which their first line says.
      - A file of the user's own at that path stays.
    type: list
    elements: path
    default: []
  mode:
    description: Mode of the files written, in octal notation.
    type: str
    default: "0644"
attributes:
  check_mode:
    support: full
    description: Compares without writing.
  diff_mode:
    support: full
    description: Shows the files before and after.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Point the runtime to the mirror
  bare.mesh.host_files:
    files:
      /etc/containerd/certs.d/docker.io/hosts.toml: "{{ lookup('ansible.builtin.template', 'hosts.toml.j2') }}"
    absent: [/etc/containerd/certs.d/quay.io/hosts.toml]
"""

RETURN = r"""
files:
  description: The files that were, or in check mode would be, written or removed.
  returned: always
  type: list
  elements: str
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._host.files import Files


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "dict", "default": {}},
            "absent": {"type": "list", "elements": "path", "default": []},
            "mode": {"type": "str", "default": "0644"},
        },
        supports_check_mode=True,
    )
    files = Files(module)
    if not re.fullmatch("0?[0-7]{3}", module.params["mode"]):
        module.fail_json(msg=f"mode {module.params['mode']} is not an octal mode such as 0644")
    for path, content in module.params["files"].items():
        if not path.startswith("/"):
            module.fail_json(msg=f"{path} is no absolute path")
        if not isinstance(content, str):
            module.fail_json(msg=f"the content of {path} must be a text: quote it")
        files.want(path, content, int(module.params["mode"], 8))
    for path in module.params["absent"]:
        files.unwant(path)
    if not module.check_mode:
        try:
            files.write()
        except OSError as error:
            module.fail_json(msg=f"{error.filename}: {error.strerror}; nothing more was written")
    module.exit_json(changed=bool(files.todo), files=sorted(files.todo), diff=files.diff)


if __name__ == "__main__":
    main()
