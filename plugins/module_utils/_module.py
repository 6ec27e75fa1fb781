# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every API module's main() does around its own work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._argspec import CONNECTION
from ansible_collections.bare.mesh.plugins.module_utils._client import Client
from ansible_collections.bare.mesh.plugins.module_utils._failure import Failure, Unreachable


def run(work: Callable[[AnsibleModule], dict[str, Any]], argument_spec: dict[str, Any], **rules: Any) -> None:
    """Run a module whose failures are messages, not tracebacks."""
    module = AnsibleModule(argument_spec={**CONNECTION, **argument_spec}, supports_check_mode=True, **rules)
    try:
        result = work(module)
    except Failure as error:
        module.fail_json(msg=str(error), **error.data)
    module.exit_json(**result)


def connect(module: AnsibleModule, doing: str) -> Client | None:
    """The cluster; in check mode None where there is none yet, with a warning that says what follows from it."""
    try:
        client = Client(module.params)
        client.reach()
    except Unreachable as error:
        if not module.check_mode:
            raise
        module.warn(f"No cluster to compare with, so {doing}: {error}")
        return None
    return client


def hide_secrets(module: AnsibleModule, definitions: list[dict[str, Any]]) -> None:
    """Keep the values of Secrets out of whatever this module prints, at any verbosity."""
    for definition in definitions:
        if definition.get("kind") == "Secret":
            for field in ("data", "stringData"):
                values = (definition.get(field) or {}).values()
                # Shorter ones would black out innocent words all over the output.
                module.no_log_values.update(value for value in values if isinstance(value, str) and len(value) >= 8)
