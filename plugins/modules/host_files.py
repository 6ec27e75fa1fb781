#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_files
short_description: Writes the files that belong together in one task
version_added: 0.1.0
description:
  - Compares all of the files with the host first and writes those that differ, creating their folders.
  - Templates are rendered on the controller, so one round trip to the host writes a set of files, where
    M(ansible.builtin.template) and M(ansible.builtin.copy) take several for each.
options:
  files:
    description: The files. Each has either O(files[].src) or O(files[].content).
    type: list
    elements: dict
    default: []
    suboptions:
      dest:
        description: Absolute path on the host.
        type: str
        required: true
      src:
        description: A template on the controller, found as M(ansible.builtin.template) finds its own.
        type: str
      value:
        description: What the template sees as C(value), besides the variables that all templates see.
        type: raw
      content:
        description: The text itself.
        type: str
      mode:
        description: Mode of the file, in octal notation.
        type: str
        default: "0644"
  absent:
    description:
      - Files to remove, if they were written by this collection, which their first line says.
      - A file of the user's own at that path stays.
    type: list
    elements: path
    default: []
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
      - src: config.toml.j2
        dest: /etc/containerd/config.toml
      - src: hosts.toml.j2
        dest: /etc/containerd/certs.d/docker.io/hosts.toml
        value: https://mirror.example.com/v2/docker.io
      - content: "HTTPS_PROXY={{ proxy }}\n"
        dest: /etc/containerd/proxy.env
        mode: "0600"
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

FILE = {
    "dest": {"type": "str", "required": True},
    "src": {"type": "str"},
    "value": {"type": "raw"},
    "content": {"type": "str"},
    "mode": {"type": "str", "default": "0644"},
}


def main() -> None:
    """The host's part: the action plugin has made the templates' contents of them."""
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": FILE,
                "required_one_of": [("src", "content")],
                "mutually_exclusive": [("src", "content")],
            },
            "absent": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    files = Files(module)
    for one in module.params["files"]:
        path, mode = one["dest"], one["mode"]
        if not path.startswith("/"):
            module.fail_json(msg=f"dest: {path} is not an absolute path")
        if not re.fullmatch("0?[0-7]{3}", mode):
            module.fail_json(msg=f"mode of {path}: {mode} is not an octal mode such as 0644")
        files.want(path, one["content"], int(mode, 8))
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
