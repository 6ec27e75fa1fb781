# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the live objects that the analysis needs, with few lists."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import Object, namespace, spec
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.gateways import reference
from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.hosts import destinations, service
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import PARALLEL, ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds, split_version

# Kind of the batch -> kinds that its rules need of the whole cluster, because they apply across namespaces.
_WHOLE = {
    "AuthorizationPolicy": ("AuthorizationPolicy",),
    "DestinationRule": ("DestinationRule", "ServiceEntry", "VirtualService"),
    "VirtualService": ("DestinationRule", "ServiceEntry"),
}
# API version, kind and namespace of a list; the namespace is empty for the whole cluster.
List = tuple[str, str, str]


def read(kinds: Kinds, batch: list[Object]) -> tuple[list[Object], set[tuple[str, str]]]:
    """The objects, and the pairs of kind and namespace of which they are all there are.

    A list that the API server forbids is no knowledge. Instead of a whole kind, its objects beside the batch are then
    tried. Raises Failure for other errors.
    """
    wanted = set(_lists(batch))
    whole = {(version, kind) for version, kind, where in wanted if not where}
    wanted = {one for one in wanted if not one[2] or one[:2] not in whole}
    answers = _read(kinds, wanted)
    homes = {namespace(one) for one in batch}
    refused = [one for one, found in answers.items() if found is None and not one[2]]
    answers |= _read(kinds, {(version, kind, home) for version, kind, _all in refused for home in homes})
    objects = [one for found in answers.values() for one in found or []]
    return objects, {(kind, where) for (_version, kind, where), found in answers.items() if found is not None}


def _lists(batch: list[Object]) -> Iterator[List]:
    for one in batch:
        version, kind, home = one["apiVersion"], one["kind"], namespace(one)
        for needed in _WHOLE.get(kind, ()):
            yield version, needed, ""
        if kind == "PeerAuthentication" and (spec(one).get("mtls") or {}).get("mode") == "STRICT":
            yield "v1", "Pod", home
        if kind == "Gateway":
            yield version, kind, home
        if kind == "VirtualService":
            yield version, kind, home
            names = [name for name in spec(one).get("gateways") or [] if name != "mesh"]
            yield from ((version, "Gateway", reference(name, home)[0]) for name in names)
            services = [service(target["host"], home) for _path, target in destinations(one)]
            yield from (("v1", "Service", found[1]) for found in services if found)


def _read(kinds: Kinds, wanted: set[List]) -> dict[List, list[Object] | None]:
    """The objects of each list; None if it is forbidden."""
    # One API version of a kind has all its objects.
    unique = sorted(
        {(split_version(version)[0], kind, where): version for version, kind, where in sorted(wanted)}.items()
    )
    lists = [(version, kind, where) for (_group, kind, where), version in unique]
    with ThreadPoolExecutor(min(PARALLEL, len(lists) or 1)) as pool:
        return dict(zip(lists, pool.map(lambda one: _pages(kinds, *one), lists), strict=True))


def _pages(kinds: Kinds, version: str, kind: str, where: str) -> list[Object] | None:
    if kinds.client is None:
        return None
    try:
        return list(kinds.client.pages(kinds.collection(version, kind, where)))
    except ApiError as error:
        if error.status == 403:
            return None
        raise
