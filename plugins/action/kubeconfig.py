# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps copies of the host's admin kubeconfig, on the controller and for a user of the host."""

from __future__ import annotations

import base64
import os
import re
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.path import unfrackpath
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.tunnel import Tunnel, describe, tunnel_in
from ansible_collections.bare.mesh.plugins.module_utils._preflight.kubeconfig import (
    FIX,
    MARK,
    clusters,
    describe_other,
    is_ours,
)
from ansible_collections.bare.mesh.plugins.plugin_utils.ssh_tunnel import close_tunnel, open_tunnel, plan


def refusal(path: Path, existing: str) -> str:
    return f"{path} {describe_other(existing)}. Nothing was changed. {FIX}"


def with_server(text: str, server: str, more: str = "") -> str:
    """The kubeconfig with another server and more lines below it; all else stays as kubeadm wrote it."""
    lines = "\n".join([f"server: {server}", *more.splitlines()])
    return re.sub(r"^(\s+)server: .*$", lambda found: textwrap.indent(lines, found[1]), text, flags=re.MULTILINE)


def close_old(existing: str, wanted: Tunnel | None = None) -> None:
    """Close the tunnel of an earlier copy, unless it is the one that is wanted."""
    try:
        old = tunnel_in(existing) if MARK in existing else None
    except Failure:
        # Whatever it was, it closes itself.
        return
    if old and old != wanted:
        close_tunnel(old)


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
        try:
            return self._copy(result, task_vars)
        except Failure as error:
            raise AnsibleActionFail(str(error)) from error

    def _copy(self, result: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        _validation, arguments = self.validate_argument_spec(
            argument_spec={
                "src": {"type": "str", "default": "/etc/kubernetes/admin.conf"},
                "dest": {"type": "str", "required": True},
                "server": {"type": "str", "required": True},
                "ssh_tunnel": {"type": "bool", "default": False},
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
        original = base64.b64decode(host["content"]).decode()
        tunnel = None
        if arguments["ssh_tunnel"]:
            tunnel = plan(self._connection, path, arguments["server"], clusters(original)[0]["server"])
        text = MARK + with_server(original, arguments["server"], describe(tunnel) if tunnel else "")
        if not is_ours(existing, arguments["server"], text):
            raise AnsibleActionFail(refusal(path, existing))
        copied = same(path, text)
        result["changed"] = host["changed"] or not copied
        if not self._task.check_mode:
            if not copied:
                close_old(existing, tunnel)
                write(path, text)
            if tunnel:
                open_tunnel(tunnel)
        return result

    def _remove(self, path: Path, existing: str, server: str) -> dict[str, Any]:
        """Removes our copy; another file is left, with a warning, for its cluster is not the one that goes."""
        if not path.is_file() or not is_ours(existing, server):
            return {"changed": False, **({"warnings": [refusal(path, existing)]} if existing else {})}
        if not self._task.check_mode:
            close_old(existing)
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
