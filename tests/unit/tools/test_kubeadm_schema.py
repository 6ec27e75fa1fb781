# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tests of tools/kubeadm_schema.py, and of the releases that its files come from."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.node import API_VERSION
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.schemas import cluster, kube_proxy, kubelet
from ansible_collections.bare.mesh.plugins.module_utils._preflight.configuration import DOCUMENTS

from tools.istio_schema import ROOT
from tools.kubeadm_schema import Types, absent, merge

MAIN = """
/* A comment
of two lines. */
package v1

import (
    "example/other"
    metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Top is the kind.
type Top struct {
    Embedded `json:",inline"`
    other.Base `json:",inline"`

    // Name is a string: `json:"wrong"`
    // +optional
    Name   *string `json:"name,omitempty" protobuf:"bytes,1"`
    Sizes  []int32 `json:"sizes"`
    Labels map[string][]Word `json:"labels,omitempty"`
    Parts  Parts `json:"parts,omitempty"`
    Wait   metav1.Duration `json:"wait"`
}

type Embedded struct {
    Gates map[Word]bool `json:"gates,omitempty"`
}

type Part struct {
    Weight float64 `json:"weight"`
}

type Parts []Part

type Word string

type Untagged struct {
    Name string
}
"""
OTHER = """
type Base struct {
    Count uint32 `json:"count"`
}
"""


@pytest.fixture
def types():
    # Go indents by tabs, which ansible-test refuses here.
    sources = {"example/main": MAIN, "example/other": OTHER}
    return Types(lambda path: sources[path].replace(" " * 4, "\t"))


def test_go_types(types):
    assert types.fields("Top", "example/main") == {
        "gates": {"{}": "boolean"},
        "count": "uint",
        "name": "string",
        "sizes": {"[]": "int"},
        "labels": {"{}": {"[]": "string"}},
        "parts": {"[]": {"weight": "number"}},
        "wait": "period",
    }


def test_what_is_not_understood_does_not_pass(types):
    with pytest.raises(ValueError, match="Untagged: Name string is not understood"):
        types.fields("Untagged", "example/main")
    with pytest.raises(KeyError, match="Unknown"):
        types.node("[]Unknown", "example/main")


def test_all_fields_of_two_releases():
    old = {"a": "int", "b": {"x": "string"}, "c": {"[]": {"y": "int"}}, "d": "string", "e": {"{}": "int"}}
    new = {"a": "int", "b": {"x": "string", "z": "int"}, "c": {"[]": {"y": "int", "w": "int"}}, "d": "int", "e": {}}
    union = merge(old, new)
    assert union == {**new, "d": "any", "e": "any"}
    assert list(absent(old, union)) == [("b", "z"), ("c", "[]", "w")]
    assert list(absent(new, union)) == []


@pytest.mark.parametrize("schema", [cluster, kube_proxy, kubelet])
def test_the_files_know_the_supported_releases(schema):
    minors = yaml.safe_load((ROOT / "meta/versions.yml").read_text())["__bare_mesh_kubernetes_minors"]
    assert set(schema.ABSENT) == set(minors), "run python -m tools.kubeadm_schema"


def test_the_version_of_the_fields_is_the_one_that_the_modules_write():
    assert DOCUMENTS["cluster_config"][0] == API_VERSION
