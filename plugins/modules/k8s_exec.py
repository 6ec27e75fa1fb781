#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_exec
short_description: Runs a command in a container of a pod
version_added: 0.1.0
description:
  - Runs one command in a running container, as C(kubectl exec) does, and returns its output.
  - The module does not know whether the command changes something, so it always reports a change. Set
    C(changed_when=false) for a command that only reads.
extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.connection
  - bare.mesh.connection.api_host
options:
  namespace:
    description: Namespace of the pod.
    type: str
    required: true
  pod:
    description: Name of the pod.
    type: str
  label_selectors:
    description: Label selectors of the pod, instead of its name. Of the pods that match all of them, the first ready
      one is used.
    type: list
    elements: str
  container:
    description: Container of the pod. By default, the default container of the pod.
    type: str
  command:
    description: The program and its arguments. No shell interprets them.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds after which the module fails if the command has not ended.
    type: int
    default: 60
  expect:
    description:
      - Regular expressions that the output must match, each somewhere.
      - Where it does, RV(stdout) is left out, so that C(-v) does not show a page that was only looked at. Where it does
        not, the module fails and returns it.
    type: list
    elements: str
    default: []
  expect_count:
    description: How often each expression of O(expect) must match.
    type: int
    default: 1
attributes:
  check_mode:
    support: none
    details: The task is skipped, because the command may change something.
  diff_mode:
    support: none
    details: The module does not know what the command changes.
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Request the product page from inside the mesh
  bare.mesh.k8s_exec:
    namespace: bookinfo
    label_selectors: [app=ratings]
    container: ratings
    command: [curl, -sS, "http://productpage:9080/productpage"]
  register: page
  changed_when: false

- name: Check that five requests in a row are answered by the page
  bare.mesh.k8s_exec:
    namespace: bookinfo
    label_selectors: [app=ratings]
    container: ratings
    command: [curl, -sS, "http://productpage:9080/productpage?request=[1-5]"]
    expect: [<title>Simple Bookstore App]
    expect_count: 5
  changed_when: false
"""

RETURN = r"""
pod:
  description: The pod that ran the command.
  returned: always
  type: str
  sample: ratings-v1-6665bcdf55-4qs9x
rc:
  description: Exit status of the command.
  returned: always
  type: int
  sample: 0
stdout:
  description: Output of the command.
  returned: unless it matches O(expect)
  type: str
  sample: <title>Simple Bookstore App</title>
stderr:
  description: Error output of the command.
  returned: always
  type: str
  sample: ""
"""

import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.commands import execute, find_pod
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.module import run


def expressions(params: dict[str, Any]) -> list[re.Pattern[str]]:
    """The compiled expressions of expect. Raises Failure if one is not valid."""
    compiled = []
    for text in params["expect"]:
        try:
            compiled.append(re.compile(text))
        except re.error as error:
            raise Failure(f"expect: {text} is not a valid regular expression: {error}") from error
    return compiled


def work(module: AnsibleModule) -> dict[str, Any]:
    """Find the pod and run the command.

    Raises Failure if the command ends with another status than 0, or its output is not what is expected.
    """
    params = module.params
    expected = expressions(params)
    client = Client(params)
    client.reach()
    namespace = params["namespace"]
    pod = params["pod"] or find_pod(client, namespace, params["label_selectors"])
    done = execute(client, namespace, pod, params["container"], params["command"], params["timeout"])
    if done["rc"]:
        said = (done["stderr"] or done["stdout"]).strip()
        # The command has run, so it may have changed something.
        raise Failure(
            f"{' '.join(params['command'])} in {done['pod']} ended with status {done['rc']}: {said}",
            changed=True,
            **done,
        )
    for one in expected:
        found = sum(1 for _match in one.finditer(done["stdout"]))
        if found < params["expect_count"]:
            raise Failure(
                f"the output of {' '.join(params['command'])} in {done['pod']} matches {one.pattern} {found} times, not"
                f" {params['expect_count']} times as expected",
                changed=True,
                **done,
            )
    if expected:
        del done["stdout"]
    return {"changed": True, **done}


def main() -> None:
    run(
        work,
        {
            "namespace": {"type": "str", "required": True},
            "pod": {"type": "str"},
            "label_selectors": {"type": "list", "elements": "str"},
            "container": {"type": "str"},
            "command": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "default": 60},
            "expect": {"type": "list", "elements": "str", "default": []},
            "expect_count": {"type": "int", "default": 1},
        },
        supports_check_mode=False,
        required_one_of=[("pod", "label_selectors")],
        mutually_exclusive=[("pod", "label_selectors")],
    )


if __name__ == "__main__":
    main()
