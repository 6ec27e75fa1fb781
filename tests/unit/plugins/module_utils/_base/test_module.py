# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every module's main() does around its own work: failures as messages."""

from __future__ import annotations

import json
import types

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base import module as base
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure


def program(work, spec=None, **rules):
    return types.SimpleNamespace(main=lambda: base.run(work, spec or {}, **rules))


def raises(error):
    def work(module):
        raise error

    return program(work)


def test_a_result_ends_the_module(run_module):
    given = program(
        lambda module: {"changed": True, "name": module.params["name"]}, {"name": {"type": "str", "required": True}}
    )
    assert run_module(given, name="x") == {"changed": True, "name": "x"}


def test_check_mode_is_supported_unless_a_rule_says_otherwise(run_module):
    def work(module):
        return {"supports": module.supports_check_mode, "check": module.check_mode}

    assert run_module(program(work), check=True) == {"supports": True, "check": True}
    assert run_module(program(work, supports_check_mode=False)) == {"supports": False, "check": False}


def test_rules_are_the_module_s(run_module):
    spec = {"a": {"type": "str"}, "b": {"type": "str"}}
    result = run_module(program(lambda module: {}, spec, required_by={"a": "b"}), a="1")
    assert result["failed"] and "required by 'a': b" in result["msg"]


def test_a_failure_is_its_message_and_data(run_module):
    assert run_module(raises(Failure("why", state="found"))) == {"failed": True, "msg": "why", "state": "found"}


def test_an_error_of_the_system_is_a_message(run_module):
    error = FileNotFoundError(2, "No such file or directory", "/none")
    assert run_module(raises(error)) == {"failed": True, "msg": "[Errno 2] No such file or directory: '/none'"}


def test_a_mistake_of_ours_stays_a_traceback(run_module):
    with pytest.raises(ValueError, match="ours"):
        run_module(raises(ValueError("ours")))


def test_no_failure_has_given_up_unless_it_says_so():
    failure = Failure("why")
    assert failure.given_up is False and failure.data == {}


def test_a_failure_is_printed_once(run_for_real):
    assert json.loads(run_for_real(raises(Failure("why"))))["msg"] == "why"
