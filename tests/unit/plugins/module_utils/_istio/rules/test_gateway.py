# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Gateways that Istio 1.29's ValidateGateway or the CRD refuses, and their neighbours that are valid."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.schema import check
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules import gateway as rules
from ansible_collections.bare.mesh.plugins.module_utils._istio.schemas import gateway as schema


def server(**fields):
    spec = {"servers": [{"port": {"number": 443, "name": "a", "protocol": "TLS"}, "hosts": ["*"], **fields}]}
    structure = list(check(spec, schema.ROOT, schema.DEFINITIONS, "spec"))
    found = structure or rules.faults({"metadata": {"name": "x"}, "spec": spec})
    return [fault.path.removeprefix("spec.servers[0].") for fault in found]


@pytest.mark.parametrize(
    ("bind", "valid"),
    [
        *(("unix:///a/b", True), ("unix://@a/", True), ("unix:///a/", False)),
        *(("unix:///", False), ("unix://a", False), ("unix://", False)),
    ],
)
def test_socket(bind, valid):
    port = {"number": 0, "name": "a", "protocol": "HTTP"}
    assert server(bind=bind, port=port) == ([] if valid else ["bind"])


@pytest.mark.parametrize(
    ("tls", "path"),
    [
        ({"mode": "PASSTHROUGH", "caCrl": "a", "credentialName": "b"}, "tls.caCrl"),
        ({"mode": "AUTO_PASSTHROUGH", "caCrl": "a", "credentialName": "b"}, "tls.caCrl"),
        ({"mode": "PASSTHROUGH", "caCrl": "a"}, None),
        ({"mode": "MUTUAL", "caCrl": "a", "credentialName": "b"}, None),
        ({"mode": "SIMPLE", "credentialNames": ["a", "b"]}, None),
        ({"mode": "SIMPLE", "credentialNames": ["a", "b", "c"]}, "tls.credentialNames"),
        ({"mode": "SIMPLE", "credentialNames": []}, "tls.credentialNames"),
        (
            {"mode": "SIMPLE", "tlsCertificates": [{"serverCertificate": "a", "privateKey": "b"}] * 3},
            "tls.tlsCertificates",
        ),
        ({"mode": "SIMPLE", "credentialName": "", "credentialNames": ["a"]}, "tls"),
        (
            {
                "mode": "SIMPLE",
                "credentialNames": ["a"],
                "tlsCertificates": [{"serverCertificate": "a", "privateKey": "b"}],
            },
            "tls",
        ),
    ],
)
def test_tls(tls, path):
    assert server(tls=tls) == ([path] if path else [])


@pytest.mark.parametrize(
    ("host", "valid"),
    [("a.1", False), ("10.0.0.1", True), ("ns/a.example.com", True), ("ns/a/b.c", False), ("*/*", True)],
)
def test_host(host, valid):
    assert server(hosts=[host], tls={}) == ([] if valid else ["hosts[0]"])
