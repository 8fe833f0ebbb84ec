"""The temporal channel: documents close to the time that a question asks about. Silent where it names none.

A document is as close as the closest of its times: the days that it mentions; its own day, less where it mentions others;
the time while it says that it holds. Inside the asked time a document has 1, less if its own is vaguer ("in May", asked
about the 12th); outside it has less, by the Gaussian of the days between, which is wider for a longer time: people
misremember those by more.

Closeness alone is no answer, as half of a store may lie inside "last month". So it is told of all that the other channels
found, which it is worth most to, and of what they missed only as far as there is not too much of it; among documents that
are equally close those come first that the others put first.
"""

from __future__ import annotations

import math
from functools import lru_cache

from memcli.encode.days import MAX_DAY, Interval
from memcli.index import graph, search, timeline
from memcli.index.search import Filter, PassageHit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.timeline import Dated
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

READ = 200  # hits of each other channel: as many as become candidates
MISSED = 100  # documents on each side of the asked time, and inside it
LEAST_SPREAD, SPREAD = 1.5, 0.25  # standard deviation: days, or a share of the asked time
OPEN_SPREAD = 3.0  # days, before "since May" and after "until June 3"
NEAR_THE_BOUND, BOUND_SPREAD = 0.25, 30.0  # "since May" rather means June than October: by this much, over these days
OUTSIDE_SHARE = 0.6  # what the day before the asked time counts for: nearly right is not right
OWN_SHARE = 0.6  # what a document's own day counts for where it tells of other days
VAGUE_SHARE = 0.5  # what a time counts for that holds the asked one and much besides
VALID_SHARE = 0.8  # what holds all the time is of no time in particular


def spread(source: Source, plan: Plan, hits: dict[str, list[PassageHit]], limit: int) -> list[PassageHit]:
    """The documents closest to the asked time, of `hits`, by channel, in the same store, and of those that they missed."""
    if plan.asked is None:
        return []
    places: dict[int, tuple[int, PassageHit]] = {}  # the best place that any channel gives a document
    for ranked in hits.values():
        for place, hit in enumerate(ranked[:READ]):
            if hit.document not in places or place < places[hit.document][0]:
                places[hit.document] = place, hit
    known = set(places)
    if plan.where != Filter():
        known = graph.within(source.connection, known, plan.where)
    known |= _around(source, plan)
    close = _closeness(source, plan, known)
    best = sorted(close, key=lambda one: (-close[one][0], places[one][0] if one in places else READ, one))[:limit]
    # What another channel found says more than the beginning of a document does, unless it is about another day.
    own = {one: places[one][1] for one in best if close[one][1] is None and one in places}
    wanted = {one: (one, close[one][1] or 0) for one in best if one not in own}
    passages = search.passages_at(source.connection, wanted.values())
    found = []
    for one in best:
        passage, kind = (own[one].passage, own[one].kind) if one in own else passages.get(wanted[one], (None, ""))
        if passage is not None:
            found.append(PassageHit(passage, one, close[one][0], kind))
    return found


def _around(source: Source, plan: Plan) -> set[int]:
    """Documents inside the asked times and beside them, the nearest first."""
    found: set[int] = set()
    for asked in plan.asked.intervals:
        first, last = asked
        reach = math.ceil(3 * _deviation(asked))
        from_the_end = last is not None and (first is None or plan.order != "first")
        sides = [(Interval(first or 1, last or MAX_DAY), from_the_end)]
        sides += [(Interval(first - reach, first - 1), True)] if first is not None else []
        sides += [(Interval(last + 1, last + reach), False)] if last is not None else []
        for days, latest in sides:
            found |= timeline.within(source.connection, days, MISSED, plan.where, latest=latest)
    return found


# --- how close --------------------------------------------------------------------------------------------------------

if TYPE_CHECKING:
    Closeness = tuple[float, int | None]  # 0..1, and the passage that mentions the day, None where it is another time


def _closeness(source: Source, plan: Plan, documents: set[int]) -> dict[int, Closeness]:
    """How close these documents are to the asked times; those that are not at all are left out."""
    found = {}
    for document, known in timeline.dated(source.connection, documents).items():
        best = max((_closest(known, asked) for asked in plan.asked.intervals), key=lambda one: one[0])
        if best[0] > 0.0:
            found[document] = best
    return found


def _closest(known: Dated, asked: Interval) -> Closeness:
    """The best of a document's times."""
    best: Closeness = 0.0, None
    if known.day is not None:
        best = _near(known.day, known.day, asked) * (OWN_SHARE if known.events else 1.0), None
    if known.valid is not None:
        best = max(best[0], VALID_SHARE * _held(known.valid, asked)), None
    for ordinal, first, last in known.events:
        score = _near(first, last, asked)
        if score > best[0]:
            best = score, ordinal
    return best


@lru_cache(1024)  # most documents share their day with others
def _near(begin: int, end: int, asked: Interval) -> float:
    """1 for days inside the asked time, less for days that are partly or wholly outside."""
    first, last = asked
    early = first - end if first is not None else -MAX_DAY  # by how many days
    late = begin - last if last is not None else -MAX_DAY
    gap = max(early, late)
    if gap > 0:
        return OUTSIDE_SHARE * math.exp(-0.5 * (gap / _deviation(asked)) ** 2)
    inside = min(end, last or MAX_DAY) - max(begin, first or 1) + 1
    share: float = VAGUE_SHARE + (1.0 - VAGUE_SHARE) * inside / (end - begin + 1)
    if first is None or last is None:
        share *= 1.0 - NEAR_THE_BOUND * (1.0 - math.exp(gap / BOUND_SPREAD))
    return share


def _deviation(asked: Interval) -> float:
    """By how many days one may be wrong about a time."""
    return OPEN_SPREAD if None in asked else max(LEAST_SPREAD, SPREAD * (asked.last - asked.first + 1))


def _held(valid: Interval, asked: Interval) -> float:
    """The share of the asked time on which something held; of a time without beginning or end any day is enough."""
    first, last = max(valid.first, asked.first or 1), min(valid.last, asked.last or MAX_DAY)
    if last < first:
        return 0.0
    share: float = 1.0 if None in asked else (last - first + 1) / (asked.last - asked.first + 1)
    return VAGUE_SHARE + (1.0 - VAGUE_SHARE) * share
