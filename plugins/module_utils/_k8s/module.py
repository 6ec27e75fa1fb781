# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shared code of the modules that use the API server: connection, secrets and errors."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base import module as base
from ansible_collections.bare.mesh.plugins.module_utils._k8s.argspec import CONNECTION
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Unreachable

HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


class _Module(AnsibleModule):
    """A module that hides its secrets also where Ansible finds its arguments wrong, before the module's own code."""

    def fail_json(self, msg: str, **data: Any) -> None:
        hide_password(self, self.params.get("proxy"))
        _mask_arguments(self)
        super().fail_json(msg=msg, **data)


def run(work: Callable[[AnsibleModule], dict[str, Any]], argument_spec: dict[str, Any], **rules: Any) -> None:
    """Run a module that uses the API server. Its secrets are hidden in the result, also if it fails."""

    def hiding(module: AnsibleModule) -> dict[str, Any]:
        hide_password(module, module.params.get("proxy"))
        result = work(module)
        _mask_arguments(module)
        return result

    # no_log keeps the arguments, which may have Secrets, out of the system log. In the result they are masked below.
    base.run(hiding, {**CONNECTION, **argument_spec}, make=_Module, no_log=True, **rules)


def connect(module: AnsibleModule, doing: str, params: dict[str, Any] | None = None) -> Client | None:
    """Connect to the cluster of the module's options, or of other ones (params).

    Without a cluster, return None in check mode, with a warning that describes the effect (doing). Raises Unreachable
    without a cluster outside check mode, and Failure for wrong settings.
    """
    try:
        client = Client(module.params if params is None else params)
        client.reach()
    except Unreachable as error:
        if not module.check_mode:
            raise
        module.warn(f"No cluster to compare with, so {doing}: {error}")
        return None
    return client


def hide_password(module: AnsibleModule, url: str | None) -> None:
    """Hide the password of a URL in all output of the module."""
    password = urlsplit(url or "").password
    if password:
        module.no_log_values.update({password, unquote(password)})


def hide_secrets(module: AnsibleModule, definitions: list[Any]) -> None:
    """Hide the values of Secrets in all output of the module, at any verbosity."""
    for definition in definitions:
        # Shorter values may occur in other words of the output.
        module.no_log_values.update(value for value in _secret_values(definition) if len(value) >= 8)


def _mask_arguments(module: AnsibleModule) -> None:
    """Hide the values of Secrets, of any length, in the arguments, which Ansible prints with -vvv."""
    for option in ("resources", "definition"):
        given = module.params.get(option)
        hide_secrets(module, given if isinstance(given, list) else [given])
        if isinstance(given, str):
            # YAML text is not parsed here, so all of it is hidden if it may have a Secret.
            module.params[option] = HIDDEN if "Secret" in given else given
        elif given:
            module.params[option] = [_masked(one) for one in given] if isinstance(given, list) else _masked(given)


def _secret_values(definition: Any) -> Iterator[str]:
    """The values of a Secret, each as plain text and in base64."""
    if not isinstance(definition, dict):
        return
    for item in definition["items"] if isinstance(definition.get("items"), list) else ():
        yield from _secret_values(item)
    if definition.get("kind") != "Secret":
        return
    for field in ("data", "stringData"):
        values = definition.get(field)
        for value in values.values() if isinstance(values, dict) else ():
            if not isinstance(value, str):
                continue
            yield value
            if field == "stringData":
                yield base64.b64encode(value.encode()).decode()
            else:
                with contextlib.suppress(ValueError):
                    yield base64.b64decode(value, validate=True).decode()


def _masked(one: Any) -> Any:
    if not isinstance(one, dict):
        return one
    if isinstance(one.get("items"), list):
        return {**one, "items": [_masked(item) for item in one["items"]]}
    if one.get("kind") != "Secret":
        return one
    return {field: HIDDEN if field in ("data", "stringData") else value for field, value in one.items()}
