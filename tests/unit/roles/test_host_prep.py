# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role host_prep writes for NetworkManager."""

from __future__ import annotations

import configparser
import fnmatch
from pathlib import Path

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
