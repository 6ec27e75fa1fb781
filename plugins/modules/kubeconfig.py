#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig
short_description: Keeps a copy of the host's admin kubeconfig on the controller
version_added: 0.1.0
description:
  - Reads the kubeconfig of the control plane host and writes it to the controller, mode 0600, with an address of the API server
    that the controller reaches.
  - A file that is not such a copy, but the user's kubeconfig of another cluster or of several, is never replaced nor removed.
  - Its content is in no result, so the task needs no C(no_log).
options:
  src:
    description: The kubeconfig on the host.
    type: path
    default: /etc/kubernetes/admin.conf
  dest:
    description: The file on the controller. Its directory is made if it is missing.
    type: path
    required: true
  server:
    description: URL of the API server for the copy.
    type: str
    required: true
  state:
    description: Whether the copy shall be there. With V(absent) the host is not asked.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
    description: A kubeconfig that the host does not have yet is predicted as a change of the copy.
  diff_mode:
    support: none
    description: The content is secret.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Fetch the kubeconfig
  bare.mesh.kubeconfig:
    dest: ~/.kube/bare_mesh.kubeconfig
    server: https://192.0.2.10:6443

- name: Forget the cluster
  bare.mesh.kubeconfig:
    dest: ~/.kube/bare_mesh.kubeconfig
    server: https://192.0.2.10:6443
    state: absent
"""

RETURN = r"""
dest:
  description: The file on the controller.
  returned: always
  type: str
"""
