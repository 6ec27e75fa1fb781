# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tests of tools/matrix.py, and of the places that name the supported ansible-core."""

from __future__ import annotations

import re
import sys

import pytest
import yaml

from tools import matrix

ROOT = matrix.REPOSITORY
CORES = list(matrix.SUPPORTED)
OLDEST, NEWEST = CORES[0], CORES[-1]
ABOVE = f"2.{int(NEWEST.partition('.')[2]) + 1}"


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_requirements_and_metadata_name_the_same_versions():
    assert f"\nansible-core>={OLDEST},<{ABOVE}\n" in text("requirements.txt")
    assert yaml.safe_load(text("meta/runtime.yml"))["requires_ansible"] == f">={OLDEST}.0,<{ABOVE}.0"


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_readmes_name_the_same_versions(page):
    row = next(line for line in text(page).splitlines() if line.startswith("| ansible-core |"))
    assert re.search(rf"\b{re.escape(OLDEST)}\D+{re.escape(NEWEST)}\b", row), row
    pin = re.search(r"^ansible-core==(\d+\.\d+)\.\d+; python_version < ", text("requirements-dev.txt"), re.MULTILINE)
    assert row.split("|")[2].strip() == pin[1], "the lab's"


def test_the_page_has_the_same_pairs():
    assert f"supports ansible-core {OLDEST} to {NEWEST}," in text("docs/matrix.md")
    rows = re.findall(r"^\| (2\.[\d., ]+) \| (3\.[\d., ]+) \|$", text("docs/matrix.md"), re.MULTILINE)
    stated = {core: tuple(pythons.split(", ")) for cores, pythons in rows for core in cores.split(", ")}
    assert stated == matrix.SUPPORTED


def test_development_uses_the_newest_core_of_each_python():
    pins = re.findall(r"^ansible-core==.*$", text("requirements-dev.txt"), re.MULTILINE)
    assert pins == re.findall(r"^ansible-core==.*$", text("constraints.txt"), re.MULTILINE)
    found = [
        re.fullmatch(r'ansible-core==(2\.\d+)\.\d+; python_version (<|>=) "(3\.\d+)"', pin).groups() for pin in pins
    ]
    newest = {python: core for core, pythons in matrix.SUPPORTED.items() for python in pythons}
    assert found == [(newest["3.11"], "<", "3.12"), (newest["3.12"], ">=", "3.12")]
    assert newest["3.12"] == newest["3.13"] == newest["3.14"]


def test_an_execution_environment_gets_the_requirements():
    """A collection has no other dependencies (CONTRIBUTING.md says how ansible-builder is asked)."""
    definition = yaml.safe_load(text("meta/execution-environment.yml"))
    assert definition == {"version": 3, "dependencies": {"python": "requirements.txt"}}
    assert "requirements.txt" not in yaml.safe_load(text("galaxy.yml"))["build_ignore"]


def test_the_workflow_runs_each_python():
    jobs = yaml.safe_load(text(".github/workflows/ci.yml"))["jobs"]
    pythons = {pair.partition("-")[2] for pair in matrix.PAIRS}
    assert set(jobs["matrix"]["strategy"]["matrix"]["python"]) == pythons


def test_names_select_pairs():
    assert matrix.select([]) == list(matrix.PAIRS) and len(matrix.PAIRS) == 18
    assert matrix.select(["2.21", "2.16-3.10", "2.16-3.10"]) == ["2.16-3.10", "2.21-3.12", "2.21-3.13", "2.21-3.14"]
    assert matrix.select(["3.10"]) == ["2.16-3.10", "2.17-3.10"]
    with pytest.raises(SystemExit, match=r"not supported: 2.21-3.10 9; the pairs are 2.16-3.10 "):
        matrix.select(["2.16", "2.21-3.10", "9"])


def program(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return path


def test_a_python_is_found_behind_a_script_that_fails(tmp_path, monkeypatch):
    program(tmp_path / "shims/python3.10", "exit 127")
    old = program(tmp_path / "pyenv/versions/3.10.9/bin/python3.10", "echo old")
    new = program(tmp_path / "pyenv/versions/3.10.13/bin/python3.10", "echo new")
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(matrix.find_python("3.10")) == "new"
    program(new, "exit 1")
    assert str(matrix.find_python("3.10")) == "old"
    program(old, "exit 1")
    with pytest.raises(matrix.NotAvailable, match=r"no Python 3.10 on this machine"):
        matrix.find_python("3.10")


def test_the_probe_knows_the_version():
    assert matrix.output(sys.executable, "-c", matrix.PROBE, "3.1") is None
    assert matrix.output("no-such-program") is None


def results(monkeypatch, tmp_path, *, pip="", sanity=0):
    """main() for one pair with programs that do nothing but fail or not."""
    fake = program(
        tmp_path / "python",
        f"""case "$*" in
        *" install "*) echo "{pip}"; [ -z "{pip}" ] ;;
        *sysconfig*) echo {tmp_path}/site ;;
        *importlib.metadata*) echo 2.16.99 ;;
        esac""",
    )
    monkeypatch.setenv("BARE_MESH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(matrix, "find_python", lambda version: fake)
    environment = tmp_path / f"cache/matrix/2.16-3.10-{matrix.key(fake)}"
    program(environment / "bin/python", fake.read_text().partition("\n")[2])
    monkeypatch.setattr(matrix, "output", lambda *command: "pip" if "pip" in command else OUTPUT(*command))
    monkeypatch.setattr(matrix, "step", lambda name, *_: "FAILED" if sanity and "sanity" in name else "ok")
    return matrix.main(["2.16-3.10"])


OUTPUT = matrix.output


def test_a_pair_that_passes(monkeypatch, tmp_path, capsys):
    assert results(monkeypatch, tmp_path) == 0
    assert (tmp_path / "site/ansible_collections/bare/mesh").resolve() == ROOT
    printed = capsys.readouterr().out
    assert re.search(r"^2\.16-3\.10  2\.16\.99       ok      ok    \d+$", printed, re.MULTILINE)
    assert printed.endswith("1 of 1 pairs tested, 0 failed\n")


def test_a_pair_that_fails(monkeypatch, tmp_path, capsys):
    assert results(monkeypatch, tmp_path, sanity=1) == 1
    assert "1 of 1 pairs tested, 1 failed" in capsys.readouterr().out


def test_a_core_that_pip_does_not_have(monkeypatch, tmp_path, capsys):
    assert results(monkeypatch, tmp_path, pip="No matching distribution found for ansible-core~=2.16.0") == 1
    printed = capsys.readouterr().out
    assert "not tested: pip finds no ansible-core 2.16 for this Python" in printed
    assert "0 of 1 pairs tested, 0 failed" in printed


def test_an_environment_that_cannot_be_made(monkeypatch, tmp_path, capsys):
    assert results(monkeypatch, tmp_path, pip="the disk is full") == 1
    printed = capsys.readouterr().out
    assert "FAILED 2.16-3.10 environment" in printed and "the disk is full" in printed
    assert "1 of 1 pairs tested, 1 failed" in printed


def test_a_step_that_fails_shows_its_output(tmp_path, capsys):
    assert matrix.step("x", ["sh", "-c", "echo why; exit 3"], {"PATH": "/usr/bin:/bin"}, tmp_path / "log") == "FAILED"
    assert "    why" in capsys.readouterr().out
    assert matrix.step("x", ["true"], {"PATH": "/usr/bin:/bin"}, tmp_path / "log") == "ok"


def test_tests_see_no_settings_of_the_caller(monkeypatch, tmp_path):
    monkeypatch.setenv("ANSIBLE_CONFIG", "x")
    monkeypatch.setenv("PYTHONPATH", "x")
    env = matrix.clean(tmp_path)
    assert not {"ANSIBLE_CONFIG", "PYTHONPATH"} & set(env)
    assert env["PATH"].startswith(f"{tmp_path}/bin:")
