# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renders the templates of a unit on the controller, so that one round trip writes all of its files."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

# It finds the templates of the role, and renders them as M(ansible.builtin.template) does.
LOOKUP = "template"


class ActionModule(ActionBase):
    """See the module of the same name."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        files = arguments.get("files") or []
        if not isinstance(files, list) or not all(isinstance(one, dict) for one in files):
            raise AnsibleActionFail(
                "files is not a list of files: give each as {dest: PATH, src: TEMPLATE} or {dest: PATH, content: TEXT}"
            )
        arguments["files"] = [self._rendered(one, task_vars) for one in files]
        result: dict[str, Any] = self._execute_module("bare.mesh.host_service", arguments, task_vars=task_vars)
        return result

    def _rendered(self, one: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """A file with its content in place of its template."""
        if not one.get("src"):
            return one
        lookup = self._shared_loader_obj.lookup_loader.get(LOOKUP, loader=self._loader, templar=self._templar)
        (content,) = lookup.run([one["src"]], variables=task_vars, template_vars={"value": one.get("value")})
        return {**{name: given for name, given in one.items() if name not in ("src", "value")}, "content": content}
