"""A Markdown file that holds many memories → its sections."""

from __future__ import annotations

import re
from typing import NamedTuple

from memcli.text import slug

_HEADING = re.compile(r"(#{1,2})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class Section(NamedTuple):
    """`title` is None for text before the first heading; `anchor` is a slug unique in its file, empty without a title.

    `text` is what stands below the heading, deeper headings included.
    """

    title: str | None
    anchor: str
    text: str


def split(markdown: str) -> list[Section]:
    """The sections of a text, cut at headings of level 1 and 2 outside code fences; none for a blank text.

    A level-1 heading with nothing under it before the next heading is the document's title, not a section, unless the
    document is nothing else.
    """
    cut = _cut(markdown.replace("\r\n", "\n"))
    kept = [part for part in cut if part[2] or part[0] == 2] or [part for part in cut if part[1]]
    sections: list[Section] = []
    taken: dict[str, int] = {}
    for _, title, text in kept:
        anchor = slug(title) if title else ""
        taken[anchor] = taken.get(anchor, 0) + 1
        sections.append(Section(title, anchor if taken[anchor] == 1 else f"{anchor}-{taken[anchor]}", text))
    return sections


def _cut(markdown: str) -> list[tuple[int, str | None, str]]:
    """(level, title, text) of the text before the first heading (level 0) and of each section."""
    parts: list[tuple[int, str | None, list[str]]] = [(0, None, [])]
    fence = ""
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and line.strip() == mark[1]:
            fence = ""
        heading = None if fence or mark else _HEADING.fullmatch(line)
        if heading and heading[2]:
            parts.append((len(heading[1]), heading[2], []))
        else:
            parts[-1][2].append(line)
    return [(level, title, "\n".join(lines).strip("\n").rstrip()) for level, title, lines in parts]
