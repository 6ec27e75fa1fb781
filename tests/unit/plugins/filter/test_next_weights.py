# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import random

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.bare.mesh.plugins.filter.next_weights import FilterModule

next_weights = FilterModule().filters()["next_weights"]


def destination(subset, weight=None, host="reviews"):
    return {"destination": {"host": host, "subset": subset}, **({} if weight is None else {"weight": weight})}


@pytest.mark.parametrize(
    ("weights", "step", "expected"),
    [
        ({"v1": 100, "v2": 0}, 10, {"v1": 90, "v2": 10}),
        ({"v1": 80, "v2": 10, "v3": 10}, 10, {"v1": 71, "v2": 20, "v3": 9}),
        ({"v1": 50, "v2": 0, "v3": 50}, 1, {"v1": 50, "v2": 1, "v3": 49}),
        ({"v1": 5, "v2": 95}, 10, {"v1": 0, "v2": 100}),
        ({"v1": 0, "v2": 100}, 10, {"v1": 0, "v2": 100}),
        ({"v2": 100}, 10, {"v2": 100}),
        ({"v1": "60", "v2": "40"}, "25", {"v1": 35, "v2": 65}),
        ({"v1": 60, "v2": 40}, 1000, {"v1": 0, "v2": 100}),
    ],
)
def test_dictionaries(weights, step, expected):
    before = dict(weights)
    assert next_weights(weights, "v2", step) == expected
    assert weights == before


def test_the_destinations_of_a_route():
    headers = {"request": {"set": {"x": "y"}}}
    route = [{**destination("v1", 90), "headers": headers}, destination("v2", 10)]
    assert next_weights(route, subset="v2") == [
        {**destination("v1", 80), "headers": headers},
        destination("v2", 20),
    ]
    assert [one["weight"] for one in route] == [90, 10]
    assert next_weights([destination("v1", 100), destination("v2")], "v2") == [
        destination("v1", 90),
        destination("v2", 10),
    ]
    assert next_weights([destination("v2")], "v2") == [destination("v2", 100)]
    # A host without subsets can be what shrinks.
    plain = {"destination": {"host": "reviews"}, "weight": 100}
    assert [one["weight"] for one in next_weights([plain, destination("v2", 0)], "v2", 5)] == [95, 5]


def test_it_sums_to_100_and_is_monotone_and_ends():
    chance = random.Random(7)
    for _round in range(500):
        cuts = sorted(chance.choices(range(101), k=chance.randint(0, 5)))
        weights = {f"v{number}": high - low for number, (low, high) in enumerate(zip([0, *cuts], [*cuts, 100]))}
        grows, step = chance.choice(list(weights)), chance.randint(1, 40)
        for _step in range(-(-100 // step)):
            after = next_weights(weights, grows, step)
            assert sum(after.values()) == 100 and list(after) == list(weights)
            assert after[grows] == min(100, weights[grows] + step)
            assert all(0 <= after[name] <= weights[name] for name in weights if name != grows)
            weights = after
        assert weights[grows] == 100 and next_weights(weights, grows, step) == weights


@pytest.mark.parametrize(
    ("given", "subset", "step", "message"),
    [
        ({"v1": 100}, "v2", 10, r"there is no subset v2 .* \(there are: v1\): name one of them, or add"),
        ({}, "v2", 10, r"there is no subset v2 .* \(there are: none\)"),
        ([destination("v2", 50), destination("v2", 50, "b")], "v2", 10, "there is more than one subset v2"),
        ({"v1": 80, "v2": 10}, "v2", 10, r"the weights sum to 90, not to 100 \(v1=80, v2=10\): correct them"),
        ([destination("v1"), destination("v2")], "v2", 10, "the weights sum to 0, not to 100"),
        ({"v1": 90, "v2": 10}, "v2", 0, "the step is 0: give a number of percent above 0"),
        ({"v1": 90, "v2": 10}, "v2", -5, "the step is -5: give a whole number"),
        ({"v1": 90, "v2": 10}, "v2", 2.5, "the step is 2.5: give a whole number"),
        ({"v1": 90, "v2": 10}, "v2", True, "the step is True: give a whole number"),
        ({"v1": 110, "v2": -10}, "v2", 10, "the weight of v2 is -10: give a whole number that is not negative"),
        ({"v1": "x", "v2": 10}, "v2", 10, "the weight of v1 is 'x': give a whole number"),
        ([{"destination": {"host": "a"}, "weight": "x"}], "v2", 10, "the weight of a destination is 'x'"),
        (None, "v2", 10, "needs the destinations of a route of a VirtualService, or a dictionary"),
        ("text", "v2", 10, "needs the destinations of a route"),
        ([{"weight": 100}], "v2", 10, "needs the destinations of a route"),
        (["v2"], "v2", 10, "needs the destinations of a route"),
    ],
)
def test_faults(given, subset, step, message):
    with pytest.raises(AnsibleFilterError, match=message):
        next_weights(given, subset, step)
