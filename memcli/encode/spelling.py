"""Misspelled words and the words they stand for: which strings are near, and how near.

The distance is Damerau's (1964), in its restricted form: letters inserted, left out, replaced, or two neighbours swapped.
Strings at distance 1 are all written out, to be looked up in a sorted list of words; at distance 2 only how they may begin.

For alphabets, Latin to Armenian; scripts without spaces are searched by pairs of characters, which bear an error anyway.
Pure. Lean: imported by recall.
"""

from __future__ import annotations

import re
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHORTEST, LONGEST = 4, 24  # letters; below, every word is near to every other; above, it is no word
TWO_ERRORS = 8  # letters from which a word may hold two
_HEAD = 4  # letters, or a third of a longer word

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def words(text: str) -> set[str]:
    """The distinct words of `text` that may be misspelled or meant: folded, SHORTEST to LONGEST long, with a letter."""
    text = fold(text)
    # One word in three is shorter than SHORTEST; in ASCII the engine passes over it.
    found = set((_long_ascii_word() if text.isascii() else _word()).findall(text))
    return {word for word in found if SHORTEST <= len(word) <= LONGEST and not word.isdigit()}


def replace(text: str, meant: Mapping[str, str]) -> str:
    """`text` with other words for those that `meant` has when folded."""
    return _word().sub(lambda word: meant.get(fold(word[0]), word[0]), text)


def fold(text: str) -> str:
    """Lower case, without the accents on Latin letters, as the keyword index holds it."""
    if text.isascii():
        return text.lower()
    from unicodedata import normalize  # late: ASCII texts need none of it

    return normalize("NFC", _accent().sub("", normalize("NFKD", text.lower())))


@cache
def _accent() -> re.Pattern[str]:
    return re.compile("(?<=[a-z])[\u0300-\u036f]+")


@cache
def _word() -> re.Pattern[str]:
    return re.compile("[0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u058f\u1e00-\u1fff]+")


@cache
def _long_ascii_word() -> re.Pattern[str]:
    return re.compile(f"[0-9A-Za-z]{{{SHORTEST},}}")


def edits(word: str) -> set[str]:
    """All strings at distance 1 of `word`; new letters are of its own alphabet, and digits if it has any."""
    return _edits(word, _alphabet(word))


def beginnings(word: str) -> set[str]:
    """How the words at distance 2 may begin: all but those with both errors in the head and the letter after it.

    Either the head is intact, or it holds one error and the letter after it is intact.
    """
    size = max(_HEAD, len(word) // 3)
    head, after = word[:size], word[size : size + 1]
    return {head} | {edited + after for edited in _edits(head, _alphabet(word))}


def _edits(word: str, alphabet: Iterable[str]) -> set[str]:
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {left + right[1:] for left, right in cuts if right}
    found |= {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    for letter in alphabet:
        found |= {left + letter + right[1:] for left, right in cuts if right}
        found |= {left + letter + right for left, right in cuts}
    found.discard(word)
    return found


def _alphabet(word: str) -> set[str]:
    letters = set(_LETTERS)
    for character in set(word):
        if character.isdigit():
            letters.update("0123456789")
        elif not character.isascii():  # the letters around it: 64 characters hold the lower case of an alphabet
            first = ord(character) & ~63
            letters.update(other for other in map(chr, range(first, first + 64)) if other.islower())
    return letters


def distance(one: str, other: str, at_most: int) -> int:
    """The restricted Damerau-Levenshtein distance of two words, or `at_most` + 1 when it is greater."""
    beyond = at_most + 1
    if abs(len(one) - len(other)) > at_most or len(set(one) ^ set(other)) > 2 * at_most:
        return beyond
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    two_back: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        current = [row]
        for column, against in enumerate(other, start=1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != against))
            if row > 1 < column and letter == other[column - 2] and one[row - 2] == against:
                cost = min(cost, two_back[column - 2] + 1)
            current.append(cost)
        if min(current) > at_most:
            return beyond
        two_back, last = last, current
    return min(last[-1], beyond)
