# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules of this repository that no linter checks."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
THIS = Path(__file__).resolve()


def tracked(*patterns):
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and not path.is_symlink() and path != THIS]


def hits(paths, pattern):
    expression = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if expression.search(line)
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        r"\bignore_errors:",
        r"\bchanged_when:\s*(true|yes)\b",
        r"\bfailed_when:\s*(false|no)\b",
        r"\bvalidate_certs:\s*(false|no)\b",
        r"\bgpgcheck:\s*(false|no|0)\b",
    ],
)
def test_no_task_looks_away(pattern):
    assert not hits(tracked("roles/**.yml", "playbooks/**.yml", "molecule/**.yml", ".config/**.yml"), pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"#\s*noqa",
        r"#\s*type:\s*ignore",
        r"\b(TODO|FIXME|XXX)\b",
        r"pytest\.(mark\.)?(skip|xfail)",
        r"pylint:\s*disable",
    ],
)
def test_no_linter_is_silenced(pattern):
    assert not hits(tracked("*.py", "*.yml", "*.sh"), pattern)


def test_roles_spell_no_url():
    """Addresses of artifacts are in meta/sources.yml. Comments may contain URLs; names in the cluster have no dot."""
    paths = tracked("roles/*/tasks/**", "roles/*/defaults/**", "roles/*/vars/**")
    assert not hits(paths, r"^[^#]*\bhttps?://[a-z][\w-]*\.")


def test_task_files_fit_a_screen_or_two():
    long = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in tracked("roles/*/tasks/**.yml", "playbooks/*.yml")
    }
    assert not {path: lines for path, lines in long.items() if lines > 120}


def code_lines(path):
    """Lines with code on them: no comments, docstrings, blank lines, documentation blocks or tables of data."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    data = (ast.Dict, ast.List, ast.Tuple, ast.Constant)
    tables = [node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, data)]
    prose = {line for table in tables for line in range(table.lineno, table.end_lineno + 1)}
    for node in ast.walk(tree):
        named = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "")
        documentation = named in ("DOCUMENTATION", "EXAMPLES", "RETURN")
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        docstring = text and isinstance(node.value.value, str)
        if documentation or docstring:
            prose.update(range(node.lineno, node.end_lineno + 1))
    return sum(
        1
        for number, line in enumerate(source.splitlines(), 1)
        if number not in prose and line.strip() and not line.strip().startswith("#")
    )


def test_python_files_have_one_concern():
    paths = tracked("plugins/**.py", "lab/**.py", "tools/*.py", "benchmarks/*.py")
    long = {str(path.relative_to(ROOT)): code_lines(path) for path in paths}
    assert not {path: lines for path, lines in long.items() if lines > 250}


def test_plugins_carry_the_licence():
    for path in tracked("plugins/**.py"):
        if path.stat().st_size:
            lines = path.read_text(encoding="utf-8").splitlines()
            assert any("GNU General Public License v3.0+" in line for line in lines[:4]), path
            assert "from __future__ import annotations" in lines, path


def test_the_archive_has_no_file_of_the_user(tmp_path):
    """README.md lets users write their inventory and their virtual environment into the checkout."""
    tree, out = tmp_path / "tree", tmp_path / "out"
    theirs = [
        *(
            "my-cluster/hosts.yml",
            "reports/20260102T030405Z-site.md",
            "venv/pyvenv.cfg",
            ".venv/pyvenv.cfg",
            "env/pyvenv.cfg",
        ),
        *(
            f"inventories/{name}/group_vars/all.yml"
            for name in ("mine", "s", "sam", "site", "sampler", "sample-2", "lab", ".old")
        ),
    ]
    for name in (*theirs, "inventories/sample/group_vars/all.yml", "inventories/sample/hosts.yml"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("ansible_become_password: secret\n")
    for name in ("galaxy.yml", "README.md"):
        shutil.copy(ROOT / name, tree)
    build = ["ansible-galaxy", "collection", "build", "--output-path", str(out)]
    subprocess.run(build, cwd=tree, capture_output=True, check=True)
    with tarfile.open(next(out.glob("*.tar.gz"))) as archive:
        packed = {member.name for member in archive if member.isfile()}
    samples = {"inventories/sample/group_vars/all.yml", "inventories/sample/hosts.yml"}
    assert packed == {"README.md", "MANIFEST.json", "FILES.json", *samples}
