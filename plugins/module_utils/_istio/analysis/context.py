# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the analysis knows: the batch of a task, and other objects of the cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import group_kind
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import key

Object = dict[str, Any]
# The kinds that apply across namespaces: without one of them in a list of known objects, there is none.
_SHARED = ("DestinationRule", "ServiceEntry", "VirtualService")


def spec(one: Object) -> Object:
    return one.get("spec") or {}


def namespace(one: Object) -> str:
    return str(one["metadata"].get("namespace") or "default")


class Context:
    """The batch and the other objects that will be there beside it, by kind.

    listed: the pairs of kind and namespace (empty for the whole cluster) of which the known objects are all there are.
    None if that is not said: then they are all of their kinds.
    """

    def __init__(
        self, batch: list[Object], known: Iterable[Object] = (), listed: Collection[tuple[str, str]] | None = None
    ) -> None:
        live = [one for one in known if _usable(one)]
        self.live = {key(one): one for one in live}
        new = {key(one) for one in batch}
        self._mine = _by_kind(batch)
        self._rest = _by_kind([one for one in live if key(one) not in new])
        # Without a cluster, the batch is judged as if nothing else was there where it names its own objects.
        self.alone = listed is None
        if listed is None:
            kinds = {one["kind"] for one in live}
            listed = {(kind, "") for kind in (*kinds, *(_SHARED if live else ()))}
        self.listed = listed

    def mine(self, kind: str) -> list[Object]:
        """The objects of a kind in the batch."""
        return self._mine.get(kind, [])

    def rest(self, kind: str) -> list[Object]:
        """The objects of a kind outside of the batch."""
        return self._rest.get(kind, [])

    def all(self, kind: str) -> list[Object]:
        return self.mine(kind) + self.rest(kind)

    def complete(self, kind: str, where: str = "") -> bool:
        """Whether all objects of a kind are known, in a namespace or in the whole cluster."""
        return (kind, "") in self.listed or bool(where and (kind, where) in self.listed)


def _by_kind(objects: list[Object]) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = {}
    for one in objects:
        found.setdefault(one["kind"], []).append(one)
    return found


def _usable(one: Object) -> bool:
    """Whether an object is of Istio or of Kubernetes: other groups have a Gateway and a Service too."""
    group, _kind = group_kind(one)
    return group in ("", "apps") or group.endswith(".istio.io")
