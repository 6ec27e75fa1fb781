# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the live objects that belong to definitions, with few requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import PARALLEL, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds, UnknownKind
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import key

# Group, kind, namespace and name of an object, see resource.key.
Key = tuple[str, str, str, str]
Job = Callable[[], Iterable[Any]]
# Up to this many objects of one kind and namespace are read one by one, more of them by one LIST.
FEW = 3


def read(client: Client, kinds: Kinds, objects: list[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """The live objects among these, by key.

    Objects that do not exist, or whose kind the cluster does not serve, are missing. Raises Failure when the API server
    refuses a request or does not answer.
    """
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for one in objects:
        groups.setdefault((one["apiVersion"], one["kind"], one["metadata"].get("namespace", "")), []).append(one)
    jobs: list[Job] = []
    for (api_version, kind, namespace), members in groups.items():
        try:
            if len(members) > FEW:
                jobs.append(_lister(client, kinds.collection(api_version, kind, namespace), members))
            else:
                jobs += [_getter(client, kinds.path(one)) for one in members]
        except UnknownKind:
            continue
    with ThreadPoolExecutor(min(PARALLEL, len(jobs) or 1)) as pool:
        found = list(pool.map(lambda job: list(job()), jobs))
    return {key(one): one for batch in found for one in batch if one}


def missing_namespaces(client: Client, new: list[dict[str, Any]], objects: list[dict[str, Any]]) -> list[str]:
    """The namespaces of new objects that neither exist nor are among the objects of the task."""
    created = {one["metadata"]["name"] for one in objects if (one["apiVersion"], one["kind"]) == ("v1", "Namespace")}
    names = sorted({one["metadata"].get("namespace", "") for one in new} - created - {""})
    return [name for name in names if client.get(f"/api/v1/namespaces/{quote(name, safe='')}") is None]


def _lister(client: Client, path: str, members: list[dict[str, Any]]) -> Job:
    """A function that lists the collection and returns the members found in it."""
    names = {one["metadata"]["name"] for one in members}
    return lambda: [item for item in client.pages(path) if item["metadata"]["name"] in names]


def _getter(client: Client, path: str) -> Job:
    """A function that reads the one object at the path."""
    return lambda: [client.get(path)]
