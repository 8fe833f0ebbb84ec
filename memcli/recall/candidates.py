"""Candidates: what the channels found in all stores, pooled, with every channel's score for each of them.

Pooling comes before any normalisation, so that a hit means the same whichever store it lies in. Lean.
"""

from __future__ import annotations

from memcli.index import search
from memcli.recall.begun import Begun
from memcli.recall.channels import CHANNELS, GO_BY_ADDED, LONGEST, NEED_THE_MODEL, SECOND_HAND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from memcli.index.search import Document, PassageHit
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

LARGE = 20_000  # passages from which on a second thread takes the longest channel; below, it is not worth a connection
REACH = 300
"""Passages that each channel ranks in each store; what lies deeper counts as not found by it."""
DEPTH = 100
"""How many of these become candidates; the rest only tell what the channel thinks of candidates that others found."""


class Candidate:
    """One document that may be a result.

    `scores` are raw channel scores and `passages` the best passage for each channel; `found`, all of its passages that a
    channel found, best first. `values` are the scores made comparable, `features` what fusion weighs, `shares` what each
    adds to the `score`, and `lent`, 0..1, how much a turn means by what is around it (`recall.features`).
    """

    __slots__ = (
        "code",
        "document",
        "features",
        "found",
        "lent",
        "passages",
        "score",
        "scores",
        "shares",
        "source",
        "values",
    )

    def __init__(self, source: Source, document: Document) -> None:
        self.source = source
        self.document = document
        self.scores: dict[str, float] = {}
        self.passages: dict[str, int] = {}
        self.found: dict[int, None] = {}
        self.code = False  # whether its best passage is program code
        self.lent = 0.0
        self.values: dict[str, float] = {}
        self.features: dict[str, float] = {}
        self.shares: dict[str, float] = {}
        self.score = 0.0


class Pool:
    """The candidates of one question, and the turns around them, which lend evidence but are no candidates themselves."""

    __slots__ = ("around", "beside", "candidates", "hits", "matches", "read", "telling")

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.hits: dict[Source, dict[str, list[PassageHit]]] = {}  # of each channel
        # By store and document: candidates and those turns next to them that a channel found as well,
        self.around: dict[tuple[Source, int], Candidate] = {}
        # and those that none found, as far as late interaction reads them.
        self.beside: dict[tuple[Source, int], Candidate] = {}
        # Late interaction (`recall.late`): by `id` of a candidate how well it meets each token of the question, and what
        # each token counts; the same of each passage read, by store and content hash.
        self.matches: dict[int, NDArray[np.float32]] = {}
        self.telling: NDArray[np.float32] | None = None
        self.read: dict[tuple[Source, bytes], NDArray[np.float32]] = {}

    def turn(self, candidate: Candidate, step: int) -> Candidate | None:
        """The turn after a candidate (`step` 1) or before it (-1), if it is known."""
        # Turns of one file are indexed together, so their document numbers follow each other.
        place = candidate.source, candidate.document.id + step
        other = self.around.get(place) or self.beside.get(place)
        return other if other is not None and other.document.entry == candidate.document.entry else None

    def know_turns(self, candidates: Iterable[Candidate]) -> None:
        """Get to know the turns before and after these candidates."""
        wanted: dict[Source, set[int]] = {}
        for candidate in candidates:
            number = candidate.document.id
            missing = {n for n in (number - 1, number + 1) if (candidate.source, n) not in self.around}
            wanted.setdefault(candidate.source, set()).update(missing)
        for source, numbers in wanted.items():
            for number, row in source.kept.documents(numbers).items():
                self.beside[source, number] = Candidate(source, row)


def gather(sources: list[Source], plan: Plan, before: Pool | None = None, *, second_hand: bool = True) -> Pool:
    """Ask every channel of every store and pool what they find, or those alone that do not go by what others found.

    `before` is what was found for the same question without added terms, which most channels do not go by.
    """
    pool = Pool()
    pool.read = before.read if before else {}
    for source in sources:
        source.expect(plan.text)
    for source in sources:
        first_hand = _first_hand(source, plan, before)
        hits = dict(first_hand)
        for name, channel in SECOND_HAND.items() if second_hand else ():
            hits[name] = channel.spread(source, plan, first_hand, REACH)
        pool.hits[source] = hits
        _pool(pool, source, hits)
    return pool


def _first_hand(source: Source, plan: Plan, before: Pool | None) -> dict[str, list[PassageHit]]:
    """What each channel of CHANNELS finds in a store, in their order."""
    if before is not None:
        known = {name: before.hits[source][name] for name in CHANNELS}
        return known | {name: CHANNELS[name].deepen(source, plan, known[name], REACH) for name in GO_BY_ADDED}
    aside = None
    if search.size(source.connection) >= LARGE:
        aside = Begun(CHANNELS[LONGEST].find, source.aside(), plan, REACH)
    found = {
        name: channel.find(source, plan, REACH)
        for name, channel in sorted(CHANNELS.items(), key=lambda one: one[0] in NEED_THE_MODEL)
        if name != LONGEST or aside is None
    }
    if aside is not None:
        found[LONGEST] = aside.result()
    return {name: found[name] for name in CHANNELS}


def _pool(pool: Pool, source: Source, hits: dict[str, list[PassageHit]]) -> None:
    """Make candidates of what the channels found in a store, deep enough, and know what stands around them."""
    found = {hit.document for ranked in hits.values() for hit in ranked[:DEPTH]}
    deeper = {hit.document for ranked in hits.values() for hit in ranked[DEPTH:]}
    next_to = {number for number in deeper - found if number - 1 in found or number + 1 in found}
    known = source.kept.documents(found | next_to)
    members = {
        number: Candidate(source, row)
        for number, row in known.items()
        if number in found
        or any(n in found and n in known and known[n].entry == row.entry for n in (number - 1, number + 1))
    }
    for name, ranked in hits.items():
        for number, document, score, kind in ranked:  # greatest first: the first hit of a document is its best
            candidate = members.get(document)
            if candidate is None:
                continue
            candidate.found[number] = None
            if name not in candidate.scores:
                candidate.scores[name], candidate.passages[name] = score, number
                candidate.code = candidate.code or kind == "code"
    pool.candidates += [candidate for number, candidate in members.items() if number in found]
    pool.around.update(((source, number), candidate) for number, candidate in members.items())
