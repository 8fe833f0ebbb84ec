"""Candidates: what the channels found in all stores, pooled, with every channel's score for each of them.

Pooling comes before any normalisation, so that a hit means the same whichever store it lies in. Lean.
"""

from __future__ import annotations

from memcli.index import search
from memcli.recall.channels import CHANNELS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from memcli.index.search import Document
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

DEPTH = 400
"""Passages that each channel offers from each store."""

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
        hits = {name: channel.find(source, plan, DEPTH) for name, channel in CHANNELS.items()}
        found: dict[int, dict[str, tuple[float, int, str]]] = {}
        for name, channel_hits in hits.items():
            for hit in channel_hits:  # greatest first: the first hit of a document is its best
                found.setdefault(hit.document, {}).setdefault(name, (hit.score, hit.passage, hit.kind))
        neighbours = search.neighbours(source.connection, found)
        wanted = set(found) | neighbours
        known = search.documents(source.connection, wanted)
        for document in wanted & known.keys():
            candidate = Candidate(source, known[document])
            for name, (score, passage, kind) in found.get(document, {}).items():
                candidate.scores[name], candidate.passages[name] = score, passage
                candidate.code = candidate.code or kind == "code"
            pool.around[number, document] = candidate
            if document in found:
                pool.candidates.append(candidate)
        _complete(source, plan, [pool.around[number, d] for d in wanted & known.keys()])
    return pool


def _complete(source: Source, plan: Plan, candidates: Iterable[Candidate]) -> None:
    """Fill in each channel's score for what other channels found."""
    for name, channel in CHANNELS.items():
        missing = {c.document.id: c for c in candidates if name not in c.scores}
        for document, score in channel.score(source, plan, missing).items():
            missing[document].scores[name] = score
