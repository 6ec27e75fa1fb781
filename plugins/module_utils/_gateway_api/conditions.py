# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What controllers say of Gateways and routes in their status, and the wait until they have accepted them.

https://gateway-api.sigs.k8s.io/reference/spec/ describes the conditions and their reasons.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import Kinds
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.resource import identity

GROUP = "gateway.networking.k8s.io"
# For how many seconds a condition must be False before the wait ends: another task may still create what is missing.
LASTING = 20
# Reasons that go away by themselves, for example when a load balancer gives an address.
PASSING = ("Pending", "NoResources", "AddressNotAssigned", "AddressNotUsable")


class Problem(NamedTuple):
    """Why an object is not ready, and whether waiting changes nothing about it."""

    text: str
    lasting: bool = False


def wait(client: Client, kinds: Kinds, objects: list[dict[str, Any]], timeout: float) -> list[dict[str, Any]]:
    """Wait until the controllers have accepted all objects as they are now. Returns the live objects.

    Raises Failure with the conditions that are not met, before the timeout (seconds) if waiting does not help.
    """
    deadline, pause = time.monotonic() + timeout, 0.2
    since: dict[tuple[str, str], float] = {}
    while True:
        now = time.monotonic()
        live = [client.get(kinds.path(one)) for one in objects]
        problems = [
            (identity(one), problem)
            for one, there in zip(objects, live)
            for problem in (PROBLEMS[one["kind"]](there) if there else [Problem("not there")])
        ]
        found = [one for one in live if one]
        if not problems:
            return found
        since = {
            (name, problem.text): since.get((name, problem.text), now) for name, problem in problems if problem.lasting
        }
        for_good = [f"{name}: {text}" for (name, text), first in since.items() if now - first >= LASTING]
        data = {
            "not_ready": list(dict.fromkeys(name for name, _problem in problems)),
            "conditions": [row for one in found for row in rows(one)],
        }
        if for_good:
            message = "not accepted, and waiting does not change that"
            raise Failure(f"{message}: {'; '.join(for_good)}", **data)
        if now + pause > deadline:
            reasons = "; ".join(f"{name}: {problem.text}" for name, problem in problems)
            raise Failure(f"not ready after {timeout:g} s: {reasons}", **data)
        time.sleep(pause)
        pause = min(pause * 1.5, 2)


def rows(live: dict[str, Any]) -> list[dict[str, Any]]:
    """All conditions of a live object as data."""
    status, namespace = live.get("status") or {}, live["metadata"].get("namespace", "")
    places: list[tuple[dict[str, str], dict[str, Any]]] = [({}, status)]
    places += [({"listener": one["name"]}, one) for one in status.get("listeners") or []]
    places += [
        ({"parent": _name(one["parentRef"], namespace), "controller": one["controllerName"]}, one)
        for one in status.get("parents") or []
    ]
    place = {"kind": live["kind"], "namespace": namespace, "name": live["metadata"]["name"]}
    return [
        {**place, **where, **{field: found.get(field, "") for field in ("type", "status", "reason", "message")}}
        for where, part in places
        for found in part.get("conditions") or []
    ]


def _gateway(live: dict[str, Any]) -> Iterator[Problem]:
    # The definition gives a new Gateway both conditions, with the status Unknown.
    yield from _unmet(live, live.get("status") or {}, ("Accepted", "Programmed"), "")


def _route(live: dict[str, Any]) -> Iterator[Problem]:
    namespace = live["metadata"].get("namespace", "")
    answers = (live.get("status") or {}).get("parents") or []
    for parent in live["spec"].get("parentRefs") or []:
        name = _name(parent, namespace)
        mine = [one for one in answers if _name(one["parentRef"], namespace) == name]
        if not mine:
            yield Problem(f"no controller has answered for the parent {name}: see that it exists, and what runs it")
        for one in mine:
            yield from _unmet(live, one, ("Accepted", "ResolvedRefs"), f"the parent {name}: ")


def _unmet(live: dict[str, Any], part: dict[str, Any], types: tuple[str, ...], where: str) -> Iterator[Problem]:
    """The conditions of a part of the status that are not True for the current generation."""
    given = {one["type"]: one for one in part.get("conditions") or []}
    for name in types:
        found = given.get(name)
        if found is None:
            yield Problem(f"{where}it has no condition {name} yet")
        elif found.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
            # The definition gives a new Gateway its conditions without the generation.
            yield Problem(f"{where}its controller has not seen the change yet")
        elif found["status"] != "True":
            why = ": ".join(found[field] for field in ("reason", "message") if found.get(field))
            lasting = found["status"] == "False" and found.get("reason") not in PASSING
            yield Problem(f"{where}the condition {name} is {found['status']} ({why})", lasting)


def _name(parent: dict[str, Any], namespace: str) -> str:
    """A reference to a parent in words. Equal references have the same words, with defaults or without."""
    group = parent.get("group")
    suffix = "" if group in (None, GROUP) else f" of the group {group or 'core'}"
    text = f"{parent.get('kind') or 'Gateway'} {parent.get('namespace') or namespace}/{parent['name']}{suffix}"
    if parent.get("sectionName"):
        text += f", section {parent['sectionName']}"
    return f"{text}, port {parent['port']}" if parent.get("port") else text


# The kinds that controllers answer, and what is not as it should be in a live object.
PROBLEMS: dict[str, Callable[[dict[str, Any]], Iterator[Problem]]] = {
    "Gateway": _gateway,
    "GRPCRoute": _route,
    "HTTPRoute": _route,
}
