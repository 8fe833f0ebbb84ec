"""Candidates and pools made by hand, for what is worked out from them without a store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np

from memcli.encode.embedder import Question
from memcli.index.search import Document
from memcli.recall.candidates import Candidate, Pool
from memcli.recall.source import Source

BLANK = Document(*[None] * len(Document._fields))


def candidate(source: object, number: int, **known: Any) -> Candidate:
    """A turn of an episode (`anchor=None`: a note), with these columns of a document."""
    columns = {"anchor": f"t{number}", "entry": 1, "ordinal": number, "path": "talk.md", "length": 10, **known}
    made = Candidate(cast(Source, source), BLANK._replace(id=number, **columns))
    made.found = {10 * number: None}
    return made


def pool_of(candidates: Iterable[Candidate], around: Iterable[Candidate] = ()) -> Pool:
    pool = Pool()
    pool.candidates = list(candidates)
    pool.around = {(c.source, c.document.id): c for c in [*pool.candidates, *around]}
    return pool


class Coded:
    """A store as late interaction sees it: a question's tokens, and token codes by passage."""

    def __init__(self, tokens: list[list[float]], codes: dict[int, bytes]) -> None:
        self._tokens = np.array(tokens, dtype=np.float32)
        self.connection = self.kept = self
        self._codes = codes

    def question(self, text: str) -> Question:
        return Question(self._tokens.sum(axis=0), self._tokens)

    def documents(self, ids: Iterable[int]) -> dict[int, Document]:
        return {}

    def codes(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        return {key: self._codes[int(key)] for key in hashes if int(key) in self._codes}
