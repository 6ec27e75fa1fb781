# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.bare.mesh.plugins.filter.subset_names import FilterModule

subset_names = FilterModule().filters()["subset_names"]


def rule(host, *names, namespace="bookinfo"):
    spec = {"host": host, "subsets": [{"name": name, "labels": {"version": name}} for name in names]}
    return {"kind": "DestinationRule", "metadata": {"name": "x", "namespace": namespace}, "spec": spec}


def test_one_and_several():
    assert subset_names(rule("reviews", "v3", "v1")) == ["v3", "v1"]
    others = [{"kind": "Service", "spec": {"subsets": [{"name": "no"}]}}, rule("b"), rule("c", "v2", "v1")]
    assert subset_names([rule("a", "v1"), *others]) == ["v1", "v2"]
    assert subset_names([]) == subset_names({"kind": "DestinationRule"}) == []
    assert subset_names({"kind": "DestinationRule", "spec": {"host": "a", "subsets": None}}) == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("reviews", ["v1", "other"]),
        ("reviews.bookinfo.svc.cluster.local", ["v1"]),
        ("reviews.shop.svc.cluster.local", ["other"]),
        ("ratings.bookinfo.svc.cluster.local", ["v2"]),
        ("ratings", ["v2"]),
        ("none", []),
    ],
)
def test_a_host(host, expected):
    long = rule("ratings.bookinfo.svc.cluster.local", "v2")
    rules = [rule("reviews", "v1"), long, rule("reviews", "other", namespace="shop")]
    assert subset_names(rules, host=host) == expected


def test_a_manifest_without_a_namespace():
    one = rule("reviews", "v1", namespace=None)
    assert subset_names(one, host="reviews") == ["v1"] and subset_names(one, host="ratings") == []


@pytest.mark.parametrize("given", [None, "text", 7, ["text"], [None]])
def test_no_manifest(given):
    with pytest.raises(AnsibleFilterError, match="needs a DestinationRule as a manifest, or a list of manifests"):
        subset_names(given)
