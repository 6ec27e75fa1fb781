# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The index of a repository of Helm charts: https://helm.sh/docs/topics/chart_repository/#the-index-file."""

from __future__ import annotations

import importlib
from typing import Any

from ansible.module_utils.common.yaml import HAS_YAML, yaml_load
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure


def index(content: bytes, url: str) -> dict[str, list[dict[str, Any]]]:
    """Name of a chart to what the index says of its versions. Raises Failure if it is none."""
    if not HAS_YAML:
        raise Failure("the Python library PyYAML is missing, which reads the index of a repository")
    try:
        return {name: [dict(one) for one in found or []] for name, found in yaml_load(content)["entries"].items()}
    except (AttributeError, KeyError, TypeError, ValueError, importlib.import_module("yaml").YAMLError) as error:
        raise Failure(f"{url} is no index of a Helm repository: {error!r}") from error


def entry(served: dict[str, list[dict[str, Any]]], name: str, version: str) -> dict[str, Any]:
    """What an index says of one version of a chart; nothing if it has none."""
    return next((one for one in served.get(name, []) if str(one.get("version")) == version), {})
