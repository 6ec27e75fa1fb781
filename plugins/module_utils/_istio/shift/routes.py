# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The routes of a VirtualService whose weights are shifted: which they are, their next weights, and the patch."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.hosts import forms
from ansible_collections.bare.mesh.plugins.module_utils._istio.shift.weights import shrunk

Object = dict[str, Any]
SECTIONS = ("http", "tls", "tcp")


class Route(NamedTuple):
    """A route with the destination that gets more, and those that give."""

    section: str
    at: int
    entry: Object
    taker: int
    givers: list[int]

    @property
    def label(self) -> str:
        return place(self.section, self.at, self.entry)

    @property
    def share(self) -> int:
        return weights(self.entry)[self.taker]

    @property
    def most(self) -> int:
        """The share when the others have given all."""
        found = weights(self.entry)
        return found[self.taker] + sum(found[number] for number in self.givers)

    def listed(self) -> dict[str, Any]:
        """The weights for the result. Destinations that differ only by their port count together."""
        found: dict[str, int] = {}
        for one, weight in zip(self.names(), weights(self.entry)):
            found[one] = found.get(one, 0) + weight
        return {"route": self.label, "weights": found}

    def names(self) -> list[str]:
        """The destinations in messages and results, with their hosts where the subsets alone do not tell them apart."""
        short = [name(one) for one in self.entry["route"]]
        if len(set(short)) == len(short):
            return short
        return [f"{one['destination']['host']}/{other}" for one, other in zip(self.entry["route"], short)]

    def lines(self) -> list[str]:
        """The weights for the diff."""
        return [f"{self.label} {one}: {weight}" for one, weight in zip(self.names(), weights(self.entry))]


def place(section: str, index: int, entry: Object) -> str:
    """A route in messages and results."""
    return f"{section}[{index}]" + (f" ({entry['name']})" if entry.get("name") else "")


def name(one: Object) -> str:
    """A destination in messages and results."""
    target = one.get("destination") or {}
    return str(target.get("subset") or target.get("host") or "")


def weights(entry: Object) -> list[int]:
    """The weights of a route. Istio sends all to a destination that is alone, and nothing to another without one."""
    given = entry.get("route") or []
    default = 100 if len(given) == 1 else 0
    return [default if one.get("weight") is None else one["weight"] for one in given]


def find(service: Object, params: Object) -> tuple[list[Route], list[str]]:
    """The routes that the options mean, and all that is wrong with them."""
    where, host = service["metadata"]["namespace"], params["host"]
    spec = service.get("spec") or {}
    entries = [
        (section, index, entry)
        for section in SECTIONS
        for index, entry in enumerate(spec.get(section) or [])
        if params["route"] is None or (section == "http" and entry.get("name") == params["route"])
    ]
    if not entries:
        names = ", ".join(one["name"] for one in spec.get("http") or [] if one.get("name")) or "none"
        what = f"http route named {params['route']} (there are: {names})" if params["route"] else "route"
        return [], [f"it has no {what}"]
    ours = [(one, members(one[2], host, where)) for one in entries]
    if not any(found for _one, found in ours):
        listed = {str((one.get("destination") or {}).get("host")) for e in entries for one in e[2].get("route") or []}
        return [], [f"it has no route to the host {host} (there are: {', '.join(sorted(listed)) or 'none'})"]
    routes: list[Route] = []
    faults: list[str] = []
    for (section, index, entry), found in ours:
        takers = [number for number in found if entry["route"][number]["destination"].get("subset") == params["to"]]
        if takers:
            made = Route(section, index, entry, takers[0], givers(entry, takers[0], params["from"]))
            routes.append(made)
            faults += wrong(made, len(takers), params)
    if not routes:
        first = next(place(*one) for one, found in ours if found)
        fix = "add it there with the weight 0, by bare.mesh.virtual_service for example"
        faults.append(f"no route has the destination {host} with the subset {params['to']}: {fix} ({first})")
    return routes, faults


def members(entry: Object, host: str, where: str) -> list[int]:
    """The positions of the destinations with this host."""
    hosts = [str((one.get("destination") or {}).get("host") or "") for one in entry.get("route") or []]
    return [number for number, other in enumerate(hosts) if forms(other, where) & forms(host, where)]


def givers(entry: Object, taker: int, subset: str | None) -> list[int]:
    others = [number for number in range(len(entry["route"])) if number != taker]
    if subset is None:
        return others
    return [number for number in others if entry["route"][number]["destination"].get("subset") == subset]


def wrong(route: Route, takers: int, params: Object) -> list[str]:
    """What cannot be shifted in a route."""
    found = []
    total, last = sum(weights(route.entry)), params["steps"][-1]
    if takers > 1:
        found.append(f"{route.label} has {takers} destinations with the subset {params['to']}: leave one of them")
    if total != 100:
        listed = ", ".join(f"{key}={value}" for key, value in route.listed()["weights"].items())
        found.append(f"the weights of {route.label} sum to {total}, not to 100 ({listed}): correct them")
    elif params["from"] is not None and not route.givers and route.share < last:
        found.append(f"{route.label} has no destination with the subset {params['from']}: correct from")
    elif route.most < last:
        fix = f"end steps with {route.most}, or leave out from"
        found.append(f"{params['from']} and {params['to']} have {route.most} percent of {route.label}: {fix}")
    return found


def shifted(route: Route, percent: int) -> Route:
    """The route with the next weights; one that has so much already stays as it is."""
    if route.share >= percent:
        return route
    old = weights(route.entry)
    given = shrunk([old[number] for number in route.givers], route.most - percent)
    entry = copy.deepcopy(route.entry)
    for number, weight in [(route.taker, percent), *zip(route.givers, given)]:
        # What has no weight and needs none stays without it.
        if weight != old[number]:
            entry["route"][number]["weight"] = weight
    return route._replace(entry=entry)


def patch(before: list[Route], after: list[Route]) -> list[Object]:
    """A JSON patch of the weights, which fails as a whole where a route is not as before.

    https://www.rfc-editor.org/rfc/rfc6902
    """
    tests: list[Object] = []
    writes: list[Object] = []
    for old, new in zip(before, after):
        path = f"/spec/{old.section}/{old.at}"
        changes = []
        for number, (one, other) in enumerate(zip(old.entry["route"], new.entry["route"])):
            target = f"{path}/route/{number}/weight"
            if "weight" in other and one.get("weight") != other["weight"]:
                changes.append({"op": "add", "path": target, "value": other["weight"]})
            elif "weight" in one and "weight" not in other:
                changes.append({"op": "remove", "path": target})
        if changes:
            writes += changes
            # The position alone does not say that it is still the same route.
            known = [field for field in ("name", "match", "route") if field in old.entry]
            tests += [{"op": "test", "path": f"{path}/{field}", "value": old.entry[field]} for field in known]
    return [*tests, *writes]


def current(service: Object, routes: list[Route]) -> list[Route] | None:
    """The routes as an answer of the server has them; None where one is gone or another one is in its place."""
    found = []
    for route in routes:
        entries = (service.get("spec") or {}).get(route.section) or []
        entry = entries[route.at] if route.at < len(entries) else {}
        if any(entry.get(field) != route.entry.get(field) for field in ("name", "match")):
            return None
        found.append(route._replace(entry=entry))
    return found
