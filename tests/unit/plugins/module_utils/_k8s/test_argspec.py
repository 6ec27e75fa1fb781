# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the modules take: which arguments are secrets, and where the connection's come from."""

from __future__ import annotations

import importlib

import pytest
from ansible.module_utils import basic
from ansible_collections.bare.mesh.plugins import modules
from ansible_collections.bare.mesh.plugins.module_utils._k8s import argspec

from tests.module_process import patch_module_args


class Specified(Exception):
    """The specification that a module asks for, instead of its run."""


def specification(monkeypatch, name):
    def taken(self, argument_spec, **more):
        raise Specified(argument_spec)

    monkeypatch.setattr(basic.AnsibleModule, "__init__", taken)
    with patch_module_args({}), pytest.raises(Specified) as found:
        importlib.import_module(f"{modules.__name__}.{name}").main()
    return found.value.args[0]


def test_a_join_token_is_a_secret(monkeypatch):
    assert specification(monkeypatch, "kubeadm_join")["token"]["no_log"] is True


@pytest.mark.parametrize(
    "name", ["k8s", "k8s_info", "k8s_exec", "istio_operator", "virtual_service", "gateway", "destination_rule"]
)
def test_the_key_of_the_api_is_a_secret(monkeypatch, name):
    assert specification(monkeypatch, name)["api_key"]["no_log"] is True


def test_the_connection_s_options_come_from_the_environment():
    for name, option in {**argspec.CONNECTION, "api_host": argspec.API_HOST}.items():
        fallback, (variable,) = option["fallback"]
        expected = {
            "api_host": "HOST",
            "validate_certs": "VERIFY_SSL",
            "ca_cert": "SSL_CA_CERT",
            "client_cert": "CERT_FILE",
        }
        assert variable == "K8S_AUTH_" + {**expected, "client_key": "KEY_FILE"}.get(name, name.upper())
        assert fallback is basic.env_fallback
    assert argspec.CONNECTION["client_key"]["no_log"] is False, "it is a path"


def test_waiting_is_off_by_default():
    assert argspec.WAITING == {
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 120},
    }
