"""Candidates: what the channels found in all stores, pooled, with every channel's score for each of them.

Pooling comes before any normalisation, so that a hit means the same whichever store it lies in. Lean.
"""

from __future__ import annotations

from memcli.index import search
from memcli.recall.channels import CHANNELS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.search import Document
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

REACH = 2000
"""Passages that each channel ranks in each store; what lies deeper counts as not found by it."""
DEPTH = 400
"""How many of these become candidates; the rest only tell what the channel thinks of candidates that others found."""


class Candidate:
    """One document that may be a result. `scores` are raw channel scores, `passages` the best passage for each channel."""

    __slots__ = ("code", "document", "features", "passages", "score", "scores", "source")

    def __init__(self, source: Source, document: Document) -> None:
        self.source = source
        self.document = document
        self.scores: dict[str, float] = {}
        self.passages: dict[str, int] = {}
        self.code = False  # whether its best passage is program code
        self.features: dict[str, float] = {}
        self.score = 0.0


class Pool:
    """The candidates of one question, and the turns around them, which lend evidence but are no candidates themselves."""

    __slots__ = ("around", "candidates")

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.around: dict[tuple[int, int], Candidate] = {}  # (store number, document) → candidate or neighbour


def gather(sources: list[Source], plan: Plan) -> Pool:
    """Ask every channel of every store and pool what they find."""
    pool = Pool()
    for number, source in enumerate(sources):
        hits = {name: channel.find(source, plan, REACH) for name, channel in CHANNELS.items()}
        found = {hit.document for ranked in hits.values() for hit in ranked[:DEPTH]}
        known = search.documents(source.connection, found | search.neighbours(source.connection, found))
        members = {document: Candidate(source, row) for document, row in known.items()}
        for name, ranked in hits.items():
            for hit in ranked:  # greatest first: the first hit of a document is its best
                candidate = members.get(hit.document)
                if candidate is not None and name not in candidate.scores:
                    candidate.scores[name], candidate.passages[name] = hit.score, hit.passage
                    candidate.code = candidate.code or hit.kind == "code"
        pool.candidates += [members[document] for document in members.keys() & found]
        pool.around.update(((number, document), candidate) for document, candidate in members.items())
    return pool
