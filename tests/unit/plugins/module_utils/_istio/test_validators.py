# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Metadata: names of Kubernetes, and the annotations that Istio's validateMetadata refuses."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.validators import is_ip, metadata


@pytest.mark.parametrize(
    "name",
    [
        "istio.io/dry-run",
        "internal.istio.io/webhook-always-reject",
        "internal.istio.io/parents",
        "internal.istio.io/parent-namespace",
    ],
)
def test_annotations_that_istio_refuses(name):
    (fault,) = metadata({"name": "a", "annotations": {name: "x"}})
    assert fault.path == f"metadata.annotations[{name!r}]"
    assert "remove it" in fault.message


@pytest.mark.parametrize(
    ("meta", "valid"),
    [
        ({"labels": {"example.1/a": "b"}}, True),
        ({"labels": {"Example.com/a": "b"}}, False),
        ({"labels": {"/a": "b"}}, False),
        ({"labels": {"a": "b" * 64}}, False),
        ({"labels": {"a." * 127 + "b/c": "d"}}, False),
        ({"annotations": {"Example.com/A": "b"}}, True),
        ({"annotations": {"a": "b" * 5000}}, True),
        ({"annotations": ["a"]}, False),
        ({"labels": "a=b"}, False),
    ],
)
def test_names_of_labels_and_annotations(meta, valid):
    assert bool(list(metadata({"name": "a", **meta}))) is not valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("1.2.3.4", True),
        ("fe80::1%a/b", True),
        ("01.2.3.4", False),
        ("1.2.3.4%a", False),
        ("fe80::1%", False),
        ("a", False),
    ],
)
def test_ip_addresses(text, valid):
    assert is_ip(text) is valid
