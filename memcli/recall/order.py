"""What is true now: of several statements about the same thing, the one that the question is about goes first.

A question for the latest or the first of several ("where is it currently", "what was the first") prefers, among the
candidates that are about as good as the best, those from that end of time. A question for a value ("how many commits have
been merged", "where is the key") asks for the latest one all the same, unless it says that it wants an earlier one: where a
later candidate answers as much of the question as the best one and says something else, it goes first (a changed value is
the same subject with another number of what is counted, not two texts that differ). Time is an entry's own, then its place
in the session: order counts where dates do not.

Reads the texts of a few candidates. Lean.
"""

from __future__ import annotations

import re
from functools import cache

from memcli.index import search
from memcli.recall import intent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from memcli.recall.candidates import Candidate, Pool
    from memcli.recall.plan import Plan

GOOD = 0.7  # of the best score: candidates that may be the answer
MOST = 50  # candidates put in order for "latest" and "first"
LIFT = 0.15  # of its score that a candidate gains at that end of time
READ = 8  # candidates in which a changed value is looked for
SAME_QUESTION = 0.9  # of what the best meets of the question, weighed by how telling each token is
READ_PASSAGES = 6  # of a candidate, for its numbers
SAME_VALUE = 0.6  # is enough where the number of the same thing changed
NEAR = 8  # words between a number and what it counts, in one sentence
_UNITS = frozenset((
    "%", "percent", "hour", "minute", "second", "ms", "dollar", "km", "mile", "page", "word", "time", "x", "week", "month",
    "year", "k",
))  # fmt: skip
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBERS = {word: str(number) for number, word in enumerate(_WORDS, 1)}


def put_in_order(pool: Pool, plan: Plan) -> None:
    """Reorder the first candidates of a ranked pool by time, where the question asks for that."""
    if not pool.candidates:
        return
    if plan.order:
        _lift(pool, plan.order)
    if plan.order != intent.FIRST and intent.asks_for_value(plan.text):
        newer = _newer_value(pool, plan)
        if newer is not None:
            newer.shares["newer"] = pool.candidates[0].score - newer.score
            newer.score = pool.candidates[0].score
            pool.candidates.remove(newer)
            pool.candidates.insert(0, newer)


def _lift(pool: Pool, order: str) -> None:
    least = GOOD * pool.candidates[0].score
    good = [c for c in pool.candidates[:MOST] if c.score >= least]
    moments = sorted({_moment(c) for c in good if c.document.at}, reverse=order == intent.FIRST)
    if len(moments) < 2:
        return
    for candidate in good:
        if candidate.document.at:
            recency = moments.index(_moment(candidate)) / (len(moments) - 1)
            candidate.shares["recency"] = LIFT * recency * candidate.score
            candidate.score += candidate.shares["recency"]
    pool.candidates.sort(key=lambda c: -c.score)


def _newer_value(pool: Pool, plan: Plan) -> Candidate | None:
    """The first later candidate that answers the question as much as the best one does, with something else."""
    best = pool.candidates[0]
    reference = pool.matches.get(id(best))
    if reference is None or pool.telling is None:
        return None
    later = [
        candidate
        for candidate in pool.candidates[1:READ]
        if candidate.score >= GOOD * best.score
        and id(candidate) in pool.matches
        and (candidate.document.speaker or "").lower() == (best.document.speaker or "").lower()
        and _moment(candidate) > _moment(best)
    ]
    counted = intent.counted(plan.text)
    values = _values([best, *later], counted) if counted is not None and later else {}
    for candidate in later:
        alike = _alike(pool.matches[id(candidate)], reference, pool.telling)
        if counted is None:
            if alike >= SAME_QUESTION:
                return candidate
            continue
        old, new = values[id(best)], values[id(candidate)]
        shared = old.keys() & new.keys()
        if shared:
            if alike >= SAME_VALUE and any(not old[unit] & new[unit] for unit in shared):
                return candidate
        elif new and alike >= SAME_QUESTION:
            return candidate
    return None


def _alike(row: NDArray[np.float32], reference: NDArray[np.float32], telling: NDArray[np.float32]) -> float:
    """The share of what `reference` meets of the question that `row` meets too."""
    import numpy as np

    whole = float(reference @ telling)
    return float(np.minimum(row, reference) @ telling) / whole if whole > 0 else 0.0


def _moment(candidate: Candidate) -> tuple[str, int, int]:
    document = candidate.document
    return document.at or "", document.part or 0, document.ordinal


def _values(candidates: list[Candidate], counted: frozenset[str]) -> dict[int, dict[str, set[str]]]:
    """The numbers that each candidate states, keyed by `id`: by what is `counted` where that stands near, or by their unit."""
    found: dict[int, dict[str, set[str]]] = {}
    for candidate in candidates:
        stated = found.setdefault(id(candidate), {})
        for text in search.beginning(candidate.source.connection, candidate.document.id, READ_PASSAGES):
            for sentence in _sentence_ends().split(text.lower()):
                for unit, number in _numbers_in(sentence, counted):
                    stated.setdefault(unit, set()).add(number)
    return found


def _numbers_in(sentence: str, counted: frozenset[str]) -> Iterator[tuple[str, str]]:
    words = [intent.singular(word) for word in _words().findall(sentence)]
    places = [place for place, word in enumerate(words) if word in counted]
    for place, word in enumerate(words):
        number = _NUMBERS.get(word, word.strip("$").replace(",", ""))
        if not number[:1].isdigit():
            continue
        if places and min(abs(place - other) for other in places) <= NEAR:
            yield "counted", number
        elif place + 1 < len(words) and words[place + 1] in _UNITS:
            yield words[place + 1], number


@cache
def _words() -> re.Pattern[str]:
    return re.compile(r"\$?\d[\d,.]*\d|\$?\d|%|[^\W\d_]+")


@cache
def _sentence_ends() -> re.Pattern[str]:
    return re.compile(r"(?<=[.!?;])\s+|\n+")
