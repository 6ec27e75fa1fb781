"""Generate the packaged schemas of KubeletConfiguration and of kubeadm's ClusterConfiguration.

The source are the Go types of the Kubernetes versions in the lab's lock files, one for each supported minor version. A
schema has the fields of all of them, and ABSENT names those that a minor version does not have. Preflight holds the
users' settings against the schemas, because kubeadm only warns of a field that it does not know. Run it after a change
of a locked Kubernetes version: `python -m tools.kubeadm_schema`. tools/istio_schema.py documents the nodes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tools.istio_schema import ROOT, content, module_folder, save, share

LOCKS = sorted((ROOT / "lab/artifacts/go").glob("kubernetes*"))
TARGET = ROOT / "plugins/module_utils/_kubeadm/schemas"
# File: the kind and its Go package.
KINDS = {
    "kubelet.py": ("KubeletConfiguration", "k8s.io/kubelet/config/v1beta1"),
    "kube_proxy.py": ("KubeProxyConfiguration", "k8s.io/kube-proxy/config/v1alpha1"),
    "cluster.py": ("ClusterConfiguration", "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta4"),
}
NODES = {
    "string": "string",
    "bool": "boolean",
    "int": "integer",
    "int32": "int",
    "int64": "integer",
    "uint32": "uint",
    "float32": "number",
    "float64": "number",
    # Types that read their JSON by code of their own.
    "k8s.io/apimachinery/pkg/apis/meta/v1.Duration": "period",
    "k8s.io/apimachinery/pkg/apis/meta/v1.Time": "string",
    "k8s.io/apimachinery/pkg/api/resource.Quantity": "any",
    "k8s.io/apimachinery/pkg/api/resource.QuantityValue": "any",
    "k8s.io/component-base/logs/api/v1.TimeOrMetaDuration": "any",
}


class Package(NamedTuple):
    """The imports of a Go package by their names, its structs' bodies, and what its other types are names of."""

    imports: dict[str, str]
    structs: dict[str, str]
    names: dict[str, str]


def parse(text: str) -> Package:
    text = re.sub(r"/\*.*?\*/", "", re.sub(r"^\s*//[^\n]*\n", "", text, flags=re.M), flags=re.S)
    imports = {
        name or path.rpartition("/")[2]: path for name, path in re.findall(r'^\t(\w*) ?"([\w./-]+)"$', text, flags=re.M)
    }
    structs = dict(re.findall(r"^type (\w+) struct \{\n(.*?)^\}", text, flags=re.S | re.M))
    names = dict(re.findall(r"^type (\w+) ([\w.\[\]*]+)$", text, flags=re.M))
    return Package(imports, structs, names)


class Types:
    """Go types as nodes of a schema. read: the source of a package, by its path."""

    def __init__(self, read: Callable[[str], str]) -> None:
        self.package = functools.cache(lambda path: parse(read(path)))

    def node(self, kind: str, path: str) -> Any:
        """The node of a type as the package at the path writes it. Raises KeyError for a type that is not known."""
        kind = kind.removeprefix("*")
        if kind.startswith("[]"):
            return {"[]": self.node(kind[2:], path)}
        if found := re.match(r"map\[[\w.]+\]", kind):
            return {"{}": self.node(kind[found.end() :], path)}
        prefix, _, name = kind.rpartition(".")
        package = self.package(path)
        if prefix:
            path = package.imports[prefix]
        known = NODES.get(f"{path}.{name}") or (None if prefix else NODES.get(name))
        if known:
            return known
        if name in self.package(path).structs:
            return self.fields(name, path)
        return self.node(self.package(path).names[name], path)

    def fields(self, name: str, path: str) -> dict[str, Any]:
        """The fields of a struct by their names in JSON, with those of the structs that it embeds."""
        found: dict[str, Any] = {}
        for line in self.package(path).structs[name].splitlines():
            # A field without a tag is none of these files' style, and fails here.
            match = re.match(r'\t(?:\w+\s+)?([\w.\[\]*]+)\s+`json:"(\w*)(,inline)?', line)
            if match and match[3]:
                found.update(self.node(match[1], path))
            elif match:
                found[match[2]] = self.node(match[1], path)
            elif line.strip():
                raise ValueError(f"{path}, {name}: {line.strip()} is not understood")
        return found


def merge(one: Any, other: Any) -> Any:
    """A node that takes what either node takes."""
    if one == other:
        return one
    if not isinstance(one, dict) or not isinstance(other, dict) or {"[]", "{}"} & (one.keys() ^ other.keys()):
        return "any"
    return {name: merge(one.get(name, other.get(name)), other.get(name, one.get(name))) for name in {**one, **other}}


def absent(node: Any, union: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of the fields that a node lacks, of those that the union has. [] stands for the items of a list."""
    if isinstance(node, dict) and isinstance(union, dict):
        for name in union:
            if name in node:
                yield from absent(node[name], union[name], (*path, name))
            else:
                yield (*path, name)


def reader(lock: Path) -> Callable[[str], str]:
    """What reads the types of a package in the version of a lock file."""
    folder = functools.cache(lambda name: module_folder(name, lock))

    def read(path: str) -> str:
        domain, module, rest = path.split("/", 2)
        return (folder(f"{domain}/{module}") / rest / "types.go").read_text()

    return read


def main() -> None:
    """Write both schemas."""
    releases = {module_folder("k8s.io/kubernetes", lock).name.partition("@v")[2]: lock for lock in LOCKS}
    origin = f"tools/kubeadm_schema.py from Kubernetes {', '.join(sorted(releases))}"
    sources = {release.rpartition(".")[0]: Types(reader(releases[release])) for release in sorted(releases)}
    for file, (kind, path) in KINDS.items():
        fields = {minor: types.fields(kind, path) for minor, types in sources.items()}
        union = functools.reduce(merge, fields.values())
        text = content(f"{kind}, {path.rpartition('/')[2]}", origin, share(union, kind), kind)
        lacking = {minor: list(absent(node, union)) for minor, node in fields.items()}
        save(TARGET / file, f"{text}ABSENT: dict[str, list[tuple[str, ...]]] = {lacking}\n")


if __name__ == "__main__":
    main()
