# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role host_prep writes for NetworkManager."""

from __future__ import annotations

import configparser
import fnmatch
from pathlib import Path

import jinja2
import jinja2.nativetypes
import pytest
import yaml

ROLE = Path(__file__).resolve().parents[3] / "roles/host_prep"


@pytest.mark.parametrize(
    ("link", "ours"),
    [("cni0", True), ("flannel.1", True), ("veth1a2b3c4d", True), ("eth0", False), ("enp1s0", False), ("bond0", False)],
)
def test_network_manager_leaves_the_interfaces_of_pods_alone(link, ours):
    file = yaml.safe_load((ROLE / "vars/main/main.yml").read_text())["__host_prep_network_manager_file"]
    assert file["dest"].startswith("/etc/NetworkManager/conf.d/") and file["dest"].endswith(".conf") and file["reload"]
    text = (ROLE / "templates" / file["src"]).read_text()
    # host_service knows its own files by it.
    assert "bare.mesh" in text.splitlines()[0]
    parser = configparser.ConfigParser(delimiters=["="])
    parser.read_string(text)
    # NetworkManager.conf(5): a key with + keeps what other files name.
    matches = dict(reversed(one.split(":")) for one in parser["keyfile"]["unmanaged-devices+"].split(";"))
    assert set(matches.values()) == {"interface-name"}
    assert any(fnmatch.fnmatchcase(link, pattern) for pattern in matches) is ours


def test_only_an_ambient_mesh_needs_sets_and_marks():
    """https://istio.io/latest/docs/ops/deployment/platform-requirements/ marks four of them as needed for it alone."""
    named = yaml.safe_load((ROLE / "vars/main/main.yml").read_text())
    environment = jinja2.nativetypes.NativeEnvironment()

    def modules(**settings):
        known = {
            **{name: named[name] for name in ("__host_prep_sidecar_modules", "__host_prep_ambient_modules")},
            "__host_prep_ambient": environment.from_string(named["__host_prep_ambient"]).render(settings),
        }
        return environment.from_string(named["__host_prep_optional_modules"]).render(known)

    ambient = {"ip_set", "ip_set_hash_ip", "xt_connmark", "xt_mark"}
    assert ambient <= set(modules(istio_dataplane_mode="ambient")) > set(modules())
    assert not ambient & set(modules()) and modules() == modules(istio_dataplane_mode="sidecar")
    assert "xt_owner" in modules()
