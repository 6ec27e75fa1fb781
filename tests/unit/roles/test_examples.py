# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each role has an example play. Its README shows it as it stands, and tests/lab/test_roles.py runs it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.name != "common")
EXAMPLES = ROOT / "docs/examples"


def plays(role):
    return yaml.safe_load((EXAMPLES / f"{role}.yml").read_text())


def test_every_role_has_an_example():
    assert sorted(path.name for path in EXAMPLES.iterdir()) == [f"{role}.yml" for role in ROLES]


@pytest.mark.parametrize("role", ROLES)
def test_the_readme_shows_the_example_as_it_stands(role):
    example = (EXAMPLES / f"{role}.yml").read_text()
    assert f"## Example\n\n```yaml\n{example}```\n" in (ROOT / "roles" / role / "README.md").read_text()


@pytest.mark.parametrize("role", ROLES)
def test_the_example_runs_the_role_with_variables_that_it_has(role):
    runs = [entry for play in plays(role) for entry in play["roles"]]
    assert f"bare.mesh.{role}" in [entry["role"] for entry in runs]
    assert any(entry.get("vars") for entry in runs)
    for entry in runs:
        name = entry["role"].removeprefix("bare.mesh.")
        specs = yaml.safe_load((ROOT / "roles" / name / "meta/argument_specs.yml").read_text())["argument_specs"]
        assert set(entry.get("vars", {})) <= set(specs["main"]["options"]), name


def test_some_examples_gather_facts_and_some_do_not():
    """A role must not depend on what its play says."""
    said = {play.get("gather_facts", True) for role in ROLES for play in plays(role)}
    assert said == {True, False}


def test_the_examples_parse():
    done = subprocess.run(
        ["ansible-playbook", "--syntax-check", "-i", "inventories/lab", *sorted(EXAMPLES.glob("*.yml"))],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
