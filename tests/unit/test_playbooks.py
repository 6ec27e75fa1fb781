# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every playbook parses, from the checkout and from the built collection."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

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


def test_a_node_is_removed_from_what_the_others_know(tmp_path):
    """In check mode on this machine. The play of the other hosts leaves the node out, which may be down."""
    hosts = {f"box{number}": {"bare_mesh_node_ip": f"192.0.2.{number}"} for number in (1, 2, 3)}
    groups = {"control_plane": ["box1"], "workers": ["box2", "box3"]}
    inventory = {name: {"hosts": {host: hosts[host] for host in group}} for name, group in groups.items()}
    settings = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": inventory, "vars": settings}}))
    command = ("ansible-playbook", "-i", str(tmp_path / "hosts.yml"), "-e", "kubeadm_node=box3")
    plays = run(*command, "--list-hosts", "playbooks/remove_node.yml").split("play #")
    (others,) = (play for play in plays if "hosts files" in play)
    assert sorted(re.findall("box[0-9]", others.partition("hosts (2)")[2])) == ["box1", "box2"]
    role = {"name": "bare.mesh.host_prep", "tasks_from": "peers"}
    settings = {"flannel_backend": "host-gw", "host_prep_leaving": "{{ kubeadm_node }}"}
    task = {"ansible.builtin.import_role": role}
    show = {"ansible.builtin.debug": {"msg": "trusted: {{ __host_prep_peers | join(' ') }}."}}
    book = {"hosts": "box1", "gather_facts": False, "vars": settings, "tasks": [task, show]}
    (tmp_path / "forget.yml").write_text(yaml.safe_dump([book]))
    said = run(*command, "--check", "--diff", str(tmp_path / "forget.yml"))
    assert "+192.0.2.1 box1\n+192.0.2.2 box2\n+# END" in said and "192.0.2.3" not in said, said
    assert "trusted: 192.0.2.1 192.0.2.2." in said, said


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
