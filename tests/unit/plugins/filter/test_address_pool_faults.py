# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.filter.address_pool_faults import FilterModule

faults = FilterModule().filters()["address_pool_faults"]
TAKEN = {"the pods": "10.244.0.0/16", "node1": "192.0.2.11", "a name": "node1.example.com"}


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["192.0.2.20-192.0.2.30", "192.0.2.31/32", "2001:db8::10-2001:db8::20"],
        ["192.0.2.20 - 192.0.2.20"],
        "192.0.2.20-192.0.2.30, 192.0.2.31/32",
        ["10.243.0.0/16", "10.245.0.0/16"],
    ],
)
def test_free_addresses(given):
    assert faults(given, TAKEN) == []


@pytest.mark.parametrize(
    ("given", "where", "what"),
    [
        (["192.0.2.30-192.0.2.20"], 0, "is '192.0.2.30-192.0.2.20', which is not a range of addresses"),
        (["192.0.2.1-2001:db8::1"], 0, "is '192.0.2.1-2001:db8::1', which is not a range of addresses"),
        (["all"], 0, "is 'all', which is not a range of addresses"),
        (["10.243.0.0-10.244.0.1"], 0, "is 10.243.0.0-10.244.0.1, which overlaps the pods (10.244.0.0/16)"),
        (["192.0.2.0/28"], 0, "is 192.0.2.0/28, which overlaps node1 (192.0.2.11)"),
        (
            ["192.0.2.32/28", "192.0.2.40-192.0.2.50"],
            1,
            "is 192.0.2.40-192.0.2.50, which overlaps load_balancer_addresses[0]",
        ),
    ],
)
def test_addresses_that_cannot_be(given, where, what):
    (fault,) = faults(given, TAKEN)
    assert (fault["where"], fault["what"]) == (f"load_balancer_addresses[{where}]", what)
    assert fault["fix"]


def test_nothing_is_taken():
    assert faults(["10.244.0.0/16"]) == []
