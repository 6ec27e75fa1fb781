# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documentation must match the code: links, paths, targets, variables, versions, examples."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from lab.artifacts import versions

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
)
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
GUIDES = [page for page in PAGES if "roles" not in page.parts]
GUIDE_IDS = [str(page.relative_to(ROOT)) for page in GUIDES]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
VERSIONS = yaml.safe_load((ROOT / "meta/versions.yml").read_text())
DEFAULTS = yaml.safe_load((ROOT / "meta/defaults.yml").read_text())


def known_variables():
    """Every public variable: the shared ones, and those of the roles' specs."""
    names = set(yaml.safe_load((ROOT / "meta/defaults.yml").read_text()))
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            names |= set(entry.get("options") or {})
    return names


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", GUIDES, ids=GUIDE_IDS)
def test_named_files_exist(page):
    folders = "roles|plugins|playbooks|lab|docs|tests|meta|inventories|molecule|benchmarks|tools"
    for name in re.findall(rf"`((?:{folders})/[\w./-]*)`", page.read_text()):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", GUIDES, ids=GUIDE_IDS)
def test_named_variables_exist(page):
    prefixes = "|".join(sorted(path.name for path in (ROOT / "roles").iterdir()))
    text = page.read_text()
    named = set(re.findall(r"`(bare_mesh_[a-z_]+)`", text)) | set(
        re.findall(rf"`((?:{prefixes})_[a-z_]+)(?:: [^`]*)?`", text)
    )
    modules = {path.stem for path in (ROOT / "plugins/modules").glob("*.py")}
    roles = {path.name for path in (ROOT / "roles").iterdir()}
    assert not named - known_variables() - modules - roles


@pytest.mark.parametrize("page", GUIDES, ids=GUIDE_IDS)
def test_named_playbooks_and_scenarios_exist(page):
    for name in re.findall(r"ansible-playbook bare\.mesh\.(\w+)", page.read_text()):
        assert (ROOT / f"playbooks/{name}.yml").exists(), name
    for name in re.findall(r"molecule [^`]*-s (\w+)", page.read_text()):
        assert (ROOT / f"molecule/{name}/molecule.yml").exists(), name


@pytest.mark.parametrize("page", GUIDES, ids=GUIDE_IDS)
def test_examples_in_yaml_parse(page):
    for block in blocks(page, "yaml"):
        list(yaml.safe_load_all(block))


@pytest.mark.parametrize("page", GUIDES, ids=GUIDE_IDS)
def test_example_playbooks_parse(page, tmp_path):
    plays = [block for block in blocks(page, "yaml") if re.search(r"^- .*\n(?:  .*\n)*?  hosts:", block, re.MULTILINE)]
    for number, play in enumerate(plays):
        playbook = tmp_path / f"{number}.yml"
        playbook.write_text(play)
        command = ["ansible-playbook", "--syntax-check", "-i", "inventories/lab", playbook]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", GUIDES, ids=GUIDE_IDS)
def test_named_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", page.read_text())) <= targets


@pytest.mark.parametrize("page", READMES, ids=["en", "zh"])
def test_readme_names_every_make_target(page):
    for target in re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE):
        if target != "help":
            assert f"make {target}" in page.read_text(), target


@pytest.mark.parametrize("page", READMES, ids=["en", "zh"])
def test_readme_states_the_versions_that_are_installed(page):
    text = page.read_text()
    for version in (
        DEFAULTS["bare_mesh_kubernetes_version"],
        DEFAULTS["bare_mesh_istio_version"],
        versions.load().containerd,
        VERSIONS["__bare_mesh_docker_version"],
        VERSIONS["__bare_mesh_cri_dockerd_version"],
        VERSIONS["__bare_mesh_flannel_version"].lstrip("v"),
    ):
        assert version in text, version


@pytest.mark.parametrize("page", READMES, ids=["en", "zh"])
def test_readme_shows_the_sample_inventory(page):
    sample = yaml.safe_load((ROOT / "inventories/sample/hosts.yml").read_text())
    assert sample in [yaml.safe_load(block) for block in blocks(page, "yaml")]


def test_sample_settings_are_real_and_default():
    text = (ROOT / "inventories/sample/group_vars/all.yml").read_text()
    shown = yaml.safe_load("\n".join(re.findall(r"^# ([a-z_]+: .*)$", text, re.MULTILINE)))
    assert set(shown) <= known_variables()
    defaults = yaml.safe_load((ROOT / "meta/defaults.yml").read_text())
    plain = {
        name: value
        for name, value in shown.items()
        if name in defaults and defaults[name] and "{{" not in str(defaults[name])
    }
    assert plain == {name: defaults[name] for name in plain}


def test_whoever_copies_the_sample_gets_no_warning_about_python_on_every_host():
    active = yaml.safe_load((ROOT / "inventories/sample/group_vars/all.yml").read_text())
    assert active["ansible_python_interpreter"] == "auto_silent"


def test_architecture_names_every_module_and_role():
    page = (ROOT / "docs/architecture.md").read_text()
    for path in [*ROOT.glob("plugins/modules/*.py"), *ROOT.glob("roles/*")]:
        assert re.search(rf"\b{path.stem}\b", page), path.stem
