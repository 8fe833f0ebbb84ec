"""A passage as plain sentences, and a sentence as telling words: what digests choose from and lessons compare.

Promises: a sentence is a verbatim slice of its text, line breaks inside it turned into spaces; headings, tables, code and
lines that only link are no sentences. Pure, linear, no failure on any string.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache

from memcli.encode import terms
from memcli.index import db

_FENCE = re.compile(r"\s*(?:[-*+] +)?(```|~~~)")
_NO_PROSE = re.compile(r" {0,3}(?:#{1,6}\s|\||<!--|</?\w|[-*_=]{3,}\s*$)|(?: {4}|\t)\s*\S")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?")
_QUOTE = re.compile(r"^ {0,3}(?:>\s?)+")
_ONLY_LINKS = re.compile(r"(?:[\w -]{0,41}\[\[[^\]]*\]\][\s,.;]*)+")
_END = re.compile(r"[.!?…]+[\"'”’)\]*_]*\s+(?=[\"'“‘(\[*_`]*[^\W_a-zµ])|[。！？]+[」』）]?\s*")
_SHORT_FORM = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|cf|vs|approx|resp|Dr|Mr|Mrs|Ms|Prof|St|No|Nr|Fig|Inc|Ltd)|\b[A-Z])\.\s*$"
)
_WORD = re.compile(r"(?:[^\W_]|[\ue000-\ue853])+")
_ADDRESS = re.compile(r"\w+://[^\s)>\]]+|\bwww\.[^\s)>\]]+")
_CONTRACTION = re.compile(r"(?<=[a-z])['’](?:s|d|ll|re|ve|m)\b", re.IGNORECASE)


def sentences(text: str) -> Iterator[str]:
    """The sentences of a passage, in order, each in one line and without the marks of a list or quotation before it."""
    for block in _paragraphs(text):
        start = 0
        for match in _END.finditer(block):
            if not _SHORT_FORM.search(block, start, match.end()):
                yield block[start : match.end()].strip()
                start = match.end()
        if rest := block[start:].strip():
            yield rest


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs and list items, each in one line; what is no prose is left out."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        is_prose = not (mark or fence) and line.strip() and not (_NO_PROSE.match(line) and not _ITEM.match(line))
        item = _ITEM.match(line)
        if lines and (item or not is_prose):
            yield " ".join(lines)
            lines = []
        if is_prose:
            said = _QUOTE.sub("", line[item.end() :] if item else line).strip()
            if said and not _ONLY_LINKS.fullmatch(said):
                lines.append(said)
    if lines:
        yield " ".join(lines)


def words(text: str) -> list[str]:
    """The words of a sentence in order, stop words included, lower-cased; pairs of characters in scripts without spaces.

    Those of addresses are left out.
    """
    return _WORD.findall(terms.fts_text(_CONTRACTION.sub("", _ADDRESS.sub(" ", text))).lower())


def telling(text: str) -> set[str]:
    """The stems of a sentence's words that are no stop words."""
    return {stem(word) for word in words(text) if word not in terms.STOP_WORDS and len(word) > 1}


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """One form for an English word's endings: tests, testing, tested → test. Other words stay as they are.

    Weaker than Porter's, whose stems the index keeps to itself: plural, -ed and -ing, a doubled consonant, a last e.
    """
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    cut = re.sub(r"(?<=..)ies$", "y", word)
    if cut == word and not word.endswith("ss"):
        cut = re.sub(r"(?<=[a-z][a-z][a-z])(?:ing|ed|es|s)$", "", word)
        cut = re.sub(r"([bdgklmnprt])\1$", r"\1", cut) if cut != word else cut
    return cut.removesuffix("e") if len(cut) > 3 else cut


class Rarity:
    """How much a word of one store says: its inverse document frequency, memories being the documents (from `vocabulary`)."""

    def __init__(self, connection: db.Connection) -> None:
        self._memories: int = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
        self._held: dict[str, int] = {}
        for word, held in connection.execute("SELECT word, memories FROM vocabulary"):
            key = stem(word)
            self._held[key] = max(self._held.get(key, 0), held)

    def of(self, key: str) -> float:
        """Of a stem: above 0; about 0.7 where every memory has the word."""
        return math.log(1 + (self._memories + 1) / (1 + self.memories_with(key)))

    def memories_with(self, key: str) -> int:
        return self._held.get(key, 0)
