# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every playbook parses, from the checkout and from the built collection."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOUND = [
    ROOT / "site.yml",
    *ROOT.glob("playbooks/*.yml"),
    *ROOT.glob("molecule/*/*.yml"),
    *ROOT.glob(".config/molecule/*.yml"),
]
# Molecule's settings files are not playbooks.
PLAYBOOKS = sorted(str(path.relative_to(ROOT)) for path in FOUND if path.name not in ("molecule.yml", "config.yml"))


def run(*command, cwd=ROOT, **environment):
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_playbook_parses(playbook):
    run("ansible-playbook", "--syntax-check", "-i", "inventories/lab", playbook)


@pytest.mark.parametrize("inventory", sorted(path.name for path in (ROOT / "inventories").iterdir()))
def test_site_parses_for_every_inventory(inventory):
    run("ansible-playbook", "--syntax-check", "-i", f"inventories/{inventory}", "site.yml")


def test_built_collection_installs_and_runs_elsewhere(tmp_path):
    source, elsewhere = tmp_path / "source", tmp_path / "elsewhere"
    source.mkdir()
    elsewhere.mkdir()
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    existing = b"\0".join(name for name in tracked.split(b"\0") if name and os.path.lexists(ROOT / name.decode()))
    subprocess.run(["xargs", "-0", "cp", "-dP", "--parents", "-t", source], input=existing, cwd=ROOT, check=True)
    # What the tools of a checkout leave is not part of the product.
    left = (".mypy_cache/3.11", ".hypothesis/constants", ".pytest_cache/v", ".ruff_cache/0", "plugins/__pycache__")
    for name in left:
        (source / name).mkdir(parents=True)
        (source / name / "cache.pyc").write_text("cache")
    run("ansible-galaxy", "collection", "build", "--output-path", str(tmp_path), cwd=source)
    (archive,) = tmp_path.glob("bare-mesh-*.tar.gz")
    run("ansible-galaxy", "collection", "install", "--offline", "-p", str(elsewhere), str(archive), cwd=elsewhere)
    installed = elsewhere / "ansible_collections/bare/mesh"
    product = {
        "CHANGELOG.rst", "CONTRIBUTING.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "README.zh-CN.md",
        "changelogs", "docs", "inventories", "meta", "playbooks", "plugins", "requirements.txt", "roles", "site.yml",
    }  # fmt: skip
    with tarfile.open(archive) as packed:
        names = packed.getnames()
    assert {name.split("/")[0] for name in names} == product and not [name for name in names if name.endswith(".pyc")]
    assert not (installed / "lab").exists()
    listed = run(
        "ansible-playbook", "bare.mesh.site", "--syntax-check", "-i", str(ROOT / "inventories/lab"), cwd=elsewhere,
        ANSIBLE_COLLECTIONS_PATH=str(elsewhere), ANSIBLE_CONFIG=str(elsewhere / "none.cfg"),
    )  # fmt: skip
    assert "bare.mesh.site" in listed or "playbook:" in listed
