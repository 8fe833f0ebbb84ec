"""What importers found → what files can hold: secrets masked, texts cut to size, refs and titles of one line.

Pure: reads and writes nothing. What it makes of an item is the same at every import.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import lru_cache

from memcli.guard import limits, secrets
from memcli.importers import Imported, Item, Note, Skipped
from memcli.memory import DEFAULT_TYPE, TYPES, short_title
from memcli.text import iso_date

MAX_TEXT_BYTES = 240 * 1024  # a longer text is kept in parts, so that every file stays readable and indexable
MAX_TAGS = 50
_CUT_CHARS = MAX_TEXT_BYTES // 4  # where a line longer than that is cut; a character is at most 4 bytes
_MAX_TITLE_CHARS = 300  # what a title may have (memory.parse); the rest of a longer one goes to the text
_MAX_KEY_CHARS = 200


class Cleaner:
    """Makes items fit: called with one, it returns it with secrets masked. `masked` counts those by rule."""

    def __init__(self) -> None:
        self.masked: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._masked_line = lru_cache(10_000)(lambda text: secrets.mask(one_line(text)))

    def __call__(self, item: Imported) -> Imported:
        if isinstance(item, Skipped):
            return item
        if isinstance(item, Note):
            return self._note(item)
        text = self._mask(_printable(item.text).replace("\r\n", "\n"), secrets.mask)
        title = self._mask(item.title or "", self._masked_line)
        if len(title) > _MAX_TITLE_CHARS:
            text, title = f"{title}\n\n{text}", short_title(title, _MAX_TITLE_CHARS // 2)
        return item._replace(
            text=text,
            title=title or None,
            ref=_key(item.ref) or self._made_ref(item),
            session=_key(item.session),
            speaker=self._mask(item.speaker or "", self._masked_line)[:_MAX_KEY_CHARS] or None,
            type=item.type if item.type in TYPES and item.type != "episode" else DEFAULT_TYPE,
            tags=tuple(filter(None, (one_line(tag).lstrip("#")[:_MAX_KEY_CHARS] for tag in item.tags[:MAX_TAGS]))),
            created=iso_date(item.created),
        )

    def _made_ref(self, item: Item) -> str:
        """A ref for an item without one, the same at every import of its source; equal items are numbered."""
        told = "\0".join((item.session or "", item.speaker or "", item.created or "", item.title or "", item.text))
        name = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._seen[name] = self._seen.get(name, 0) + 1
        return f"text-{name}-{self._seen[name]}"

    def _note(self, note: Note) -> Note:
        if limits.problem(note.data):
            return note  # it will not be written
        masked = self._mask(note.data.decode("utf-8"), secrets.mask)
        return note._replace(data=masked.encode("utf-8"))

    def _mask(self, text: str, mask: Callable[[str], tuple[str, list[str]]]) -> str:
        masked, rules = mask(text)
        for rule in rules:
            self.masked[rule] = self.masked.get(rule, 0) + 1
        return masked


def _printable(text: str) -> str:
    """`text` without NULs and halves of surrogate pairs, which JSON can hold and a UTF-8 text file cannot."""
    return re.sub("[\x00\ud800-\udfff]", "\ufffd", text)


def one_line(text: str) -> str:
    return " ".join(_printable(text).split())


def _key(value: str | None) -> str | None:
    """A ref or session as files give it back: one line, bounded (a longer one ends in its hash), no end of a comment."""
    line = one_line(value or "").replace("-->", "→")
    if len(line) > _MAX_KEY_CHARS:
        line = f"{line[: _MAX_KEY_CHARS - 20]}…{hashlib.sha256(line.encode()).hexdigest()[:16]}"
    return line or None


def text_parts(text: str) -> list[str]:
    """A text in pieces small enough for a file and a line; almost always the text itself.

    Cut at line ends; a line that is itself too long is cut where it must be, and gains a line end there.
    """
    if len(text) < _CUT_CHARS or len(text.encode()) <= MAX_TEXT_BYTES:
        return [text]
    lines: list[str] = []
    for line in text.split("\n"):
        fits = len(line.encode()) < MAX_TEXT_BYTES
        lines += [line] if fits else [line[i : i + _CUT_CHARS] for i in range(0, len(line), _CUT_CHARS)]
    parts: list[list[str]] = [[]]
    size = 0
    for line in lines:
        length = len(line.encode()) + 1
        if size and size + length > MAX_TEXT_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(line)
        size += length
    return ["\n".join(part) for part in parts]
