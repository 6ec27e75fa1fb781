# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose a kubeconfig is."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._preflight.kubeconfig import MARK, describe_other, is_ours

SERVER = "https://192.0.2.10:6443"


def config(*servers, authority="QQ=="):
    return yaml.safe_dump(
        {"clusters": [{"cluster": {"server": server, "certificate-authority-data": authority}} for server in servers]}
    )


@pytest.mark.parametrize(
    ("existing", "wanted", "ours"),
    [
        ("", "", True),
        (MARK + "whatever", "", True),
        (config(SERVER), "", True),
        (config("https://old", authority="Q0E="), config(SERVER, authority="Q0E="), True),
        (config("https://other"), config(SERVER, authority="Q0E="), False),
        (config("https://other"), "", False),
        (config(SERVER, "https://other"), "", False),
        ("text", "", False),
        ("a: [", "", False),
        ("clusters: [5]", "", False),
        ("clusters: [{cluster: 5}]", "", False),
    ],
)
def test_whose_it_is(existing, wanted, ours):
    assert is_ours(existing, SERVER, wanted) is ours


def test_what_another_file_is_for():
    assert describe_other(config("https://b", "https://a")).endswith("it is for https://a, https://b")
    assert describe_other("text").endswith("it is for no cluster")
