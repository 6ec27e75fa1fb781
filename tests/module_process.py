# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""main() of a module in the process of the tests, with each supported ansible-core."""

from __future__ import annotations

import contextlib
import json
import types
from unittest import mock

from ansible.module_utils import basic
from ansible.module_utils.common.parameters import PASS_VARS

try:
    from ansible.module_utils import testing
except ImportError:
    # ansible-core before 2.19.
    testing = None
try:
    from ansible.module_utils import _internal
except ImportError:
    # ansible-core before 2.18 does not ask whether it is the controller.
    _internal = types.SimpleNamespace()

# From 2.21 on, results hold the arguments only where the user wants to see them, before that always.
SHOW_ARGUMENTS = {"_ansible_inject_invocation": True} if "inject_invocation" in PASS_VARS else {}


@contextlib.contextmanager
def patch_module_args(args):
    args = {**SHOW_ARGUMENTS, **args}
    if testing:
        patch = testing.patch_module_args(args)
    else:
        patch = mock.patch.object(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode())
    with patch:
        yield


class Ended(Exception):
    """The end of a module, with its result."""


def run_module(module, check=False, **arguments):
    """Run main() of a module and return its result. The result of a failed module has 'failed' in it."""

    def ended(self, **result):
        raise Ended(json.loads(json.dumps(result, default=str)))

    arguments = {**arguments, "_ansible_check_mode": check, "_ansible_diff": True}
    with (
        patch_module_args(arguments),
        mock.patch.object(basic.AnsibleModule, "exit_json", ended),
        mock.patch.object(basic.AnsibleModule, "fail_json", lambda self, **result: ended(self, failed=True, **result)),
    ):
        try:
            module.main()
        except Ended as end:
            return end.args[0]
    raise AssertionError(f"{module.__name__} ended without a result")


def leave_controller(monkeypatch):
    """A module runs in a process of its own, which is not the controller's."""
    monkeypatch.setattr(_internal, "is_controller", False, raising=False)
