"""Begin the module of a kind of Istio: `python -m tools.istio_kind ServiceEntry`.

Writes the module with a placeholder for each text, its schema, and the files for its rules and tests. Files that exist
stay. What is left to write: the rules, the texts, the examples, and the tests' data.
"""

from __future__ import annotations

import re
import sys

import yaml

from tools import istio_schema
from tools.istio_schema import ROOT, definitions_of_kinds, option_type, renamed, snake

MODULE = '''#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: {name}
short_description: Manages Istio's {kind}s, which FILL IN
version_added: 0.2.0
description:
  - Creates, changes and removes {kind}s of Istio (C({group})), one or many in a task.
  - Checks all resources by the rules of Istio before anything is written. The message names each wrong field and the
    fix.
  - The fields inside the options are those of Istio, see
    U({page}).
options:
{options}extends_documentation_fragment:
  - bare.mesh.attributes
  - bare.mesh.istio_kind
  - bare.mesh.connection
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: FILL IN
  bare.mesh.{name}:
    name: FILL IN
    namespace: shop

- name: Several in one task, the second one as a Kubernetes manifest
  bare.mesh.{name}:
    namespace: shop
    resources:
      - name: FILL IN
      - metadata:
          name: FILL IN
        spec: {{}}

- name: Remove one
  bare.mesh.{name}:
    name: FILL IN
    namespace: shop
    state: absent
"""

RETURN = r"""
objects:
  description: The resources, and what happened to each of them.
  returned: success
  type: list
  elements: dict
  contains:
    api_version:
      description: Its API version.
      type: str
    kind:
      description: Its kind.
      type: str
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    action:
      description: V(created), V(updated), V(unchanged), V(deleted) or V(absent). In check mode, what would happen.
      type: str
"""

from ansible_collections.bare.mesh.plugins.module_utils._istio import kind_module
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.{name} import faults
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import {name}


def main() -> None:
    kind_module.main({name}, faults)


if __name__ == "__main__":
    main()
'''
RULES = '''# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in {a_kind}.

{page}

Rules of Validate{kind} in Istio {minor} (pkg/config/validation) and of the definition of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec = definition["spec"]
'''
DATA = """---
kind: {kind}
# The options of a task and of one that changes it; then the field goes that removed leads to.
first: {{}}
second: {{}}
removed: []
# Specs, and the path of the fault that is to be found in each; none where it is valid.
specs:
  - spec: {{}}
"""


def begin(kind: str) -> None:
    """Write the files of a kind."""
    definition, name = definitions_of_kinds()[kind], snake(kind)
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    found = re.search(r"istio\.io/docs/([\w/-]+)\.html", schema["description"])
    page = f"https://istio.io/latest/docs/{found[1] if found else 'reference/config'}/"
    options = {
        renamed(kind, field): {"description": ["FILL IN", f"Reference U({page}#{kind})."], **option_type(node)}
        for field, node in schema["properties"].items()
    }
    text = yaml.safe_dump(options, sort_keys=False, width=118)
    version = yaml.safe_load((ROOT / "meta/defaults.yml").read_text())["bare_mesh_istio_version"]
    values = {
        "name": name,
        "kind": kind,
        "a_kind": f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}",
        "group": definition["spec"]["group"],
        "page": page,
        "minor": version.rpartition(".")[0],
        "options": re.sub(r"^(?=.)", "  ", text, flags=re.M),
    }
    for path, template in (
        (f"plugins/modules/{name}.py", MODULE),
        (f"plugins/module_utils/_istio/rules/{name}.py", RULES),
        (f"tests/kinds/{name}.yml", DATA),
    ):
        if not (ROOT / path).exists():
            (ROOT / path).write_text(template.format(**values))


if __name__ == "__main__":
    for one in sys.argv[1:]:
        begin(one)
    istio_schema.main()
