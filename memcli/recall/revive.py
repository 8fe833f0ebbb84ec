"""Archived memories have no vectors and no token codes; those that words find are embedded for the question, in memory alone.

So that what faded away is judged by its meaning once it is asked for, and only then: the few best by words, which costs a
tenth of a second where there are any. Nothing is written; coming back for good is what feedback is for. Lean: numpy and the
model are used when there is something to embed.
"""

from __future__ import annotations

from memcli.index import search
from memcli.recall.change import ARCHIVED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.recall.candidates import Candidate, Pool
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

MOST = 16  # archived candidates that are embedded, best first by words


def revive(pool: Pool, plan: Plan) -> None:
    """Give the best archived candidates of a pool the semantic score that they would have, and lend their codes."""
    faded: dict[Source, list[Candidate]] = {}
    for candidate in pool.candidates:
        if candidate.document.tier == ARCHIVED and "keyword" in candidate.scores and "semantic" not in candidate.scores:
            faded.setdefault(candidate.source, []).append(candidate)
    for source, candidates in faded.items():
        question = source.question(plan.text)
        if question is None:
            continue
        candidates.sort(key=lambda c: -c.scores["keyword"])
        chosen = {candidate.passages["keyword"]: candidate for candidate in candidates[:MOST]}
        vectors = source.revived(search.embedding_texts(source.connection, chosen))
        for passage, candidate in chosen.items():
            if passage in vectors:
                candidate.scores["semantic"] = float(question.vector @ vectors[passage])
                candidate.passages["semantic"] = passage
