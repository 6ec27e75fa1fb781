# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shift itself: write the weights of a step, wait, measure, and go back where a gate fails."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._istio.kind_module import MANAGER
from ansible_collections.bare.mesh.plugins.module_utils._istio.shift.gates import Judge
from ansible_collections.bare.mesh.plugins.module_utils._istio.shift.routes import Route, current, patch, shifted
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure

Object = dict[str, Any]
PATCH = "application/json-patch+json"
# Seconds between two looks while data is missing.
POLL = 5


class Elsewhere(Failure):
    """Somebody else has changed the routes."""


def destinations(routes: list[Route]) -> list[Any]:
    """What nobody else may change meanwhile. Other fields, such as a timeout, do not matter."""
    return [one.entry.get("route") for one in routes]


class Shift:
    """One run on one VirtualService."""

    def __init__(self, client: Client, path: str, routes: list[Route], params: Object) -> None:
        self.client = client
        self.path = path
        self.first = routes
        self.routes = routes
        self.params = params
        self.title = f"VirtualService {params['namespace']}/{params['name']}"
        self.steps: list[Object] = []
        self.written = False
        # What was sent last: its answer may be lost.
        self.sent = routes

    @property
    def left(self) -> list[int]:
        """The steps that lead further than the live weights."""
        return [percent for percent in self.params["steps"] if any(route.share < percent for route in self.routes)]

    def wanted(self, percent: int) -> list[Route]:
        """The routes of a step. All steps start from the weights of before, so that roundings do not add up."""
        return [shifted(route, percent) for route in self.first]

    def state(self, rolled_back: bool = False) -> Object:
        """The part of the result that each end of the run has."""
        listed = [route.listed() for route in self.routes]
        return {"changed": self.written, "steps": self.steps, "rolled_back": rolled_back, "weights": listed}

    def diff(self) -> dict[str, str]:
        """The weights before and after: an entry of the module's diff."""
        before, after = (
            "".join(f"{line}\n" for one in side for line in one.lines()) for side in (self.first, self.routes)
        )
        return {"before_header": self.title, "after_header": self.title, "before": before, "after": after}

    def write(self, wanted: list[Route], dry_run: bool = False) -> None:
        """Write the weights, by a patch that fails where the routes are not as this run knows them."""
        if not dry_run:
            self.sent = wanted
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}
        try:
            answer = self.client.request("PATCH", self.path, query, patch(self.routes, wanted), PATCH)
        except ApiError as error:
            live = self.client.get(self.path) if error.status in (404, 422) else None
            if error.status not in (404, 422):
                raise
            seen = current(live, self.routes) if live else None
            # An earlier attempt, whose answer was lost.
            if live and seen and patch(seen, wanted) == []:
                answer = live
            elif seen and destinations(seen) == destinations(self.routes):
                raise
            else:
                raise Elsewhere(f"somebody else has changed the routes of {self.title} meanwhile") from error
        if not dry_run:
            self.written = True
            self.routes = current(answer, wanted) or wanted

    def foretell(self) -> None:
        """What the API server says to the last weights, without a change."""
        for percent in self.left:
            listed = [route.listed() for route in self.wanted(percent)]
            self.steps.append({"percent": percent, "weights": listed, "gates": []})
        wanted = self.wanted(self.params["steps"][-1])
        self.write(wanted, dry_run=True)
        self.routes = wanted

    def go(self, judge: Judge) -> None:
        """Take the steps that are left. Raises Failure after the way back."""
        for percent in self.left:
            try:
                self.step(percent, judge)
            except Elsewhere as error:
                fix = "their change stays. Look at the weights, and run again"
                raise Failure(f"in the step to {percent}: {error}; {fix}", **self.state()) from error
            except Failure as error:
                self.back(percent, error)

    def step(self, percent: int, judge: Judge) -> None:
        self.write(self.wanted(percent))
        begun = time.monotonic()
        record: Object = {"percent": percent, "weights": [route.listed() for route in self.routes], "gates": []}
        self.steps.append(record)
        time.sleep(self.params["pause"])
        end = time.monotonic() + self.params["wait_timeout"]
        while True:
            # Only what came after these weights.
            record["gates"] = found = judge.measure(max(round(time.monotonic() - begun), 1))
            failed = [one for one in found if one["ok"] is False]
            missing = [one for one in found if one["ok"] is None]
            if failed or not missing or judge.no_data == "fail" or time.monotonic() + POLL > end:
                break
            time.sleep(POLL)
        for one in missing:
            one["ok"] = False
        if failed or missing:
            raise Failure("; ".join(f"gate {one['gate']}: {one['message']}" for one in [*failed, *missing]))
        # What was measured is of these weights, and the result says the truth.
        self.look()

    def look(self) -> None:
        """Read the routes. Raises Elsewhere if they are not as this run has written them."""
        live = self.client.get(self.path)
        seen = current(live, self.routes) if live else None
        if not seen or destinations(seen) not in (destinations(self.routes), destinations(self.sent)):
            raise Elsewhere(f"somebody else has changed the routes of {self.title} meanwhile")
        self.routes = seen

    def back(self, percent: int, error: Failure) -> None:
        """Write the weights of before this run. Raises Failure in any case."""
        begin = f"{self.title}, step to {percent} percent: {error}"
        try:
            self.look()
            if patch(self.routes, self.first):
                self.written = True
                self.write(self.first)
        except Failure as other:
            raise Failure(f"{begin}. The weights of before could NOT be written: {other}", **self.state()) from other
        if not self.written:
            raise Failure(f"{begin}. Nothing was written.", **self.state()) from error
        shown = "; ".join(
            f"{one['route']}: " + ", ".join(f"{name}={weight}" for name, weight in one["weights"].items())
            for one in (route.listed() for route in self.routes)
        )
        raise Failure(f"{begin}. The weights of before are back: {shown}", **self.state(rolled_back=True)) from error
