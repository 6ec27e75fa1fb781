# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The text of a Mermaid flowchart, whose labels no name of an object can break."""

from __future__ import annotations

import re

# What a quoted label may hold as it is. All else is written as the number of its character, as Mermaid reads it.
UNSAFE = re.compile(r"[^A-Za-z0-9 ./:,*_%()=+-]")
# Some versions of Mermaid (11.6.0, not 11.17.2) read labels as Markdown, and instead of an address or a numbered line
# they show "Unsupported markdown". A character without width (WORD JOINER) in such a place prevents that.
MARKDOWN = re.compile(r"(^[0-9]+|www)(?=\.)|:(?=//)")
JOINER = "#8288;"
LONGEST = 80
# Mermaid draws no chart with more than 500 edges or 50000 characters.
EDGES = 400
CHARACTERS = 45000


def label(text: str) -> str:
    """One line of a label. Each character outside of a short list becomes an entity, quotes and line ends included."""
    short = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
    # Surrogates are no characters: a kubeconfig's server could answer with half of one.
    safe = UNSAFE.sub(lambda found: f"#{ord(found[0])};", short.encode(errors="replace").decode())
    return MARKDOWN.sub(rf"\g<0>{JOINER}", safe)


class Chart:
    """Nodes by keys and edges between them. The ids in the text are numbers, so no key gets there."""

    def __init__(self) -> None:
        self.ids: dict[tuple[str, ...], str] = {}
        self.nodes: list[str] = []
        self.edges: list[str] = []
        self.characters = 0
        self.left_out = 0

    def node(self, key: tuple[str, ...], lines: list[str], shape: str = "[]") -> None:
        """Draw a node, once. shape: the characters around the text, the first half before it."""
        if key in self.ids:
            return
        own = f"n{len(self.ids) + 1}"
        before, after = shape[: len(shape) // 2], shape[len(shape) // 2 :]
        text = "<br/>".join(label(line) for line in lines)
        if self._add(self.nodes, f'  {own}{before}"{text}"{after}'):
            self.ids[key] = own

    def edge(self, source: tuple[str, ...], target: tuple[str, ...], text: str = "", line: str = "-->") -> None:
        """Draw an edge between two nodes, if both are drawn."""
        if source not in self.ids or target not in self.ids or len(self.edges) >= EDGES:
            self.left_out += 1
            return
        middle = f'|"{label(text)}"|' if text else ""
        self._add(self.edges, f"  {self.ids[source]} {line}{middle} {self.ids[target]}")

    def _add(self, lines: list[str], line: str) -> bool:
        """Add a line, if there is room for it."""
        if self.characters + len(line) + 1 > CHARACTERS:
            self.left_out += 1
            return False
        self.characters += len(line) + 1
        lines.append(line)
        return True

    def text(self) -> str:
        return "\n".join(["flowchart LR", *self.nodes, *self.edges])
