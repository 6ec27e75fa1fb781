# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which package of the shared code may import which: the halves of the collection stay apart."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3] / "plugins/module_utils"
PREFIX = "ansible_collections.bare.mesh.plugins.module_utils."
# Package: what it may import besides itself. docs/architecture.md says the same.
ALLOWED = {
    "_base": set(),
    "_k8s": {"_base"},
    "_istio": {"_base", "_k8s"},
    "_gateway_api": {"_base", "_k8s", "_istio"},
    "_host": {"_base"},
    "_bundle": {"_base", "_host"},
    "_kubeadm": {"_base"},
    "_preflight": {"_base", "_host", "_kubeadm"},
    "_progress": {"_k8s"},
    "_report": {"_base", "_k8s", "_progress"},
}


def imported(file: Path) -> set[str]:
    """The packages of the shared code that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            names |= {name.removeprefix(PREFIX).split(".")[0] for name in found if name.startswith(PREFIX)}
    return names


def test_every_file_lies_in_a_package():
    assert {path.name for path in ROOT.iterdir() if path.name != "__pycache__"} == set(ALLOWED)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_what_it_may(package):
    for file in (ROOT / package).rglob("*.py"):
        assert imported(file) <= ALLOWED[package] | {package}, file


def test_no_module_joins_the_halves():
    for file in (ROOT.parent / "modules").glob("*.py"):
        packages = imported(file)
        mesh_half = packages & {"_k8s", "_istio", "_gateway_api"}
        assert not (mesh_half and packages & {"_host", "_kubeadm", "_preflight"}), file
