"""Candidates: what the channels found in all stores, pooled, with every channel's score for each of them.

Pooling comes before any normalisation, so that a hit means the same whichever store it lies in. Lean.
"""

from __future__ import annotations

from memcli.index import search
from memcli.recall.channels import CHANNELS, SECOND_HAND

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from memcli.index.search import Document
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

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

    __slots__ = ("around", "candidates", "matches", "telling")

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.around: dict[tuple[Source, int], Candidate] = {}  # by store and document: candidates and their neighbours
        # Late interaction (`recall.late`): by `id` of a candidate how well it meets each token of the question, and what
        # each token counts.
        self.matches: dict[int, NDArray[np.float32]] = {}
        self.telling: NDArray[np.float32] | None = None

    def turn(self, candidate: Candidate, step: int) -> Candidate | None:
        """The turn after a candidate (`step` 1) or before it (-1), if it is known."""
        # Turns of one file are indexed together, so their document numbers follow each other.
        other = self.around.get((candidate.source, candidate.document.id + step))
        return other if other is not None and other.document.entry == candidate.document.entry else None


def gather(sources: list[Source], plan: Plan) -> Pool:
    """Ask every channel of every store and pool what they find."""
    pool = Pool()
    for source in sources:
        hits = {name: channel.find(source, plan, REACH) for name, channel in CHANNELS.items()}
        first_hand = dict(hits)
        for name, channel in SECOND_HAND.items():
            hits[name] = channel.spread(source, plan, first_hand, REACH)
        found = {hit.document for ranked in hits.values() for hit in ranked[:DEPTH]}
        known = search.documents(source.connection, found | search.neighbours(source.connection, found))
        members = {document: Candidate(source, row) for document, row in known.items()}
        for name, ranked in hits.items():
            for hit in ranked:  # greatest first: the first hit of a document is its best
                candidate = members.get(hit.document)
                if candidate is None:
                    continue
                candidate.found[hit.passage] = None
                if name not in candidate.scores:
                    candidate.scores[name], candidate.passages[name] = hit.score, hit.passage
                    candidate.code = candidate.code or hit.kind == "code"
        pool.candidates += [members[document] for document in members.keys() & found]
        pool.around.update(((source, document), candidate) for document, candidate in members.items())
    return pool
