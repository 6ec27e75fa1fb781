# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of hosts as Istio reads them."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis import hosts


@pytest.mark.parametrize(
    ("host", "full", "service"),
    [
        ("reviews", "reviews.shop.svc.cluster.local", ("reviews", "shop")),
        ("reviews.bank", "reviews.bank", ("reviews", "bank")),
        ("reviews.bank.svc", "reviews.bank.svc", ("reviews", "bank")),
        ("reviews.bank.svc.corp", "reviews.bank.svc.corp", ("reviews", "bank")),
        ("api.example.com", "api.example.com", None),
        ("*", "*", None),
        ("*.bank.svc.cluster.local", "*.bank.svc.cluster.local", None),
    ],
)
def test_names(host, full, service):
    assert hosts.fqdn(host, "shop") == full and hosts.service(host, "shop") == service
    assert full in hosts.forms(host, "shop")


@pytest.mark.parametrize(
    ("one", "pattern", "match"),
    [
        ("reviews", "reviews.shop", True),
        ("reviews", "*.shop.svc.cluster.local", True),
        ("reviews", "*", True),
        ("reviews", "reviews.bank", False),
        ("api.example.com", "*.example.com", True),
        ("*.example.com", "api.example.com", False),
    ],
)
def test_same(one, pattern, match):
    assert hosts.same(hosts.forms(one, "shop"), hosts.forms(pattern, "shop")) is match


def test_destinations_of_all_kinds():
    target = {"host": "a"}
    spec = {
        "http": [{"route": [{"destination": target}], "mirror": target}, {"mirrors": [{"destination": target}]}],
        "tls": [{"route": [{"destination": target}]}],
        "tcp": [{"route": [{"destination": target}, {"destination": None}]}],
    }
    assert [path for path, _target in hosts.destinations({"spec": spec})] == [
        "spec.http[0].route[0].destination",
        "spec.http[0].mirror",
        "spec.http[1].mirrors[0].destination",
        "spec.tls[0].route[0].destination",
        "spec.tcp[0].route[0].destination",
    ]
