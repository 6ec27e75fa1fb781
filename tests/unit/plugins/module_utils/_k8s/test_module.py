# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every API module does around its own work: failures as messages, secrets hidden."""

from __future__ import annotations

import base64
import types

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._k8s import module as api_module
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable


def secret(**more):
    return {"kind": "Secret", "metadata": {"name": "a"}, **more}


def encoded(text):
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def module():
    warnings = []
    return types.SimpleNamespace(
        no_log_values=set(), params={}, check_mode=False, warn=warnings.append, warnings=warnings
    )


@pytest.mark.parametrize(
    ("definition", "values"),
    [
        (secret(data={"a": encoded("password")}), {encoded("password"), "password"}),
        (secret(stringData={"a": "password"}), {encoded("password"), "password"}),
        (secret(stringData={"a": "passwor"}), {encoded("passwor")}),
        (secret(data={"a": "not base64!"}), {"not base64!"}),
        (secret(data={"a": 12345678, "b": encoded("password")}), {encoded("password"), "password"}),
        (secret(data=["password"]), set()),
        ({**secret(stringData={"a": "password"}), "kind": "ConfigMap"}, set()),
        ({"kind": "List", "items": [1, secret(stringData={"a": "password"})]}, {encoded("password"), "password"}),
        ("password", set()),
    ],
)
def test_values_that_are_hidden(module, definition, values):
    api_module.hide_secrets(module, [definition])
    assert module.no_log_values == values


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (secret(data={"a": "x"}, type="t"), secret(data=api_module.HIDDEN, type="t")),
        (secret(stringData={"a": "x"}), secret(stringData=api_module.HIDDEN)),
        ({"kind": "ConfigMap", "data": {"a": "x"}}, {"kind": "ConfigMap", "data": {"a": "x"}}),
        ({"items": [secret(data={}), 1]}, {"items": [secret(data=api_module.HIDDEN), 1]}),
        ({"kind": "Secret", "items": 1}, {"kind": "Secret", "items": 1}),
        ("text", "text"),
    ],
)
def test_arguments_are_shown_without_secrets(module, given, shown):
    module.params["resources"] = [given]
    api_module._mask_arguments(module)
    assert module.params["resources"] == [shown]


def test_arguments_without_resources(module):
    api_module._mask_arguments(module)
    assert module.params == {} and not module.no_log_values


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("http://u:p%40ss@h:1", {"p%40ss", "p@ss"}),
        ("http://h", set()),
        ("http://u@h", set()),
        (None, set()),
        ("", set()),
    ],
)
def test_a_proxy_s_password_is_hidden(module, url, hidden):
    api_module.hide_password(module, url)
    assert module.no_log_values == hidden


@pytest.mark.parametrize("check", [True, False])
def test_without_a_cluster_only_check_mode_goes_on(module, cluster, check):
    cluster.unreachable = [Unreachable("away")]
    module.check_mode = check
    if check:
        assert api_module.connect(module, "all is new") is None
        assert module.warnings == ["No cluster to compare with, so all is new: away"]
    else:
        with pytest.raises(Unreachable):
            api_module.connect(module, "all is new")
        assert not module.warnings


def test_connection(module, cluster):
    assert api_module.connect(module, "") is cluster and not module.warnings


SPEC = {"resources": {"type": "list", "elements": "dict"}}


def test_run(run_module):
    program = types.SimpleNamespace(
        main=lambda: api_module.run(lambda module: {"changed": False, "check": module.check_mode}, SPEC)
    )
    assert run_module(program, check=True) == {"changed": False, "check": True}

    def fail(module):
        raise Failure("why", detail=1)

    program.main = lambda: api_module.run(fail, SPEC)
    assert run_module(program) == {"failed": True, "msg": "why", "detail": 1}
    program.main = lambda: api_module.run(
        lambda module: {"supports": module.supports_check_mode, "quiet": module.no_log}, {}, supports_check_mode=False
    )
    assert run_module(program) == {"supports": False, "quiet": True}


@pytest.mark.parametrize("fails", [True, False])
def test_secrets_of_the_arguments_are_not_printed(run_for_real, fails):
    def work(module):
        if fails:
            raise Failure("why")
        return {"changed": False}

    printed = run_for_real(
        types.SimpleNamespace(main=lambda: api_module.run(work, SPEC)), resources=[secret(stringData={"a": "ab"})]
    )
    assert api_module.HIDDEN in printed and '"ab"' not in printed
