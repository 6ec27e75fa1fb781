# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guest, its inventory, and how playbooks run on it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import testinfra
import truth
import yaml

from lab import guest as virtual
from lab import guest_mirror, paths


def inventory(guest):
    """The settings of a user with a mirror, and the forwarded ports. No setting spares the kernel."""
    mirror = f"https://{guest_mirror.HOST}"
    kubernetes = {
        "bare_mesh_source": "mirror",
        "bare_mesh_mirror_url": f"{mirror}:{guest.mirror.files}",
        "bare_mesh_mirror_registry_url": f"{mirror}:{guest.mirror.registry}",
        "bare_mesh_mirror_ca_file": str(guest.mirror.ca),
        "bare_mesh_key_fingerprints": json.loads((paths.cache() / "fingerprints.json").read_text(encoding="utf-8")),
        "bare_mesh_kubeconfig": str(guest.directory / "kubeconfig"),
        "kubeadm_api_url": f"https://127.0.0.1:{guest.api_port}",
    }
    login = {
        "ansible_host": "127.0.0.1",
        "ansible_port": guest.ssh_port,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(guest.key),
        "ansible_ssh_common_args": " ".join(guest.ssh_options),
    }
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    return {
        "all": {
            "hosts": {"localhost": local},
            "vars": kubernetes,
            "children": {"cluster": {"children": {"control_plane": {"hosts": {"guest1": login}}, "workers": {}}}},
        }
    }


@pytest.fixture(scope="module")
def guest(request):
    """A machine of the module's own. KERNEL_OPTIONS of the module are added to the kernel's command line."""
    with virtual.running(getattr(request.module, "KERNEL_OPTIONS", "")) as started:
        text = yaml.safe_dump(inventory(started))
        (started.directory / "inventory.yml").write_text(text, encoding="utf-8")
        yield started


@pytest.fixture(scope="module")
def host(guest):
    return testinfra.get_host(
        f"ssh://root@127.0.0.1:{guest.ssh_port}",
        ssh_identity_file=str(guest.key),
        ssh_extra_args=" ".join(guest.ssh_options),
    )


@pytest.fixture(scope="module")
def play(guest):
    """Run a playbook on the guest. Returns the changed tasks, the exit code and the output."""
    run = partial(truth.play, Path(guest.directory, "runs.jsonl"), inventory=False)
    return partial(run, "-i", str(guest.directory / "inventory.yml"))
