# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""main() of a module in the process of the tests, with each supported ansible-core."""

from __future__ import annotations

import contextlib
import json
import types
from unittest import mock

from ansible.module_utils import basic

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:
    # ansible-core before 2.19.
    @contextlib.contextmanager
    def patch_module_args(args):
        with mock.patch.object(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode()):
            yield


try:
    from ansible.module_utils import _internal
except ImportError:
    # ansible-core before 2.18 does not ask whether it is the controller.
    _internal = types.SimpleNamespace()


def leave_controller(monkeypatch):
    """A module runs in a process of its own, which is not the controller's."""
    monkeypatch.setattr(_internal, "is_controller", False, raising=False)


__all__ = ["leave_controller", "patch_module_args"]
