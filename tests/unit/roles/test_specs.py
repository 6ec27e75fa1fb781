# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Defaults, argument specs and READMEs of the roles must agree."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
# common is what the others share. It has no entry point of its own.
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.name != "common")
# Prometheus's own labels begin like internal variables.
LABELS = ("address__", "metrics_path__", "scheme__", "meta_kubernetes_")
# They run on the controller, but for preflight, which inspects the hosts itself.
CONTROLLER_ROLES = {
    *("bank_demo", "bookinfo", "bundle", "flannel", "istio", "istio_addons", "istio_gateway", "istioctl"),
    *("load_balancer", "preflight"),
}
SHARED = yaml.safe_load((ROOT / "meta/defaults.yml").read_text())


def entry_points(role):
    return yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]


def options(role):
    return {
        name: option for entry in entry_points(role).values() for name, option in (entry.get("options") or {}).items()
    }


def own_defaults(role):
    path = ROOT / "roles" / role / "defaults/main/main.yml"
    return yaml.safe_load(path.read_text()) or {} if path.exists() else {}


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_specs_name_the_same_variables(role):
    named = {name for name, option in options(role).items() if name not in SHARED and not option.get("required")}
    assert named == set(own_defaults(role))


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_specs_agree_on_values(role):
    defaults = {**SHARED, **own_defaults(role)}
    stated = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert stated == {name: defaults[name] for name in stated}
    required = {name for name, option in options(role).items() if option.get("required")}
    unstated = set(options(role)) - set(stated) - required - set(SHARED)
    assert not unstated, "the spec has no default"


@pytest.mark.parametrize("role", ROLES)
def test_public_variables_carry_the_name_of_the_role(role):
    for name in own_defaults(role):
        assert name.startswith(f"{role}_"), name


@pytest.mark.parametrize("role", [*ROLES, "common"])
def test_internal_variables_carry_the_name_of_the_role(role):
    # What other roles read from common is named after the collection.
    prefix = ("__bare_mesh_", "__common_") if role == "common" else f"__{role}_"
    for path in (ROOT / "roles" / role / "vars").rglob("*.yml"):
        for name in yaml.safe_load(path.read_text()) or {}:
            assert name.startswith(prefix), f"{path}: {name}"


@pytest.mark.parametrize("role", ROLES)
def test_no_role_reads_the_internal_variables_of_another(role):
    files = [path for path in (ROOT / "roles" / role).rglob("*") if path.suffix in (".yml", ".j2")]
    for path in files:
        others = {
            name
            for name in re.findall(r"\b__([a-z_]+)", path.read_text())
            if not name.startswith((f"{role}_", "bare_mesh_", *LABELS))
        }
        assert not others, path


def test_the_shared_role_runs_no_task_as_a_dependency():
    """Tasks in a dependency would run on every host for each role."""
    assert (ROOT / "roles/common/tasks/facts.yml").exists()
    assert not (ROOT / "roles/common/tasks/main.yml").exists()


@pytest.mark.parametrize("role", ROLES)
def test_host_roles_gather_facts_first(role):
    """They work in any play."""
    first = yaml.safe_load((ROOT / "roles" / role / "tasks/main.yml").read_text())[0]
    gathers = first.get("ansible.builtin.import_role") == {"name": "bare.mesh.common", "tasks_from": "facts"}
    assert gathers == (role not in CONTROLLER_ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_is_documented(role):
    for name, entry in entry_points(role).items():
        assert (ROOT / "roles" / role / "tasks" / f"{name}.yml").exists(), name
        assert entry["short_description"], name
        assert entry["description"], name
        for variable, option in (entry.get("options") or {}).items():
            assert option.get("description"), variable
            assert option.get("type"), variable


@pytest.mark.parametrize("role", ROLES)
def test_galaxy_information_is_uniform(role):
    meta = yaml.safe_load((ROOT / "roles" / role / "meta/main.yml").read_text())
    # common has the facts about the cluster. A mirror is not part of a cluster.
    assert meta["dependencies"] == ([] if role == "mirror" else [{"role": "bare.mesh.common"}])
    assert meta["galaxy_info"]["min_ansible_version"] == "2.16"
    assert meta["galaxy_info"]["license"] == "GPL-3.0-or-later"


def test_generated_pages_are_fresh():
    done = subprocess.run(
        [sys.executable, "-m", "tools.docs", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("roles/*/*/main/*.yml")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_expressions_can_be_read(path):
    """What takes more is a filter, with tests of its own."""
    expressions = [" ".join(found.split()) for found in re.findall(r"\{\{.*?\}\}", path.read_text(), re.DOTALL)]
    assert [one for one in expressions if len(one) > 160] == []
