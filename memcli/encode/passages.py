"""The body of a memory → passages, the pieces that are indexed, embedded and ranked.

Owns where a text is cut. Promises:

- nothing is lost: every non-white-space character of the text is in a passage, headings included, whatever the text
  (a 350,000-character line without spaces is cut by count);
- a passage is a verbatim slice of the text, save for blank lines at its start and white space at its end;
- the same text gives the same passages on every machine: sizes are estimated without the embedding model;
- time is linear in the length of the text.

It must not read files, see front matter, or know about indexes and models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from memcli.text import TOKEN, estimate_tokens

TARGET = 200
"""Tokens up to which neighbours under one heading are merged."""
LIMIT = 320
"""Tokens from which a single paragraph, list item or code block is split; far below the 512 that the models read."""
SMALL = 40
"""A whole text up to this size is one passage, and a last piece under a heading up to this size joins its neighbour."""

SEPARATOR = " > "
"""Between the parts of a heading path."""
_TITLE_LENGTH = 120  # a heading is repeated with each passage below it, so one that is really a paragraph is cut


class Passage(NamedTuple):
    """`text` is a slice of the input; `line` the 1-based line on which it starts; `kind` is 'code' or 'prose'.

    `heading` is the path of the headings above the passage, its own included ("Setup > Linux"), without the title:
    a level-1 heading on the first line with text is the name of the whole memory, not of a part. It is still in `text`.
    """

    text: str
    heading: str
    line: int
    kind: str


class _Block(NamedTuple):
    """A part of the text, start to end, that is better not cut; `role` is heading, paragraph, item or code."""

    start: int
    end: int
    role: str
    heading: str


def split(text: str, *, first_line: int = 1) -> list[Passage]:
    """`text` as passages of about `TARGET` tokens, in order and without overlap; none when it is blank.

    Cuts fall at headings, then between list items, paragraphs and code blocks, and inside one of those only when it
    exceeds `LIMIT`: at sentence ends (code: blank lines), else lines, else words, else anywhere. `first_line` is the
    line number that the first line of `text` has in its file.
    """
    blocks = [_Block(0, len(text), "code", "")] if looks_like_code(text) else list(_blocks(text))
    passages = []
    line, counted = first_line, 0
    for start, end, heading, kind in _passage_spans(text, blocks):
        start, end = _trim(text, start, end)
        line += text.count("\n", counted, start)
        counted = start
        passages.append(Passage(text[start:end], heading, line, kind))
    return passages


# --- Markdown → blocks ------------------------------------------------------------------------------------------------

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t\r]*$")
_UNDERLINE = re.compile(r" {0,3}(?:(=+)|-{2,})[ \t\r]*$")
_FENCE = re.compile(r"[ \t]*(?:[-*+][ \t]+|\d{1,9}[.)][ \t]+)?(`{3,}(?=[^`]*$)|~{3,})")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
_INDENTED = re.compile(r"(?: {4}| {0,3}\t)[ \t]*\S")
_DIFF_START = re.compile(r"diff --git |@@ -\d|--- \S+.*$")
_DIFF_LINE = re.compile(
    r"[ +\-@\\]|$|diff --git |index [0-9a-f]|(?:new|deleted|old) (?:file )?mode |similarity |rename |Binary "
)


class _Outline:
    """The headings above the current line."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    def enter(self, level: int, title: str) -> None:
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        if title:
            self._open.append((level, title[:_TITLE_LENGTH]))

    def __str__(self) -> str:
        return SEPARATOR.join(title for _, title in self._open)


def _blocks(text: str) -> Iterator[_Block]:
    """The blocks of a Markdown text, covering every line that is not blank."""
    outline = _Outline()
    lines = list(_lines(text))
    role, begin, in_list, seen_text = "", 0, False, False  # the block that is open, from offset `begin`
    skip_to = 0
    for number, (start, end) in enumerate(lines):
        if number < skip_to:
            continue
        if role and text[start].isalpha() and not text.startswith("diff ", start):
            continue  # most lines: the paragraph or item goes on
        line = text[start:end].rstrip("\n")
        blank = not line.strip()
        heading = None if blank else _heading(text, lines, number, interrupts=role in ("paragraph", "item"))
        code_lines = 0 if blank or heading else _code_lines(text, lines, number, role=role, in_list=in_list)
        starts_block = blank or heading or code_lines or _ITEM.match(line)
        if role and starts_block:
            yield _Block(begin, start, role, str(outline))
            role = ""
        if heading:
            level, title, height = heading
            if seen_text or level > 1:
                outline.enter(level, title)
            skip_to = number + height
            in_list = False
            yield _Block(start, lines[skip_to - 1][1], "heading", str(outline))
        elif code_lines:
            skip_to = number + code_lines
            yield _Block(start, lines[skip_to - 1][1], "code", str(outline))
        elif not blank and not role:
            role, begin = ("item" if _ITEM.match(line) else "paragraph"), start
            # Indented text after a list item belongs to the item; a line at the margin ends the list.
            in_list = role == "item" or (in_list and line[0] in " \t")
        seen_text = seen_text or not blank
    if role:
        yield _Block(begin, len(text), role, str(outline))


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield start, end
        start = end


def _heading(text: str, lines: list[tuple[int, int]], number: int, *, interrupts: bool) -> tuple[int, str, int] | None:
    """(level, title, lines) of the ATX or one-line setext heading that starts on line `number`, if one does."""
    start, end = lines[number]
    line = text[start:end].rstrip("\n")
    if match := _HEADING.match(line):
        return len(match[1]), (match[2] or "").strip(), 1
    if interrupts or number + 1 == len(lines) or line[0] in " \t>|" or _ITEM.match(line) or _FENCE.match(line):
        return None
    below = text[slice(*lines[number + 1])].rstrip("\n")
    if underline := _UNDERLINE.match(below):
        return (1 if underline[1] else 2), line.strip(), 2
    return None


def _code_lines(text: str, lines: list[tuple[int, int]], number: int, *, role: str, in_list: bool) -> int:
    """How many lines the fenced block, indented block or unfenced diff that starts on line `number` has; 0: none does.

    An unclosed fence runs to the end of the text (CommonMark 0.31, 4.5).
    """
    start, end = lines[number]
    line = text[start:end].rstrip("\n")
    if fence := _FENCE.match(line):
        closing = re.compile(rf"[ \t]*{re.escape(fence[1][0])}{{{len(fence[1])},}}[ \t\r]*$")
        for after in range(number + 1, len(lines)):
            if closing.match(text[slice(*lines[after])].rstrip("\n")):
                return after - number + 1
        return len(lines) - number
    if _DIFF_START.match(line) and _is_diff(text, lines, number):
        return _run(text, lines, number, _DIFF_LINE)
    if not role and not in_list and _INDENTED.match(line):
        return _run(text, lines, number, re.compile(rf"{_INDENTED.pattern}|[ \t\r]*$"))
    return 0


def _is_diff(text: str, lines: list[tuple[int, int]], number: int) -> bool:
    head = "".join(text[slice(*span)] for span in lines[number : number + 8])
    return head.startswith("diff --git ") or re.search(r"^@@ -\d+(?:,\d+)? \+\d+", head, re.MULTILINE) is not None


def _run(text: str, lines: list[tuple[int, int]], number: int, pattern: re.Pattern[str]) -> int:
    """How many lines from `number` on match `pattern`, blank ones at the end not counted."""
    after = number
    last = number
    while after < len(lines):
        line = text[slice(*lines[after])].rstrip("\n")
        if after > number and not pattern.match(line):
            break
        if line.strip():
            last = after
        after += 1
    return last - number + 1


# --- blocks → passages ------------------------------------------------------------------------------------------------


def _passage_spans(text: str, blocks: list[_Block]) -> Iterator[tuple[int, int, str, str]]:
    """(start, end, heading, kind) of each passage, untrimmed."""
    sizes = [estimate_tokens(text[block.start : block.end]) for block in blocks]
    if sum(sizes) == 0:
        return
    if sum(sizes) <= SMALL:
        headings = {block.heading for block in blocks}
        yield from _cut(text, blocks, sum(sizes), headings.pop() if len(headings) == 1 else "")
        return
    first = 0
    for group in _sections(blocks):
        yield from _merge(text, group, sizes[first : first + len(group)])
        first += len(group)


def _sections(blocks: list[_Block]) -> Iterator[list[_Block]]:
    """Runs of blocks under one heading; a heading with nothing under it goes to the run that follows."""
    group: list[_Block] = []
    for block in blocks:
        if block.role == "heading" and group and group[-1].role != "heading":
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _merge(text: str, blocks: list[_Block], sizes: list[int]) -> Iterator[tuple[int, int, str, str]]:
    """Passages of one section: neighbours joined up to `TARGET`; code up to `LIMIT`, with the paragraph before it."""
    groups: list[list[int]] = [[]]
    totals = [0]
    for i, block in enumerate(blocks):
        group, size, is_code = groups[-1], sizes[i], block.role == "code"
        only_headings = not group or blocks[group[-1]].role == "heading"
        if only_headings or totals[-1] + size <= (LIMIT if is_code else TARGET):
            group.append(i)
            totals[-1] += size
        elif is_code and sizes[group[-1]] + size <= LIMIT and len(group) > 1 and blocks[group[-2]].role != "heading":
            lead_in = group.pop()
            totals[-1] -= sizes[lead_in]
            groups.append([lead_in, i])
            totals.append(sizes[lead_in] + size)
        else:
            groups.append([i])
            totals.append(size)
    if len(groups) > 1 and totals[-1] <= SMALL and totals[-2] + totals[-1] <= LIMIT:
        groups[-2:] = [groups[-2] + groups[-1]]
        totals[-2:] = [totals[-2] + totals[-1]]
    for group, total in zip(groups, totals, strict=True):
        yield from _cut(text, [blocks[j] for j in group], total, blocks[-1].heading)


def _cut(text: str, group: list[_Block], size: int, heading: str) -> Iterator[tuple[int, int, str, str]]:
    """One passage of `group`, or several when it is overlong; its kind is that of most of its characters."""
    start, end = group[0].start, group[-1].end
    code = sum(block.end - block.start for block in group if block.role == "code")
    kind = "code" if 2 * code > sum(block.end - block.start for block in group) else "prose"
    if size <= LIMIT:
        yield start, end, heading, kind
        return
    for piece_start, piece_end in _pieces(text, start, end, _CODE_CUTS if kind == "code" else _PROSE_CUTS):
        yield piece_start, piece_end, heading, kind


_SENTENCE = re.compile(r"[.!?…][\"'”’)\]*_]*\s+|[。！？]+[」』）]?\s*|\n\s*\n")
_LINE = re.compile(r"\n")
_WORD = re.compile(r"\s+")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n(?=\S)")
_PROSE_CUTS = (_SENTENCE, _LINE, _WORD, TOKEN)
_CODE_CUTS = (_BLANK_LINE, _LINE, _WORD, TOKEN)


def _pieces(text: str, start: int, end: int, cuts: tuple[re.Pattern[str], ...]) -> Iterator[tuple[int, int]]:
    """Spans of at most `TARGET` tokens that cover start..end, cut after matches of the first of `cuts` that serves."""
    open_from, held = start, 0  # tokens held since `open_from`
    for atom_start, atom_end in _atoms(text, start, end, cuts[0]):
        size = 1 if cuts[0] is TOKEN else estimate_tokens(text[atom_start:atom_end])
        if held and held + size > TARGET:
            yield open_from, atom_start
            open_from, held = atom_start, 0
        if size > TARGET and len(cuts) > 1:
            yield from _pieces(text, atom_start, atom_end, cuts[1:])
            open_from, held = atom_end, 0
        else:
            held += size
    if held:
        yield open_from, end


def _atoms(text: str, start: int, end: int, cut: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    for match in cut.finditer(text, start, end):
        yield start, match.end()
        start = match.end()
    if start < end:
        yield start, end


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Without white space at the end and blank lines at the start; the first line keeps its indentation."""
    piece = text[start:end]
    indented = len(piece) - len(piece.lstrip())
    first = piece.rfind("\n", 0, indented) + 1
    at_margin = first > 0 or start == 0 or text[start - 1] == "\n"
    return start + (first if at_margin else indented), start + len(piece.rstrip())


# --- is a whole text program code? ------------------------------------------------------------------------------------

_DEFINITION = re.compile(
    r"""\s*(?:
      (?:async\s+)?def\s+\w+\s*[(\[] | class\s+\w+\s*[:({]
    | from\s+[\w.]+\s+import\s | import\s+[\w.]+(?:\s+as\s+\w+)?\s*;?$
    | @\w+(?:\.\w+)*(?:\(.*\))?$ | \#!\s*/ | \#\s*include\s*[<"] | package\s+[\w.]+;?$ | diff\ --git\ a/
    | (?:export\s+|default\s+|async\s+|pub(?:\(\w+\))?\s+|static\s+)*
      (?:function\s*\*?\s*\w*|fn\s+\w+|func\s+(?:\(.*?\)\s*)?\w+)\s*[(<]
    | (?:(?:public|private|protected|static|final|abstract|override|export)\s+)+[\w<>\[\], ]+[({=;]
    | (?:const|let|var)\s+[\w{}\[\], ]+\s*(?::.*)?= | use\s+\w+::
    )""",
    re.VERBOSE,
)
_CODE_LINE = re.compile(
    rf"""{_DEFINITION.pattern}
    | .*[;{{}}]\s*$ | \s*[\])}}]+[,;)]*\s*$ | \s*(?://|/\*|\*/)
    | \s*[\w.\[\]"']+(?:\s*:\s*[\w\[\], .|]+)?\s*(?:[-+*/|&]|//|:)?=[^=].*
    | \s*(?:if|elif|for|while|with|try|except|else|finally)\b.*:\s*(?:\#.*)?$
    | \s*(?:return|raise|yield|assert|await)\b.*[\w)\]}}"']\s*$ | \s*[\w.]+\(.*\)\s*$
    """,
    re.VERBOSE,
)
_PROSE_LINE = re.compile(r".*[a-z]{2}[.!?:]\s*$|\s*#{1,6}\s|\s*[-*>]\s|\s*\d+\.\s")


def looks_like_code(text: str) -> bool:
    """Whether `text` is as a whole program code, without a fence around it: a heuristic for what people paste.

    True when its first line opens a definition or an import and no Markdown fence follows at the margin (docstrings
    hold indented ones), or when it has no fence and at least four of its first 200 lines and 60 % of them read as
    statements (assignments, calls, `;`, braces, `if …:`).
    """
    lines = [line for line in text[:20_000].split("\n") if line.strip()][:200]
    fences = [line for line in lines if _FENCE.match(line)]
    if not lines or any(line[0] not in " \t" for line in fences):
        return False
    if _DEFINITION.match(lines[0]) and not (len(lines) == 1 and _PROSE_LINE.match(lines[0])):
        return True
    statements = sum(1 for line in lines if _CODE_LINE.match(line))
    return not fences and statements >= 4 and statements >= 0.6 * len(lines)
