# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the analysis says."""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import identity

DOCS = "https://istio.io/latest/docs"


class Finding(NamedTuple):
    """A warning: what Istio accepts, and traffic suffers from. source: the page of Istio's documentation on it."""

    rule: str
    object: str
    path: str
    message: str
    fix: str
    source: str

    def line(self) -> str:
        return f"{self.object}: {self.path}: {self.message}. {self.fix}"


def finding(rule: str, one: dict[str, Any], path: str, message: str, fix: str, source: str) -> Finding:
    """A finding about an object. source: the part of the address after the documentation's."""
    return Finding(rule, identity(one), path, message, fix, f"{DOCS}/{source}")
