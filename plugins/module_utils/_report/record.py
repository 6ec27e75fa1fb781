# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is kept of a run for its report: of results only states, times, names of objects, and why a task failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

CHANGES = ("created", "updated", "deleted")
FAILURES = ("failed", "unreachable")
# Of the arguments of a module, what says which cluster it works on. None of them is secret.
CONNECTION = ("kubeconfig", "context", "api_host")


@dataclass
class Entry:
    """A task on a host. status: ok, skipped, ignored, failed or unreachable."""

    stage: str
    role: str
    task: str
    host: str
    status: str
    seconds: float
    # Also a task whose failure was ignored can have changed something.
    changed: bool = False
    # The task ran in check mode.
    would: bool = False
    # What happened to objects in the cluster, such as "created Service shop/web".
    objects: list[str] = field(default_factory=list)
    message: str = ""


@dataclass
class Run:
    """A run. state: succeeded, failed or interrupted."""

    playbook: str
    check: bool
    began: datetime
    state: str = "succeeded"
    seconds: float = 0
    entries: list[Entry] = field(default_factory=list)
    # Stage -> seconds.
    stages: dict[str, float] = field(default_factory=dict)
    # Host -> Ansible's own numbers: ok, changed, failures, unreachable.
    hosts: dict[str, dict[str, int]] = field(default_factory=dict)
    # The drawing, and what is said instead of it or besides.
    drawing: str = ""
    notes: list[str] = field(default_factory=list)


def parts(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A result, and those of its loop, without what no_log hides."""
    results = result.get("results")
    for one in (result, *(results if isinstance(results, (list, tuple)) else ())):
        if isinstance(one, dict) and "censored" not in one and not one.get("_ansible_no_log"):
            yield one


def objects(result: dict[str, Any], would: bool) -> list[str]:
    """What an API module has changed, by kind and name."""
    found = []
    for one in parts(result):
        listed = one.get("objects")
        for item in listed if isinstance(listed, (list, tuple)) else ():
            if isinstance(item, dict) and item.get("action") in CHANGES:
                where = "/".join(str(item[part]) for part in ("namespace", "name") if item.get(part))
                found.append(f"{'would be ' * would}{item['action']}: {item.get('kind')} {where}")
    return found


def connection(result: dict[str, Any]) -> dict[str, str]:
    """The kubeconfig that an API module was given, and which cluster of it; empty without a kubeconfig."""
    for one in parts(result):
        arguments = (one.get("invocation") or {}).get("module_args") or {}
        if arguments.get("kubeconfig"):
            return {name: str(arguments[name]) for name in CONNECTION if arguments.get(name)}
    return {}


def message(result: dict[str, Any]) -> str:
    """Why a task, or an item of its loop, failed, as Ansible says it: what no_log hides is not in the result."""
    return str(result.get("censored") or result.get("msg") or "")
