# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names and passwords for registries, in the files that the container runtimes and the kubelet read."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

# New in Python 3.11.
tomllib = pytest.importorskip("tomllib")

ROOT = Path(__file__).resolve().parents[3]
FILES = [
    "meta/defaults.yml", "meta/sources.yml", "meta/cluster.yml", "roles/containerd/defaults/main/main.yml",
    "roles/containerd/vars/main/main.yml", "roles/docker/defaults/main/main.yml", "roles/docker/vars/main/main.yml",
]  # fmt: skip
HARBOR = {"registry": "harbor.example:8443", "username": "robot$mesh", "password": "s3cret:ä"}
HUB = {"registry": "docker.io", "username": "me", "password": "hub-token"}
MIRROR = {"bare_mesh_source": "mirror", "bare_mesh_mirror_registry_url": "https://harbor.example:8443"}
RENDER = {
    "ansible.builtin.template": {
        "src": "{{ root }}/roles/{{ role }}/templates/{{ item.src }}",
        "dest": "{{ out }}/{{ item.dest | replace('/', '!') }}",
        "mode": "{{ item.mode }}",
    },
    "vars": {"value": "{{ item.value | default('') }}"},
}


def basic(entry):
    pair = f"{entry['username']}:{entry['password']}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@pytest.fixture
def written(tmp_path):
    """Runs Ansible with settings; returns path to text of what both roles write, and what they would remove."""

    def run(settings):
        out = tmp_path / "out"
        out.mkdir()
        show = {
            name: f"{{{{ __{role}_{name.partition('_')[2]} }}}}"
            for role in ("containerd", "docker")
            for name in (f"{role}_absent", f"{role}_secret")
        }
        tasks = [
            *({"ansible.builtin.include_vars": str(ROOT / path)} for path in FILES),
            {**RENDER, "loop": "{{ __containerd_registry_files }}", "vars": {**RENDER["vars"], "role": "containerd"}},
            {
                **RENDER,
                "loop": "{{ __docker_registry_files + __docker_login_files }}",
                "vars": {**RENDER["vars"], "role": "docker"},
            },
            {
                "ansible.builtin.copy": {
                    "content": "{{ shown | to_json }}",
                    "dest": "{{ out }}/shown",
                    "mode": "0644",
                },
                "vars": {"shown": show},
            },
        ]
        given = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "root": str(ROOT),
            "out": str(out),
        }
        play = {"hosts": "one", "gather_facts": False, "vars": given, "tasks": tasks}
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
        hosts = {"control_plane": {"hosts": {"one": {}}}}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts))
        command = ["ansible-playbook", "-i", tmp_path / "hosts.yml", "-e", json.dumps(settings), tmp_path / "play.yml"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        shown = json.loads((out / "shown").read_text())
        (out / "shown").unlink()
        modes = {path.stat().st_mode & 0o777 for path in out.iterdir()}
        return {path.name.replace("!", "/"): path.read_text() for path in out.iterdir()}, shown, modes

    return run


def hosts(files, registry, folder="/etc/containerd/certs.d"):
    return tomllib.loads(files[f"{folder}/{registry}/hosts.toml"])


def test_a_mirror_that_asks_for_a_name(written):
    files, shown, modes = written({**MIRROR, "bare_mesh_registry_credentials": [HARBOR]})
    assert modes == {0o600} and shown["containerd_secret"] and shown["docker_secret"]
    for folder in ("/etc/containerd/certs.d", "/etc/docker/certs.d"):
        for registry in ("docker.io", "registry.k8s.io", "ghcr.io", "quay.io"):
            assert hosts(files, registry, folder) == {
                "server": f"https://harbor.example:8443/v2/{registry}",
                "capabilities": ["pull", "resolve"],
                "override_path": True,
                "header": {"Authorization": basic(HARBOR)},
            }
        # Images can have the mirror's own name, too, such as those of istio_hub.
        own = hosts(files, "harbor.example:8443", folder)
        assert own["server"] == "https://harbor.example:8443/v2" and own["header"]["Authorization"] == basic(HARBOR)


def test_each_server_gets_its_own(written):
    """An endpoint without credentials must not be told those of the registry that it serves."""
    endpoints = {"docker.io": "https://cache.example", "ghcr.io": "https://harbor.example:8443/v2/ghcr.io"}
    settings = {"containerd_registries": endpoints, "bare_mesh_registry_credentials": [HUB, HARBOR]}
    files, shown, _modes = written(settings)
    hub = hosts(files, "docker.io")
    assert hub["server"] == "https://registry-1.docker.io/v2" and hub["header"] == {"Authorization": basic(HUB)}
    plain = {"capabilities": ["pull", "resolve"], "override_path": True}
    assert hub["host"] == {"https://cache.example/v2": plain}
    ghcr = hosts(files, "ghcr.io")
    assert "server" not in ghcr and "header" not in ghcr
    header = {"Authorization": basic(HARBOR)}
    assert ghcr["host"] == {"https://harbor.example:8443/v2/ghcr.io": {**plain, "header": header}}
    # docker has no endpoint here.
    assert hosts(files, "docker.io", "/etc/docker/certs.d")["header"] == {"Authorization": basic(HUB)}
    assert "/var/lib/kubelet/config.json" not in shown["docker_absent"]


def test_docker_and_its_kubelet_have_them_in_dockers_own_form(written):
    files, _shown, _modes = written({"bare_mesh_registry_credentials": [HUB, HARBOR]})
    logins = [files[path] for path in ("/etc/docker/bare-mesh/config.json", "/var/lib/kubelet/config.json")]
    assert logins[0] == logins[1] and "bare.mesh" in logins[0].splitlines()[0]
    assert json.loads(logins[0])["auths"] == {
        "https://index.docker.io/v1/": {"auth": basic(HUB)[6:]},
        "harbor.example:8443": {"auth": basic(HARBOR)[6:]},
    }


def test_nothing_is_left_of_them(written):
    files, shown, _modes = written({})
    assert files == {} and not shown["containerd_secret"] and not shown["docker_secret"]
    assert "/etc/containerd/certs.d/*/hosts.toml" in shown["containerd_absent"]
    files_of_logins = ["/etc/docker/bare-mesh/config.json", "/var/lib/kubelet/config.json"]
    assert shown["docker_absent"] == ["/etc/docker/certs.d/*/hosts.toml", *files_of_logins]


def test_without_credentials_the_files_are_as_before(written):
    files, _shown, modes = written(MIRROR)
    assert modes == {0o644} and len(files) == 8
    assert files["/etc/containerd/certs.d/ghcr.io/hosts.toml"] == (
        "# Written by bare.mesh.\n"
        "# The mirror is all there is: no fallback to the registry itself.\n"
        'server = "https://harbor.example:8443/v2/ghcr.io"\n'
        'capabilities = ["pull", "resolve"]\noverride_path = true\n'
    )
