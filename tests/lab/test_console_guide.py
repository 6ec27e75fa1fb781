# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings of docs/console.md are possible as they stand; test_mesh_settings.py shows what such settings do."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)


SETTINGS = blocks("console.md", "yaml")


def test_both_languages_say_the_same():
    assert len(SETTINGS) == 3 and blocks("console.zh-CN.md", "yaml") == SETTINGS
    assert blocks("console.zh-CN.md", "sh") == blocks("console.md", "sh")

    def variables(page):
        return re.findall(r"`(istio_\w+)`", (ROOT / "docs" / page).read_text(encoding="utf-8"))

    assert variables("console.zh-CN.md") == variables("console.md")


@pytest.mark.feature("form-guide")
@pytest.mark.parametrize("settings", SETTINGS, ids=["form", "operator", "production"])
def test_the_settings_are_possible(play, tmp_path, settings):
    extra = tmp_path / "settings.yml"
    extra.write_text(settings)
    run = play("playbooks/install_mesh.yml", "--check", "-e", f"@{extra}")
    assert run["code"] == 0, run["errors"]
    assert "bare.mesh.istio : Install Istio" in run["changed"]["localhost"]
