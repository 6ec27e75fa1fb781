# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order of versions, against what dpkg and rpm say."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._host import versions

# Each line from the oldest to the newest, as `dpkg --compare-versions` of dpkg 1.21.22 has them.
DEB = (
    "1.36.5~rc1-1 1.36.5-1.1 1.36.5-2.1 1.36.10-1.1 1:0.1-1",
    "1.7.27-1 2.2.0-2~debian.12~bookworm 2.2.0-2 2.2.0-2+b1 2.2.0-10",
    "1.0~~ 1.0~~a 1.0~ 1.0 1.0a 1.0b 1.0+ 1.0.1",
    "1-a 1-b 1-1-1",
)
# The same, as `rpm --eval '%{lua: print(rpm.ver("...") < rpm.ver("..."))}'` of rpm 4.18.0 has them.
RPM = (
    "1.36.5~rc1-1 1.36.5-150500.1.1 1.36.5-150500.2.1 1.36.10-1 1:0.1-1",
    "2.2.0-1.el9 2.2.0-2.el9 2.2.0-10.el9",
    "1.0~a 1.0 1.0^git 1.0a 1.0.1",
    "1.a 1.b 1.1",
)
EQUAL = [(versions.deb, "1.0-0", "1.0"), (versions.deb, "0:1.01", "1.1"), (versions.rpm, "1.0_1-1", "1.0.01-1")]


@pytest.mark.parametrize(("key", "line"), [(versions.deb, one) for one in DEB] + [(versions.rpm, one) for one in RPM])
def test_order(key, line):
    ordered = line.split()
    backwards = ordered[::-1]
    assert sorted(backwards, key=key) == ordered
    assert len({key(one) for one in ordered}) == len(ordered)


@pytest.mark.parametrize(("key", "one", "other"), EQUAL)
def test_equal_versions(key, one, other):
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("version", "operation", "wanted", "deb", "rpm"),
    [
        ("1.9.1-1.1", ">=", "1.2.0", True, True),
        ("1.2.0-1", "<=", "1.2.0", False, True),
        ("1.2.0-1", "=", "1.2.0", False, True),
        ("1.2.0-1", "=", "1.2.0-1", True, True),
        ("1.2.0-1", ">", "1.2.0-1", False, False),
        ("1.2.0-1", "<", "1:1.2.0-1", True, True),
        ("1:1.2.0-1", ">", "2.0", True, True),
        ("1", "", "", True, True),
    ],
)
def test_what_a_dependency_asks_for(version, operation, wanted, deb, rpm):
    assert versions.satisfies(version, operation, wanted, versions.deb) is deb
    assert versions.satisfies(version, operation, wanted, versions.rpm) is rpm
