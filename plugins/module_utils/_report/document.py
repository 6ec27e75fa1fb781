# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a run as Markdown. Pure: from what is kept of the run to text."""

from __future__ import annotations

import re

from ansible_collections.bare.mesh.plugins.module_utils._progress.terminal import clock, plain
from ansible_collections.bare.mesh.plugins.module_utils._report.record import FAILURES, Entry, Run

SLOWEST = 10
# Objects of one task that are listed by name.
OBJECTS = 100
# Characters of the message of a failure.
LONGEST = 4000
# What Markdown reads as its own. An underscore inside of a word is no markup.
MARKUP = re.compile(r"[\\`*\[\]<>|~&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
COLUMNS = ("ok", "changed", "failures", "unreachable")


def document(run: Run) -> str:
    parts = [summary(run), failures(run), changes(run), durations(run), mesh(run)]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """On one line, and without what Markdown would read as its own."""
    return MARKUP.sub(r"\\\g<0>", plain(text))


def duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def summary(run: Run) -> str:
    name = escaped(run.playbook)
    facts = [
        f"- Playbook: {name}",
        f"- Mode: {'check' if run.check else 'run'}",
        f"- Began: {run.began:%Y-%m-%d %H:%M:%S %z}",
        f"- Duration: {duration(run.seconds)}",
        f"- State: {run.state}",
    ]
    rows = [(escaped(host), *(numbers.get(one, 0) for one in COLUMNS)) for host, numbers in sorted(run.hosts.items())]
    hosts = table(("host", "ok", "would change" if run.check else "changed", "failed", "unreachable"), list(rows))
    return "\n\n".join([f"# {name}: {run.state}", "\n".join(facts), hosts if rows else "No task has ended on a host."])


def changes(run: Run) -> str:
    title = f"## What {'would change' if run.check else 'changed'}"
    lines = [title]
    changed = [entry for entry in run.entries if entry.changed]
    if not changed:
        return f"{title}\n\n{'Nothing would change.' if run.check else 'Nothing changed.'}"
    for stage in dict.fromkeys(entry.stage for entry in changed):
        lines += ["", f"### {escaped(stage)}"]
        here = [entry for entry in changed if entry.stage == stage]
        for host in dict.fromkeys(entry.host for entry in here):
            lines += ["", f"{escaped(host)}:", ""]
            for entry in here:
                if entry.host == host:
                    lines += _change(entry, run.check)
    return "\n".join(lines)


def _change(entry: Entry, check: bool) -> list[str]:
    # Tasks can have another mode than the run.
    mode = "" if entry.would == check else " (would change: check mode)" if entry.would else " (has changed)"
    mode += {"ok": "", "ignored": " (it failed, which was ignored)"}.get(entry.status, f" ({entry.status})")
    more = len(entry.objects) - OBJECTS
    objects = [*entry.objects[:OBJECTS], *([f"and {more} more objects"] if more > 0 else [])]
    return [f"- {escaped(entry.task)}{mode}", *(f"  - {escaped(one)}" for one in objects)]


def durations(run: Run) -> str:
    if not run.entries:
        return ""
    longest: dict[tuple[str, str, str], Entry] = {}
    for entry in run.entries:
        key = (entry.stage, entry.role, entry.task)
        if key not in longest or longest[key].seconds < entry.seconds:
            longest[key] = entry
    roles: dict[str, float] = {}
    for entry in longest.values():
        roles[entry.role] = roles.get(entry.role, 0) + entry.seconds
    by_role = sorted(roles.items(), key=lambda item: -item[1])
    slowest = sorted(longest.values(), key=lambda entry: -entry.seconds)[:SLOWEST]
    return "\n\n".join(
        [
            "## How long",
            table(("stage", "time"), [(escaped(stage), duration(took)) for stage, took in run.stages.items()]),
            "Of each task, the time on the host where it took longest counts:",
            table(("role", "time"), [(escaped(role) or "no role", duration(took)) for role, took in by_role]),
            "The slowest tasks:",
            table(
                ("task", "role", "host", "time"),
                [
                    (escaped(one.task), escaped(one.role), escaped(one.host), duration(one.seconds))
                    for one in slowest
                ],
            ),
        ]
    )  # fmt: skip


def failures(run: Run) -> str:
    """Which tasks failed, where the run has failed, and what was done before."""
    lost = {host for host, numbers in run.hosts.items() if numbers.get("failures") or numbers.get("unreachable")}
    found = [
        (position, entry) for position, entry in enumerate(run.entries)
        if entry.status in FAILURES and (entry.host in lost or run.state == "interrupted")
    ]  # fmt: skip
    parts = [_failure(entry, run.entries[:position]) for position, entry in found]
    return "\n\n".join(["## What failed", *parts]) if parts else ""


def _failure(entry: Entry, before: list[Entry]) -> str:
    text = entry.message[:LONGEST].strip() or "no message"
    text = "\n".join(plain(line) for line in text.splitlines())
    # A fence that is not in the message.
    fence = "`" * max(3, 1 + max((len(found) for found in re.findall("`+", text)), default=0))
    changed = [one for one in before if one.changed]
    here = [one for one in before if one.host == entry.host]
    done = f"Before it, {len(before)} tasks had ended on all hosts, of which {len(changed)} changed something."
    last = f" The last one on {escaped(entry.host)} was: {escaped(here[-1].task)}." if here else ""
    role = f" (role {escaped(entry.role)})" if entry.role else ""
    return "\n".join(
        [f"{escaped(entry.host)}, {entry.status}: {escaped(entry.task)}{role}, in the stage {escaped(entry.stage)}", "",
         f"{fence}text", text, fence, "", done + last]
    )  # fmt: skip


def mesh(run: Run) -> str:
    lines = ["## The mesh at the end of the run"]
    if run.drawing:
        lines += ["", "```mermaid", run.drawing, "```"]
    for note in run.notes:
        lines += ["", escaped(note)]
    return "\n".join(lines)
