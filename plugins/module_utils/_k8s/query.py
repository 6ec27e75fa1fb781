# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JMESPath expressions in options: https://jmespath.org/specification.html"""

from __future__ import annotations

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, library


def expression(params: dict[str, Any], option: str) -> Any:
    """The compiled expression of an option, or None if it is not set. Raises Failure if it is not valid."""
    text = params[option]
    if not text:
        return None
    jmespath = library("jmespath", "jmespath")
    try:
        return jmespath.compile(text)
    except jmespath.exceptions.JMESPathError as error:
        raise Failure(
            f"{option} is not a valid JMESPath expression: {error}; see https://jmespath.org/specification.html"
        ) from error


def evaluate(compiled: Any, option: str, found: list[dict[str, Any]] | dict[str, Any]) -> Any:
    """The value of an expression on what was read. Raises Failure if it cannot be evaluated."""
    try:
        return compiled.search(found)
    except library("jmespath", "jmespath").exceptions.JMESPathError as error:
        raise Failure(f"{option} cannot be evaluated on what was read: {error}") from error
