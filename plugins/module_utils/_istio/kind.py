# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data of a kind of Istio. The modules of the kinds differ only in this data, the rules and the documentation."""

from __future__ import annotations

from typing import Any, NamedTuple


class ResourceKind(NamedTuple):
    """The data of one kind that the shared code of the modules needs."""

    kind: str
    group: str
    # API versions, the preferred one first. All have the same fields.
    versions: tuple[str, ...]
    # Module option -> field of the spec and argument spec of the option.
    options: dict[str, tuple[str, dict[str, Any]]]
