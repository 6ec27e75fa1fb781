# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The API server, with Istio's webhook, judges the specs of the unit tests as the modules do. It writes nothing."""

from __future__ import annotations

import json

import pytest
import yaml
from conftest import ROOT
from kubernetes.client.exceptions import ApiException

TABLE = yaml.safe_load((ROOT / "tests/unit/plugins/module_utils/_istio/rules/files/istio_rules.yml").read_text())
KINDS = {
    "VirtualService": ("networking.istio.io", "virtualservices"),
    "DestinationRule": ("networking.istio.io", "destinationrules"),
    "Gateway": ("networking.istio.io", "gateways"),
    "PeerAuthentication": ("security.istio.io", "peerauthentications"),
    "RequestAuthentication": ("security.istio.io", "requestauthentications"),
    "AuthorizationPolicy": ("security.istio.io", "authorizationpolicies"),
}


def refusal(custom_api, kind, spec):
    """Why the server does not take an object; empty if it does."""
    group, plural = KINDS[kind]
    body = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "x", "namespace": "default"}, "spec": spec}
    try:
        custom_api.create_namespaced_custom_object(
            group, "v1", "default", plural, body, dry_run="All", field_validation="Strict"
        )
    except ApiException as error:
        assert error.status in (400, 422), error.body
        return error.body
    return ""


@pytest.mark.parametrize("kind", TABLE)
def test_the_server_is_of_the_same_opinion(custom_api, kind):
    others = []
    for number, case in enumerate(TABLE[kind]):
        if "null" in json.dumps(case["spec"]):
            # The server drops nulls without a word; the modules refuse them.
            continue
        why = refusal(custom_api, kind, case["spec"])
        if bool(why) != bool(case.get("fault")):
            others.append(f"{number}: {case}: {why or 'the server takes it'}")
    assert others == []
