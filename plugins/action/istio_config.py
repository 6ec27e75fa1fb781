# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the files of src on the controller, and renders those that are templates."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible_collections.bare.mesh.plugins.plugin_utils.in_worker import InWorkerAction

SUFFIXES = (".yml", ".yaml", ".json", ".j2")


class ActionModule(InWorkerAction):
    """See the module of the same name."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        given = arguments.get("src")
        if given:
            if not isinstance(given, list):
                given = [given]
            arguments["src"] = [file for one in given for file in self._files(one, task_vars)]
        result: dict[str, Any] = self._execute_module("bare.mesh.istio_config", arguments, task_vars=task_vars)
        return result

    def _files(self, given: Any, task_vars: dict[str, Any]) -> Iterator[Any]:
        """The files that one entry of src stands for, each with its content."""
        if not isinstance(given, str):
            yield given
            return
        try:
            path = self._loader.path_dwim_relative_stack(task_vars["ansible_search_path"], "templates", given)
        except AnsibleError as error:
            raise AnsibleActionFail(f"src: {error}") from error
        paths = [path]
        if os.path.isdir(path):
            paths = sorted(
                os.path.join(folder, name)
                for folder, _folders, names in os.walk(path)
                for name in names
                if name.endswith(SUFFIXES)
            )
            if not paths:
                raise AnsibleActionFail(f"src: {path} has no file that ends in {', '.join(SUFFIXES)}")
        for one in paths:
            yield {"path": one, "content": self._content(one, task_vars)}

    def _content(self, path: str, task_vars: dict[str, Any]) -> str:
        """The text of a file, decrypted if it is vaulted, or of a rendered template."""
        name = "template" if path.endswith(".j2") else "file"
        lookup = self._shared_loader_obj.lookup_loader.get(name, loader=self._loader, templar=self._templar)
        (content,) = lookup.run([path], variables=task_vars)
        return str(content)
