# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Destinations that are no service of the mesh."""

from __future__ import annotations


def test_table(case, found):
    assert found == case["expect"]
