"""BERT's uncased WordPiece, read from a `tokenizer.json`: the same ids as the `tokenizers` package, which tests compare.

Ours, because of what the package brings to a cold start and to an install: 25–40 ms to import it and parse its file, and
45 MB of packages that it needs (a hub client with its network stack), in a tool whose memories never leave the machine.
One thing differs on purpose: `[SEP]` or `[MASK]` typed in a text are ordinary characters, not control tokens.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence

UNKNOWN, START, END = "[UNK]", "[CLS]", "[SEP]"
_CONTINUES = "##"
_MAX_WORD = 100  # characters; a longer word is unknown
_MAX_CACHED = 200_000  # words remembered; bounds memory over a long import

_ASCII_WORDS = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
_ASCII_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


class WordPiece:
    """Texts → token ids, greedily by the longest piece (Wu et al., arXiv 1609.08144; Devlin et al., arXiv 1810.04805)."""

    def __init__(self, vocabulary: dict[str, int]) -> None:
        self._vocabulary = vocabulary
        self.unknown, self._start, self._end = (vocabulary[token] for token in (UNKNOWN, START, END))
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def load(cls, path: str) -> WordPiece:
        """Raises ValueError when the file describes any other tokenizer, OSError when it cannot be read."""
        with open(path, encoding="utf-8") as file:
            described = json.load(file)
        model, normalizer = described["model"], described["normalizer"]
        same = (
            model["type"] == "WordPiece"
            and model.get("unk_token") == UNKNOWN
            and model.get("continuing_subword_prefix") == _CONTINUES
            and normalizer["type"] == "BertNormalizer"
            and normalizer["lowercase"]
            and described["pre_tokenizer"]["type"] == "BertPreTokenizer"
        )
        if not same:
            raise ValueError("its tokenizer is not an uncased WordPiece")
        return cls(model["vocab"])

    def encode(self, text: str, max_tokens: int) -> list[int]:
        """The ids of `text` between [CLS] and [SEP], at most `max_tokens` in all."""
        ids = [self._start]
        for word in words(text):
            ids += self._pieces(word)
            if len(ids) >= max_tokens:
                break
        return [*ids[: max_tokens - 1], self._end]

    def has_letters(self) -> list[bool]:
        """For each id of the vocabulary, whether its piece has a letter or a digit."""
        letters = [False] * (max(self._vocabulary.values()) + 1)
        for piece, number in self._vocabulary.items():
            letters[number] = any(character.isalnum() for character in piece)
        return letters

    def _pieces(self, word: str) -> list[int]:
        known = self._cache.get(word)
        if known is None:
            known = self._split(word)
            if len(self._cache) < _MAX_CACHED:
                self._cache[word] = known
        return known

    def _split(self, word: str) -> list[int]:
        if len(word) > _MAX_WORD:
            return [self.unknown]
        ids: list[int] = []
        start = 0
        while start < len(word):
            prefix = _CONTINUES if start else ""
            for end in range(len(word), start, -1):
                piece = self._vocabulary.get(prefix + word[start:end])
                if piece is not None:
                    ids.append(piece)
                    start = end
                    break
            else:
                return [self.unknown]
        return ids


def words(text: str) -> Sequence[str]:
    """The words and punctuation marks of a text, lower-cased, without accents and control characters."""
    if text.isascii():
        if not text.isprintable():
            text = text.translate(_ASCII_CONTROLS)
        return _ASCII_WORDS.findall(text.lower())
    found: list[str] = []
    for run in _normalised(text).split():
        word = ""
        for character in run:
            if _is_punctuation(character):
                if word:
                    found.append(word)
                found.append(character)
                word = ""
            else:
                word += character
        if word:
            found.append(word)
    return found


def _normalised(text: str) -> str:
    spaced = []
    for character in text:
        category = unicodedata.category(character)
        if character in "\t\n\r" or category == "Zs":
            spaced.append(" ")
        elif category[0] == "C" or character == "\ufffd":
            continue
        elif any(first <= ord(character) <= last for first, last in _IDEOGRAPHS):
            spaced.append(f" {character} ")
        else:
            spaced.append(character)
    decomposed = unicodedata.normalize("NFD", "".join(spaced))
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn").lower()


def _is_punctuation(character: str) -> bool:
    if character.isascii():
        return not (character.isalnum() or character.isspace())
    return unicodedata.category(character)[0] == "P"
