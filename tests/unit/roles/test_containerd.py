# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role containerd writes into containerd's configuration."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles/containerd"
RUNTIME = "io.containerd.cri.v1.runtime"


@pytest.mark.parametrize(
    ("given", "lines"), [({}, []), ({"containerd_enable_selinux": True}, ["enable_selinux = true"])]
)
def test_containers_get_labels_if_asked_for(given, lines):
    """Where nobody asks, the file is as it was, so containerd is not restarted."""
    # As Ansible renders templates.
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True)
    environment.filters["bool"] = bool
    defaults = yaml.safe_load((ROLE / "defaults/main/main.yml").read_text())
    names = {"__bare_mesh_pause_image": "registry.k8s.io/pause:3.10.2", "__containerd_certs": "/etc/containerd/certs.d"}
    text = environment.from_string((ROLE / "templates/config.toml.j2").read_text()).render(
        **{**defaults, **names, **given}
    )
    section = text.partition(f'[plugins."{RUNTIME}"]\n')[2].partition("\n\n")[0].splitlines()
    assert section == ["restrict_oom_score_adj = false", *lines]
