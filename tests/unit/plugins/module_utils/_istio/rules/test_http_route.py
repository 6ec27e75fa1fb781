# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP routes that Istio 1.29 or the CRD refuses, and their neighbours that are valid."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.schema import check
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import virtual_service as rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import virtual_service as schema

TO = [{"destination": {"host": "a"}}]


def route(gateways=None, **fields):
    spec = {
        "hosts": ["a"],
        "gateways": gateways,
        "http": [{} if {"directResponse", "redirect"} & fields.keys() else {"route": TO}],
    }
    spec["http"][0].update(fields)
    structure = list(check(spec, schema.ROOT, schema.DEFINITIONS, "spec"))
    found = structure or rules.faults({"metadata": {"name": "x", "namespace": "default"}, "spec": spec})
    return [fault.path.removeprefix("spec.http[0].") for fault in found]


def encoded(size):
    return base64.b64encode(b"a" * size).decode()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"string": "a" * 2**20}, None),
        ({"string": "a" * 2**20 + "a"}, "string"),
        ({"string": "é" * 2**19 + "a"}, "string"),
        ({"bytes": encoded(2**20)}, None),
        ({"bytes": encoded(2**20 + 1)}, "bytes"),
        ({"bytes": "YQ==\n"}, None),
        ({"bytes": "YQ"}, "bytes"),
        ({"bytes": "*"}, "bytes"),
    ],
)
def test_body_of_a_direct_response(body, path):
    assert route(directResponse={"status": 200, "body": body}) == ([f"directResponse.body.{path}"] if path else [])


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("@request.auth.claims.a", True),
        ("@request.auth.claims.a.b", True),
        ("@REQUEST.auth.claims[a][b]", True),
        ("@request.auth.claims.", False),
        ("@request.auth.claims[]", False),
        ("@request.auth.claims[a", False),
        ("@request.auth.claims", False),
    ],
)
def test_claim(name, valid):
    assert route(["gw"], match=[{"headers": {name: {"exact": "a"}}}]) == (
        [] if valid else [f"match[0].headers[{name!r}]"]
    )


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"timeout": "1.5ms"}, "timeout"),
        ({"timeout": "1500us"}, "timeout"),
        ({"timeout": "0.5s"}, None),
        ({"retries": {"attempts": 1, "perTryTimeout": "1.0001s"}}, "retries.perTryTimeout"),
        ({"fault": {"delay": {"fixedDelay": "1ms1ns"}}}, "fault.delay.fixedDelay"),
        ({"corsPolicy": {"maxAge": "1500ms"}}, "corsPolicy.maxAge"),
        ({"retries": {"attempts": 1, "retryOn": "5" * 5000}}, "retries.retryOn"),
        ({"retries": {"attempts": 1, "retryOn": "\uff15\uff10\uff13"}}, "retries.retryOn"),
        ({"retries": {"attempts": 1, "retryOn": "503,+0503"}}, None),
        ({"redirect": {"port": 0}}, None),
        ({"mirror": {"host": "b"}, "mirror_percent": 101}, "mirror_percent"),
        ({"match": [{"headers": {"a,b": {"exact": "c"}}}]}, None),
    ],
)
def test_durations_and_numbers(fields, path):
    assert route(**fields) == ([path] if path else [])


def test_delegate_beside_an_empty_list():
    spec = {"hosts": ["a"], "http": [{"delegate": {"name": "d"}, "route": []}]}
    assert not list(rules.faults({"metadata": {"name": "x"}, "spec": spec}))


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("%START_TIME(%Y/%m)%", True),
        ('%F(["a", "b"])%', True),
        (r"%F(a\)b)%", True),
        ("%F( a ) %", True),
        ("%F()%", False),
        ('%F(["a" "b"])%', False),
        ("%F(a)b%", False),
        ("%A%%", False),
        ("100%", False),
    ],
)
def test_variables_in_headers(value, valid):
    assert route(headers={"request": {"set": {"x": value}}}) == ([] if valid else ["headers.request.set['x']"])
