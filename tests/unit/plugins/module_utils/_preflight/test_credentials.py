# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names and passwords for registries that cannot be used."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._preflight.credentials import credentials


@pytest.mark.parametrize("registry", ["docker.io", "harbor.example:8443", "192.0.2.1:5000", "[2001:db8::1]:5000"])
def test_servers(registry):
    assert list(credentials({"credentials": [[registry, "me", "yes"]]})) == []
    assert list(credentials({})) == []


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (["https://docker.io", "me", "yes"], "not the name of a server"),
        (["harbor.example/istio", "me", "yes"], "not the name of a server"),
        (["", "me", "yes"], "not the name of a server"),
        (["docker.io", "", "yes"], "the username is empty"),
        (["docker.io", "a:b", "yes"], "the username has a colon"),
        (["docker.io", "me", ""], "the password is empty"),
    ],
)
def test_what_cannot_be_used(entry, told):
    (fault,) = credentials({"credentials": [["quay.io", "me", "yes"], entry]})
    assert fault.check == "settings" and told in str(fault)
    assert fault.where == f"bare_mesh_registry_credentials, entry 2 ({entry[0]})"


def test_a_registry_that_is_there_twice():
    (fault,) = credentials({"credentials": [["docker.io", "a", "yes"], ["docker.io", "b", "yes"]]})
    assert "has docker.io 2 times" in str(fault)
    (fault,) = credentials({"credentials": [["docker.io", "a", "yes"], ["registry-1.docker.io", "b", "yes"]]})
    assert "has docker.io and registry-1.docker.io 2 times" in str(fault)
