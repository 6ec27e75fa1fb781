# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps copies of the host's admin kubeconfig, on the controller and for a user of the host."""

from __future__ import annotations

import base64
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.path import unfrackpath
from ansible_collections.bare.mesh.plugins.module_utils._preflight.kubeconfig import FIX, MARK, describe_other, is_ours


def refusal(path: Path, existing: str) -> str:
    return f"{path} {describe_other(existing)}. Nothing was changed. {FIX}"


def with_server(text: str, server: str) -> str:
    """The kubeconfig with another address of its API server; all else stays as kubeadm wrote it."""
    return re.sub(r"^(\s+server:) .*$", lambda found: f"{found[1]} {server}", text, flags=re.MULTILINE)


def same(path: Path, text: str) -> bool:
    return path.is_file() and path.stat().st_mode & 0o777 == 0o600 and path.read_text(encoding="utf-8") == text


def write(path: Path, text: str) -> None:
    """Replaces the file in one step; mkstemp's files have mode 0600 from the start."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(temporary).replace(path)


class ActionModule(ActionBase):
    """See the module of the same name."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(
            argument_spec={
                "src": {"type": "str", "default": "/etc/kubernetes/admin.conf"},
                "dest": {"type": "str", "required": True},
                "server": {"type": "str", "required": True},
                "user": {"type": "str", "default": ""},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
        )
        path = Path(unfrackpath(arguments["dest"]))
        result.update(dest=str(path), changed=True)
        existing = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if arguments["state"] == "absent":
            return {**result, **self._remove(path, existing, arguments["server"])}
        host = self._ask_host(task_vars)
        if host.get("failed"):
            raise AnsibleActionFail(f"{host.get('msg')}")
        if "backup" in host:
            result["backup"] = host["backup"]
        if "content" not in host:
            # In check mode the host gets its kubeconfig by the real run.
            if not is_ours(existing, arguments["server"]):
                raise AnsibleActionFail(refusal(path, existing))
            return result
        text = MARK + with_server(base64.b64decode(host["content"]).decode(), arguments["server"])
        if not is_ours(existing, arguments["server"], text):
            raise AnsibleActionFail(refusal(path, existing))
        copied = same(path, text)
        result["changed"] = host["changed"] or not copied
        if not copied and not self._task.check_mode:
            write(path, text)
        return result

    def _remove(self, path: Path, existing: str, server: str) -> dict[str, Any]:
        """Removes our copy; another file is left, with a warning, for its cluster is not the one that goes."""
        if not path.is_file() or not is_ours(existing, server):
            return {"changed": False, **({"warnings": [refusal(path, existing)]} if existing else {})}
        if not self._task.check_mode:
            path.unlink()
        return {"changed": True}

    def _ask_host(self, task_vars: Any) -> dict[str, Any]:
        """The module's result. The connection prints each module's output with -vvv, unless it is told not to."""
        context = self._connection._play_context
        before, context.no_log = context.no_log, True
        try:
            found: dict[str, Any] = self._execute_module(
                "bare.mesh.kubeconfig", dict(self._task.args), task_vars=task_vars
            )
        finally:
            context.no_log = before
        return found
