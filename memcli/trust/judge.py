"""The verdict on every text that an index takes in: what is known of it, or else where it came from; noted once, by content.

A store that is met for the first time, and that this user did not make, has all that lies in it held. From then on a text that
nobody knows is the user's own where it was written here, and held where version control brought it or that cannot be told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from memcli import tree
from memcli.errors import MemError
from memcli.guard.speech import suspicious
from memcli.places import Place, is_personal
from memcli.text import content_hash, digest
from memcli.trust.origin import WRITTEN, Origins
from memcli.trust.record import CACHE, MET, REJECTED, Record
from memcli.trust.verdict import AGENT, HELD, QUARANTINED, TRUSTED, YOURS


class Verdict(NamedTuple):
    """Who may speak: the word about a memory, and the numbers of those of its turns that may not."""

    word: str
    muted: frozenset[int] = frozenset()


class Judge:
    """Judges what one look at a store's files brings up. `token` names the index that it is for, if it is for one."""

    def __init__(self, place: Place, token: str | None = None) -> None:
        self.place = place
        self._token = token
        self._record = Record(place)
        self._is_personal = is_personal(place)
        self._origins = Origins()
        self.is_first = not self._is_personal and token is not None and not self._record.knows(token)
        """Whether the index is one that the record does not know: all of its files are to be judged."""
        self._meets = self.is_first and not self._record.is_only_made

    def verdicts(self, hashes: Mapping[str, str], said: Callable[[str], Sequence[str]]) -> dict[str, Verdict]:
        """Verdicts by path on files given by content hash; `said` has the texts of one, turn by turn.

        What is new is noted for good. Raises WriteFailed.
        """
        words = self._record.words(set(hashes.values()))
        new: dict[str, str] = {}
        for path, name in hashes.items():
            if name not in words:
                words[name], noted = self._on_unknown(path, name)
                new |= noted
        self._record.note(new)
        return {path: self._verdict(words[name], said, path) for path, name in hashes.items()}

    def renewed(self, hashes: Mapping[str, str], said: Callable[[str], Sequence[str]]) -> dict[str, Verdict]:
        """Verdicts by path on files that were judged before, from the record alone: what it does not know is held."""
        words = self._record.words(set(hashes.values()))
        unknown = YOURS if self._is_personal else HELD
        return {path: self._verdict(words.get(name, unknown), said, path) for path, name in hashes.items()}

    def done(self) -> None:
        """Note that this store was met, once all of its files were judged."""
        if self.is_first:
            self._record.note({}, f"{CACHE} {self._token}", f"{MET} {time.time_ns()}")
            self.is_first = self._meets = False

    def _on_unknown(self, path: str, name: str) -> tuple[str, dict[str, str]]:
        """The word about a text that nobody knows, and what is to be noted."""
        if self._is_personal:
            return YOURS, {}
        if self._meets and not self._record.exists:
            return HELD, {name: HELD}
        try:
            data = tree.read(self.place, path)
        except MemError:
            return HELD, {}
        if content_hash(data) != name:
            return HELD, {}  # it changed since it was read: the next look judges it
        exact = digest(data)  # what is written through mem is noted before line ends are looked at
        word = self._record.words([exact]).get(exact) or self._by_origin(path, data)
        return word, {name: word, exact: word}

    def _by_origin(self, path: str, data: bytes) -> str:
        if self._meets:
            return HELD
        if self._origins.of(self.place.absolute(path), data) == WRITTEN:
            return YOURS
        if not self._record.follows:
            return HELD
        return QUARANTINED if suspicious(data.decode("utf-8", "replace")) else TRUSTED

    def _verdict(self, word: str, said: Callable[[str], Sequence[str]], path: str) -> Verdict:
        if word == AGENT:
            texts = said(path)
            muted = frozenset(number for number, text in enumerate(texts) if suspicious(text))
            return Verdict(QUARANTINED) if muted and len(texts) == 1 else Verdict(AGENT, muted)
        if word == HELD and self._is_personal:
            return Verdict(YOURS)
        return Verdict(QUARANTINED if word == REJECTED else word)
