# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every module's main() does around its own work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure


def run(
    work: Callable[[AnsibleModule], dict[str, Any]],
    argument_spec: dict[str, Any],
    make: type[AnsibleModule] = AnsibleModule,
    **rules: Any,
) -> None:
    """Run a module: work returns its result, and its failures become messages.

    make is AnsibleModule or a subclass, rules are its other parameters.
    """
    module = make(argument_spec=argument_spec, **{"supports_check_mode": True, **rules})
    try:
        result = work(module)
    except Failure as error:
        module.fail_json(msg=str(error), **error.data)
    except OSError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)
