"""How a memory stands on one line before an agent: date, type, id, who said it, and the beginning of what it says.

Whatever comes out of a store goes through `guard.speech.for_prompt` here. Nothing in a line depends on the day it is written.
Lean.
"""

from __future__ import annotations

import re

from memcli.agents import notes
from memcli.guard.speech import for_prompt
from memcli.index import search
from memcli.trust import verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.agents.notes import Note, Source


class Writer:
    """Writes lines of at most `longest` characters of text. `gone` says what was replaced, and by what.

    `lasting`: for a file that is committed, with whole ids, which stay the same, and without who said it.
    """

    def __init__(self, sources: list[Source], gone: dict[str, str], longest: int, *, lasting: bool = False) -> None:
        self._sources = sources
        self._longest = longest
        self._lasting = lasting
        self._replaced: dict[str, list[str]] = {}
        for old, new in gone.items():
            self._replaced.setdefault(new, []).append(old)

    def said(self, note: Note) -> str:
        """The beginning of what a memory says; of a session, what it is called."""
        document = note.document
        if document.type == notes.SESSION:
            return cut(for_prompt(document.title), self._longest)
        first = search.beginning(note.source.connection, document.id, 1)
        return cut(for_prompt(flat(document.title, first[0] if first else "")), self._longest)

    def line(self, note: Note, said: str, *, changed: bool = False) -> str:
        """A memory's line; with `changed`, when it changed and what it said before."""
        document = note.document
        date = (notes.changed_on(note) if changed else notes.dated(note))[:10] or "undated"
        type_ = for_prompt(document.type)
        if self._lasting:
            return f"- {date} {type_} {document.name}: {said}"
        short = search.short_id(note.source.connection, document.name)
        before = self._before(document.name) if changed else ""
        return f"- {date} {type_} {short} ({for_prompt(verdict.who_said(document))}): {said}{before}"

    def _before(self, name: str) -> str:
        """What a memory replaced, where that may be said."""
        old = sorted(self._replaced.get(name, ()))
        titles = [title for source in self._sources for title in notes.titles(source, old)]
        return f" (before: {cut(for_prompt(titles[0]), self._longest // 3)})" if titles else " (changed)"


def flat(title: str, text: str) -> str:
    """A memory as running text: its title, unless the text begins with it, and the text without marks of headings and code."""
    lines = [_unmarked(line) for line in text.split("\n") if not line.lstrip().startswith(("```", "~~~"))]
    lines = [line for line in lines if line and not set(line) <= set("-=_*#|: ")]
    named = title.rstrip("…").strip()
    if lines and lines[0].startswith(named):
        if lines[0] != named:
            return " ".join(lines)
        lines = lines[1:]
    end = "" if not lines or named.endswith((".", "!", "?", ":", "。", "！", "？")) else "."
    return " ".join([f"{title.strip()}{end}", *lines])


def _unmarked(line: str) -> str:
    """A line of Markdown without the marks of a heading, item or quotation before it."""
    return " ".join(re.sub(r"^\s*(?:#{1,6}\s+|[-*+]\s+(?:\[[ xX]\]\s+)?|>\s?|\d{1,9}[.)]\s+)+", "", line).split())


def cut(text: str, room: int) -> str:
    """The beginning of a text in `room` characters: to the end of a sentence where over half of it fits, else of a word."""
    if len(text) <= room:
        return text
    head = text[: room - 1]
    ends = [match.end() for match in re.finditer(r"[.!?](?=\s)|[。！？]", head)]
    if ends and ends[-1] > room // 2:
        return head[: ends[-1]]
    word, space, rest = head.rpartition(" ")
    return (word if space and len(rest) < 40 else head).rstrip(" ,;:–—-(") + "…"
