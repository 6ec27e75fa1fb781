# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generate the roles' READMEs and docs/variables.md from the argument specs and meta/defaults.yml.

`make docs` runs it; a unit test runs it with --check.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Made by `make docs` from the argument specs: edit those. -->"


def plain(markup: Any) -> str:
    """Convert Ansible's documentation markup to Markdown, in one line."""
    text = " ".join(str(part) for part in markup) if isinstance(markup, list) else str(markup)
    text = re.sub(r"\b[CVOEPRM]\(([^)]*?)(?:#\w+)?\)", r"`\1`", text)
    text = re.sub(r"\bB\(([^)]*)\)", r"**\1**", text)
    text = re.sub(r"\bI\(([^)]*)\)", r"*\1*", text)
    text = re.sub(r"\bU\(([^)]*)\)", r"<\1>", text)
    text = re.sub(r"\bL\(([^,)]*),\s*([^)]*)\)", r"[\1](\2)", text)
    return " ".join(text.split())


def value(default: Any) -> str:
    """A default value as Markdown code, in YAML syntax."""
    if default is None:
        return ""
    text = default if isinstance(default, str) and default else json.dumps(default)
    return "`" + text.strip().replace("|", "\\|").replace("\n", " ") + "`"


def rows(options: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """One table row per option, followed by its suboptions."""
    for name, option in options.items():
        kind = option.get("type", "str")
        if option.get("elements"):
            kind += f" of {option['elements']}"
        text = plain(option.get("description", ""))
        if option.get("choices"):
            text += " One of " + ", ".join(f"`{choice}`" for choice in option["choices"]) + "."
        default = "*required*" if option.get("required") else value(option.get("default"))
        yield f"| `{prefix}{name}` | {kind} | {default} | {text.replace('|', chr(92) + '|')} |"
        if option.get("options"):
            yield from rows(option["options"], f"{prefix}{name}.")


def table(options: dict[str, Any]) -> list[str]:
    """The Markdown table of some options."""
    return ["| variable | type | default | meaning |", "| --- | --- | --- | --- |", *rows(options), ""]


def specs(role: str) -> dict[str, Any]:
    """The argument specs of a role, by entry point."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]
    return loaded


def roles() -> list[str]:
    """The names of all roles."""
    return sorted(path.parent.parent.name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))


def split(entries: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of all entry points: first the role's own, then those that it shares with other roles."""
    merged: dict[str, Any] = {}
    for entry in entries.values():
        merged.update(entry.get("options") or {})
    own = {name: option for name, option in merged.items() if not name.startswith("bare_mesh_")}
    return own, {name: option for name, option in merged.items() if name.startswith("bare_mesh_")}


def readme(role: str) -> str:
    """The README of one role."""
    entries = specs(role)
    own, shared = split(entries)
    lines = [f"# bare.mesh.{role}", "", NOTE, ""]
    for name, entry in entries.items():
        if len(entries) > 1:
            lines += [f"## Entry point `{name}`", ""]
        lines += [f"**{plain(entry['short_description'])}**", ""]
        description = entry.get("description") or []
        for paragraph in description if isinstance(description, list) else [description]:
            lines += [plain(paragraph), ""]
        used = sorted(set(entry.get("options") or {}) & set(own))
        if len(entries) > 1 and used:
            lines += ["Variables: " + ", ".join(f"`{option}`" for option in used) + ".", ""]
    if own:
        lines += ["## Variables", "", *table(own)]
    if shared:
        lines += [
            "## Shared variables",
            "",
            "These belong to the whole collection and are explained in [docs/variables.md](../../docs/variables.md):",
            ", ".join(f"`{name}`" for name in sorted(shared)) + ".",
            "",
        ]
    lines += ["## License", "", "GPL-3.0-or-later", ""]
    return "\n".join(lines)


def commented_settings() -> Iterator[tuple[str, Any, str]]:
    """Each setting of meta/defaults.yml with its default and the comment above it."""
    text = (ROOT / "meta/defaults.yml").read_text()
    defaults = yaml.safe_load(text)
    comment: list[str] = []
    for line in text.splitlines():
        if line.startswith("# "):
            comment.append(line[2:])
        elif match := re.match(r"(bare_mesh_\w+):", line):
            yield match[1], defaults[match[1]], " ".join(comment)
        elif not line:
            comment = []


def variables() -> str:
    """docs/variables.md: every public variable on one page."""
    lines = ["# Variables", "", NOTE, "", "## Shared by the roles", ""]
    lines += ["Defined once, in `meta/defaults.yml`; set them for all hosts (`group_vars/all`).", ""]
    lines += ["| variable | default | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {value(default)} | {comment.replace('|', chr(92) + '|')} |" for name, default, comment in commented_settings()]
    lines += [""]
    for role in roles():
        own, _shared = split(specs(role))
        if own:
            lines += [f"## {role}", "", *table(own)]
    return "\n".join(lines).rstrip() + "\n"


def pages() -> dict[Path, str]:
    """Every generated page."""
    made = {ROOT / "roles" / role / "README.md": readme(role) for role in roles()}
    made[ROOT / "docs/variables.md"] = variables()
    return made


def main() -> int:
    """Write the pages, or with --check print those that are stale and return 1."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"stale: {path.relative_to(ROOT)} (run `make docs`)")
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages()[path])
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
