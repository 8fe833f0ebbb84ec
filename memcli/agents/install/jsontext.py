"""Editing JSON as text: the bytes that an edit is not about stay as they are.

Dumping a parsed document again would change its indentation, the spelling of its numbers, its escapes and its repeated
keys; other people's settings lie in folders that they commit. So positions are looked up in the text, and text is put in
or taken out there. A path is a tuple of keys and indexes; of a repeated key the last counts, as it does to every reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from memcli.errors import SettingsRefused

Path = tuple[str | int, ...]

MAX_DEPTH = 200
_SPACE = re.compile(r"[ \t\r\n]*")


class Span(NamedTuple):
    """One value in the text: from `start` to `end`; `first` is where its key begins, which in a list is `start`."""

    key: str | None
    first: int
    start: int
    end: int


def _number(spelling: str) -> tuple[str, str]:
    return ("number", spelling)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


# Numbers are kept as they are spelt: two documents that differ in `1.0` and `1.00` differ, and none is too long to read.
_DECODER = json.JSONDecoder(parse_int=_number, parse_float=_number, parse_constant=_refuse_constant)


def read(text: str) -> Any:
    """The value of a document, numbers as ("number", spelling). Raises SettingsRefused for what is not strict JSON."""
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise SettingsRefused(f"it is nested more than {MAX_DEPTH} deep")
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        comment = text[error.pos : error.pos + 2] in ("//", "/*")
        what = "has comments" if comment else f"is not valid JSON ({error.msg})"
        raise SettingsRefused(f"it {what} at line {error.lineno}") from None
    except ValueError as error:
        raise SettingsRefused(f"it is not valid JSON ({error})") from None


def _depth(text: str) -> int:
    """How deep brackets are nested, those in strings left out."""
    deepest = depth = 0
    for bracket in re.findall(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text, re.DOTALL):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(bracket, 0)
        deepest = max(deepest, depth)
    return deepest


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _children(text: str, start: int) -> list[Span]:
    """The members of the object, or the elements of the list, that begins at `start` in a valid document."""
    keyed = text[start] == "{"
    found = []
    at = _skip(text, start + 1)
    while text[at] not in "]}":
        first, key = at, None
        if keyed:
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, at)
        found.append(Span(key, first, at, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def find(text: str, path: Path) -> Span | None:
    """Where the value at `path` lies."""
    start = _skip(text, 0)
    span: Span | None = Span(None, start, start, _DECODER.raw_decode(text, start)[1])
    for part in path:
        if span is None or text[span.start] not in "[{":
            return None
        children = _children(text, span.start)
        if isinstance(part, int):
            span = children[part] if part < len(children) else None
        else:
            span = next((child for child in reversed(children) if child.key == part), None)
    return span


def _at(text: str, path: Path) -> Span:
    span = find(text, path)
    if span is None:
        raise KeyError(path)
    return span


def replace(text: str, path: Path, value: object) -> str:
    """`text` with another value at `path`."""
    span = _at(text, path)
    written = _written(value, _style(text), _line_indent(text, span.first), inline=_is_inline(text, span))
    return text[: span.start] + written + text[span.end :]


def append(text: str, path: Path, value: object, key: str | None = None) -> str:
    """`text` with `value` as the last element of the list at `path`, or as the last member `key` of the object there."""
    container = _at(text, path)
    children = _children(text, container.start)
    style = _style(text)
    if children:
        last = children[-1]
        before = text.index(",", children[-2].end) if len(children) > 1 else container.start
        gap = text[before + 1 : last.first]
        indent = gap.rpartition("\n")[2] if "\n" in gap else None
        at, lead, tail = last.end, "," + (gap if indent is not None or len(children) > 1 else style.space), ""
    else:
        inner = text[container.start + 1 : container.end - 1]
        at = container.start + 1
        outer = _line_indent(text, container.first)
        own_line = container.first - text.rfind("\n", 0, container.first) - 1 == len(outer)
        indent = outer + style.unit if style.unit is not None and own_line else None
        lead = "" if indent is None else style.newline + indent
        tail = "" if indent is None or "\n" in inner else style.newline + outer
    written = _written(value, style, indent or "", inline=indent is None)
    named = "" if key is None else json.dumps(key, ensure_ascii=False) + ":" + style.colon
    return text[:at] + lead + named + written + tail + text[at:]


def remove(text: str, path: Path) -> str:
    """`text` without the value at `path`: the inverse of `append` for a last one."""
    container = _at(text, path[:-1])
    span = _at(text, path)
    children = _children(text, container.start)
    place = children.index(span)
    if len(children) == 1:
        return text[: container.start + 1] + text[container.end - 1 :]
    if place > 0:
        return text[: children[place - 1].end] + text[span.end :]
    return text[: span.first] + text[children[1].first :]


# --- how a document is written ----------------------------------------------------------------------------------------


class _Style(NamedTuple):
    """`unit`: one step of indentation, None where all stands on one line; `space`, `colon`: what follows `,` and `:`."""

    unit: str | None
    newline: str
    space: str
    colon: str


def _style(text: str) -> _Style:
    """As the first member of the document is written; an empty document gets two spaces."""
    top = _skip(text, 0)
    newline = "\r\n" if "\r\n" in text else "\n"
    children = _children(text, top)
    if not children:
        return _Style("  ", newline, " ", " ")
    gap = text[top + 1 : children[0].first]
    colon = " " if text[children[0].start - 1] in " \t" else ""
    if "\n" in gap:
        return _Style(gap.rpartition("\n")[2], newline, " ", colon)
    return _Style(None, newline, " " if colon or ", " in text else "", colon)


def _line_indent(text: str, at: int) -> str:
    """The white space that the line of a position begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _is_inline(text: str, span: Span) -> bool:
    """Whether a value that has parts stands on one line."""
    return text[span.start] in "[{" and "\n" not in text[span.start : span.end]


def _written(value: object, style: _Style, indent: str, *, inline: bool) -> str:
    """`value` as it would stand at an indentation, in the way that the document is written."""
    if inline or style.unit is None:
        return json.dumps(value, ensure_ascii=False, separators=("," + style.space, ":" + style.colon))
    lines = json.dumps(value, ensure_ascii=False, indent=style.unit, separators=(",", ":" + style.colon)).split("\n")
    return f"{style.newline}{indent}".join(lines)


def replace_strings(text: str, of: re.Pattern[str], change: Callable[[str], str]) -> str:
    """`text` with every JSON string that `of` matches from its first character changed, all else as it is."""

    def changed(match: re.Match[str]) -> str:
        string = json.loads(match[0])
        return json.dumps(change(string), ensure_ascii=False) if of.match(string) else match[0]

    return re.sub(r'"(?:[^"\\]|\\.)*"', changed, text)


def string(text: str) -> str:
    """A string as JSON, which is also one in JavaScript."""
    return json.dumps(text)
