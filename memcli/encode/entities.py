"""Named things in a text: people, projects, files, symbols, packages, issues, errors, hosts, handles, tags, titles, versions.

Owns how a name is recognised and which spellings are one name. Nothing is learned and no list of names is kept: what
counts is how a thing is written. In prose that is a capital where no sentence begins; in notes about code it is syntax
(backticks, paths, `snake_case`, `camelCase`, `E0308`, `HAL-123`, `@handle`); in scripts without capitals it is quotes,
tags and what is written in Latin letters.

A capital at the beginning of a sentence or in a heading says little. Such a word is noted as `initial`: it counts only if
the store or the question has the same name for certain. That is decided when a question is asked, by the whole store, so
that the entities of a file depend on this file alone.

Promises: pure, linear in the text, bounded (`MAX_CHARACTERS` read, `MAX_MENTIONS` found), no failure on any string.
Lean: a question is read by the same rules.
"""

from __future__ import annotations

from collections import namedtuple

from memcli.encode.codenames import code_names
from memcli.encode.keys import fold, word_pattern, words
from memcli.encode.propernames import COMMON, LONGEST, proper_names
from memcli.encode.terms import STOP_WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KINDS = (
    "name", "part", "initial", "speaker", "symbol", "file", "package", "issue", "error", "host", "handle", "tag", "link",
    "quoted", "version",
)  # fmt: skip
"""The index stores a kind by its place here, so new ones go to the end.

`part` is one word of a name of several ("Ngozi" of "Ngozi Okafor"), `initial` what may owe its capital to the sentence or
heading that it begins.
"""
MAX_CHARACTERS = 8000
MAX_MENTIONS = 64
MAX_KEY = 64  # characters; nobody asks for a longer name letter by letter
MAX_WORDS = 120  # of a question that are looked up
MAX_STRETCHED = 100  # characters of a question in a script without spaces, of which each stretch
LONGEST_STRETCH = 8  # of up to so many is looked up

Asked = namedtuple("Asked", "start end keys sure")
Asked.__doc__ = """A stretch of a question that may name something: the `keys` to look up, and whether it is written as a name
(`sure`) or could be any words."""


def mentions(text: str, speaker: str | None = None, tags: Iterable[str] = ()) -> list[tuple[str, str]]:
    """(key, kind) of what `text` names, each key once, in order; who said it and its tags go first."""
    found: dict[str, str] = {}
    if speaker:
        names = words(speaker)
        _add(found, " ".join(names), "speaker")
        for word in names if len(names) > 1 else ():
            if len(word) > 2 and word not in COMMON:
                _add(found, word, "speaker")
    for tag in tags:
        _add(found, fold(tag), "tag")
    for _, _, key, kind in _found(text[:MAX_CHARACTERS]):
        if found.get(key) in (None, "initial", "part"):
            _add(found, key, kind)
        if len(found) >= MAX_MENTIONS:
            break
    return list(found.items())


def _add(found: dict[str, str], key: str, kind: str) -> None:
    if 1 < len(key) <= MAX_KEY and not (key in found and kind in ("initial", "part")):
        found[key] = kind


def asked(question: str) -> list[Asked]:
    """What a question may name, longest stretches first. Whether it does, the store's entities decide."""
    text = question[:MAX_CHARACTERS]
    spans: dict[tuple[int, int], dict[str, None]] = {}
    sure: set[tuple[int, int]] = set()
    for start, end, key, kind in _found(text):
        spans.setdefault((start, end), {})[key] = None
        if kind not in ("initial", "part"):
            sure.add((start, end))
    tokens = [(match.start(), match.end(), match[0]) for match in word_pattern().finditer(text)][:MAX_WORDS]
    folded = [fold(token) for _, _, token in tokens]
    for first in range(len(tokens)):
        for last in range(first, min(first + LONGEST, len(tokens))):
            ngram = folded[first : last + 1]
            if all(word in STOP_WORDS for word in ngram):
                continue
            keys = spans.setdefault((tokens[first][0], tokens[last][1]), {})
            if ngram[0] not in STOP_WORDS and ngram[-1] not in STOP_WORDS:
                keys[" ".join(ngram)] = None
            keys["".join(ngram)] = None
    for start, end, key in _stretches(tokens):
        spans.setdefault((start, end), {})[key] = None
    found = [
        Asked(*span, tuple(k for k in keys if 1 < len(k) <= MAX_KEY), span in sure) for span, keys in spans.items()
    ]
    return sorted((one for one in found if one.keys), key=lambda one: (one.start - one.end, one.start))


def _stretches(tokens: list[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """(start, end, key) of where names may lie in words of scripts that have neither capitals nor spaces."""
    left = MAX_STRETCHED
    for at, _, word in tokens:
        if not word.isascii() and word.lower() == word.upper():
            for start in range(min(len(word), left)):
                for end in range(start + 2, min(start + LONGEST_STRETCH, len(word)) + 1):
                    yield at + start, at + end, fold(word[start:end])
            left -= min(len(word), left)


def _found(text: str) -> Iterator[tuple[int, int, str, str]]:
    """(start, end, key, kind) of everything named: code first, then names in what is left."""
    found, prose = code_names(text if text.isascii() else _storable(text))
    yield from found
    yield from proper_names(prose)


def _storable(text: str) -> str:
    """Without lone surrogates, which SQLite refuses; as long as before."""
    return "".join(" " if "\ud800" <= character <= "\udfff" else character for character in text)
